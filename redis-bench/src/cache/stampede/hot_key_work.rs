//! Requests for the hot key: a read, and where it finds no value, what the guard makes of it.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{OperationId, OperationTable, Timestamps, UserId};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use redis::{Cmd, ErrorKind, RedisError, Value};

use super::hot_key_stamp::{HotKeyStamp, STAMP_BYTES};
use super::stampede_log::StampedeLog;
use crate::cache::backend::Backend;
use crate::cli::StampedeGuard;
use crate::clients::{RedisConnection, RequestError, RequestResult, Task, Work, user_random};
use crate::keys::expiry::Expiry;

const OPERATIONS: &[&str] = &["get", "miss", "early"];
/// Operation of a read that found a value.
const GET: OperationId = OperationId::nth(0);
/// Operation of a read that found none, until it has the value.
const MISS: OperationId = OperationId::nth(1);
/// Operation of a read that found a value and computed it anew before its expiry.
const EARLY: OperationId = OperationId::nth(2);

/// Pause of a request that waits for the holder of the lock, between two reads.
const WAIT_FOR_HOLDER: Duration = Duration::from_millis(10);
/// Removes the lock if it is still that of its holder.
const UNLOCK: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Parts that the requests of all users share.
#[derive(Debug)]
pub(super) struct HotKey {
    pub(super) guard: StampedeGuard,
    pub(super) name: Vec<u8>,
    pub(super) lock: Vec<u8>,
    pub(super) lock_ms: u64,
    pub(super) expiry: Expiry,
    /// Text whose first bytes each computation replaces by its stamp.
    pub(super) value: Vec<u8>,
    pub(super) backend: Backend,
    pub(super) log: Arc<StampedeLog>,
    pub(super) seed: u64,
}

/// Requests for the hot key.
#[derive(Debug, Clone)]
pub(crate) struct HotKeyWork(pub(super) Arc<HotKey>);

impl Work for HotKeyWork {
    type Task = HotKeyTask;

    fn operations(&self) -> OperationTable {
        OPERATIONS.into()
    }

    fn task(&self, user: UserId) -> HotKeyTask {
        let hot = Arc::clone(&self.0);
        let mut get = redis::cmd("GET");
        get.arg(&hot.name);
        HotKeyTask {
            random: user_random(hot.seed, user),
            value: hot.value.clone(),
            command: "GET",
            get,
            hot,
        }
    }
}

/// Requests of one user for the hot key.
#[derive(Debug)]
pub(crate) struct HotKeyTask {
    hot: Arc<HotKey>,
    random: SmallRng,
    get: Cmd,
    value: Vec<u8>,
    /// Name of the last command that was sent.
    command: &'static str,
}

impl HotKeyTask {
    /// Reads the key. Returns the stamp of its value; `None` if there is none.
    async fn read<C: RedisConnection>(
        &mut self,
        connection: &mut C,
    ) -> Result<Option<HotKeyStamp>, RequestError> {
        self.command = "GET";
        let stamp = match connection.command(&self.get).await? {
            Value::Nil => return Ok(None),
            Value::BulkString(value) if value.len() == self.value.len() => {
                HotKeyStamp::read(&value[..STAMP_BYTES])
            }
            _ => None,
        };
        stamp.map(Some).ok_or_else(|| {
            RequestError::Redis(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "a key of ours holds what we never wrote",
            )))
        })
    }

    /// Fetches the value from the back-end, and writes it.
    async fn compute<C: RedisConnection>(
        &mut self,
        connection: &mut C,
    ) -> Result<(), RequestError> {
        let hot = Arc::clone(&self.hot);
        let call = hot.log.begin();
        hot.backend.call(&mut self.random).await;
        let life_ms = hot.expiry.draw_ms(&mut self.random);
        let stamp = HotKeyStamp {
            expires_us: HotKeyStamp::now_us() + life_ms * 1_000,
            computed_us: call.took_us(),
        };
        stamp.write(&mut self.value);
        self.command = "SET";
        let mut set = redis::cmd("SET");
        set.arg(&hot.name).arg(&self.value).arg("PX").arg(life_ms);
        connection.command(&set).await?;
        Ok(())
    }

    /// Takes the lock and computes the value, or waits until the holder of the lock has done so.
    async fn compute_or_wait<C: RedisConnection>(
        &mut self,
        connection: &mut C,
    ) -> Result<(), RequestError> {
        let token: u64 = self.random.random();
        let hot = Arc::clone(&self.hot);
        let mut lock = redis::cmd("SET");
        lock.arg(&hot.lock).arg(token);
        lock.arg("NX").arg("PX").arg(hot.lock_ms);
        loop {
            self.command = "SET";
            if connection.command(&lock).await? != Value::Nil {
                // Another holder may have written the value between the read and the lock.
                if self.read(connection).await?.is_none() {
                    self.compute(connection).await?;
                }
                self.command = "EVAL";
                let mut unlock = redis::cmd("EVAL");
                unlock.arg(UNLOCK).arg(1).arg(&hot.lock).arg(token);
                connection.command(&unlock).await?;
                return Ok(());
            }
            tokio::time::sleep(WAIT_FOR_HOLDER).await;
            if self.read(connection).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Executes a request, and tells its operation to `timestamps`. Returns the operation with the
    /// error of a request that failed.
    async fn request<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        timestamps: &mut Timestamps,
    ) -> (OperationId, Result<(), RequestError>) {
        let found = match self.read(connection).await {
            Ok(found) => found,
            Err(error) => return (GET, Err(error)),
        };
        if let Some(stamp) = found {
            let is_early = self.hot.guard == StampedeGuard::Early
                && stamp.is_early(HotKeyStamp::now_us(), &mut self.random);
            if !is_early {
                return (GET, Ok(()));
            }
            timestamps.operation(EARLY);
            return (EARLY, self.compute(connection).await);
        }
        timestamps.operation(MISS);
        self.hot.log.stalled();
        let result = match self.hot.guard {
            StampedeGuard::Lock => self.compute_or_wait(connection).await,
            StampedeGuard::None | StampedeGuard::Early => self.compute(connection).await,
        };
        (MISS, result)
    }
}

impl Task for HotKeyTask {
    fn draw(&mut self) -> OperationId {
        GET
    }

    async fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        timestamps: &mut Timestamps,
    ) -> RequestResult {
        let (operation, result) = self.request(connection, timestamps).await;
        RequestResult {
            operation,
            command: self.command,
            result,
        }
    }
}
