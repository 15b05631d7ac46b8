//! Requests of the scenario `cache`: reads that write a missing key back, and writes.

use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::{OperationId, OperationSpec, OperationTable, Timestamps, UserId};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use redis::{Cmd, ErrorKind, RedisError, Value};

use crate::cache::backend::Backend;
use crate::cache::effective_latency;
use crate::cache::known_writes::KnownWrites;
use crate::clients::{RedisConnection, RequestError, RequestResult, Task, Work, user_random};
use crate::keys::expiry::Expiry;
use crate::keys::key_skew::KeySampler;
use crate::keys::run_keys::RunKeys;

const OPERATIONS: &[&str] = &["get", "miss", "set"];
/// Operation of a read that found its key.
const GET: OperationId = OperationId::nth(0);
/// Operation of a read that did not find its key, together with the write-back: one request with
/// two round trips. Its service time includes both.
const MISS: OperationId = OperationId::nth(1);
/// Operation of a write that does not follow a read.
const SET: OperationId = OperationId::nth(2);

/// Name of the operation of a read that a replica answered without the key, although a write of it had
/// been acknowledged before.
pub(crate) const STALE_MISS: &str = "stale_miss";
/// Operations where reads go to a replica.
const REPLICA_OPERATIONS: &[&str] = &["get", "miss", "set", STALE_MISS];
const STALE: OperationId = OperationId::nth(3);

/// Successive phases of a miss with a back-end: the read with the wait for a connection, the call of
/// the back-end, and the write-back.
const MISS_PHASES: &[&str] = &["redis", effective_latency::BACKEND_PHASE, "write"];

/// Size of a value, in bytes, above which the buffer with the value's command is freed after each
/// request, because every user has such a buffer.
const LONGEST_KEPT: usize = 64 << 10;

/// Requests of the scenario, from which the requests of each user are created.
#[derive(Debug, Clone)]
pub(crate) struct CacheWork {
    pub(super) keyspace: Arc<RunKeys>,
    pub(super) sampler: KeySampler,
    pub(super) expiry: Expiry,
    pub(super) writes_ratio: f64,
    pub(super) value: Arc<[u8]>,
    /// Back-end that misses fetch the value from; `None` if they have it at once.
    pub(super) backend: Option<Arc<Backend>>,
    /// Acknowledged writes of the keys; `None` unless reads go to a replica.
    pub(super) writes: Option<Arc<KnownWrites>>,
}

impl Work for CacheWork {
    type Task = CacheTask;

    fn operations(&self) -> OperationTable {
        if self.writes.is_some() {
            return REPLICA_OPERATIONS.into();
        }
        if self.backend.is_none() {
            return OPERATIONS.into();
        }
        let specs = OPERATIONS.iter().copied().map(|name| {
            let spec = OperationSpec::new(name);
            if name == OPERATIONS[1] {
                spec.with_phases(MISS_PHASES)
            } else {
                spec
            }
        });
        OperationTable::from(specs.collect::<Vec<_>>())
    }

    fn task(&self, user: UserId) -> CacheTask {
        CacheTask {
            random: user_random(self.keyspace.seed, user),
            work: self.clone(),
            operation: GET,
            index: 0,
            name: Vec::new(),
            length: 0,
            get: Cmd::new(),
            set: Cmd::new(),
        }
    }
}

/// Requests of one user of the cache.
#[derive(Debug)]
pub(crate) struct CacheTask {
    work: CacheWork,
    random: SmallRng,
    /// Operation that was drawn last: [`GET`] or [`SET`]. A read that misses is still [`GET`] here.
    operation: OperationId,
    /// Number of the key that was drawn last.
    index: u64,
    name: Vec<u8>,
    /// Length of the value of the key that was drawn last, in bytes.
    length: usize,
    get: Cmd,
    set: Cmd,
}

impl CacheTask {
    /// Reads the key that was drawn. Returns false if it is not there, which is a miss of the cache
    /// and no failure.
    async fn read<C: RedisConnection>(&mut self, connection: &mut C) -> Result<bool, RequestError> {
        self.get.clear();
        self.get.arg("GET").arg(&self.name);
        match connection.read(&self.get).await? {
            Value::Nil => Ok(false),
            Value::BulkString(value) if value.len() == self.length => Ok(true),
            _ => Err(RequestError::Redis(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "a key of ours holds what we never wrote",
            )))),
        }
    }

    async fn write<C: RedisConnection>(&mut self, connection: &mut C) -> Result<(), RequestError> {
        let life_ms = self.work.expiry.draw_ms(&mut self.random);
        self.set.clear();
        self.set
            .arg("SET")
            .arg(&self.name)
            .arg(&self.work.value[..self.length])
            .arg("PX")
            .arg(life_ms);
        let sent_ns = self.work.writes.as_ref().map(|_| monotonic_ns());
        let answer = connection.command(&self.set).await;
        if self.length > LONGEST_KEPT {
            self.set = Cmd::new();
        }
        answer?;
        if let (Some(writes), Some(sent_ns)) = (&self.work.writes, sent_ns) {
            writes.note(self.index, sent_ns, Duration::from_millis(life_ms));
        }
        Ok(())
    }

    /// Returns the operation of a read without an answer: a stale one if a write of the key, which lives
    /// until `lives_until_ns`, was acknowledged before the read was sent.
    fn miss(lives_until_ns: u64) -> OperationId {
        if lives_until_ns > 0 && lives_until_ns > monotonic_ns() {
            STALE
        } else {
            MISS
        }
    }
}

impl Task for CacheTask {
    fn draw(&mut self) -> OperationId {
        let index = self.work.sampler.draw(&mut self.random);
        self.index = index;
        self.work.keyspace.name_into(index, &mut self.name);
        self.length = self
            .work
            .keyspace
            .value_length(index)
            .min(self.work.value.len());
        let writes = self.work.writes_ratio;
        let write = writes > 0.0 && self.random.random::<f64>() < writes;
        self.operation = if write { SET } else { GET };
        self.operation
    }

    async fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        timestamps: &mut Timestamps,
    ) -> RequestResult {
        if self.operation == SET {
            let result = self.write(connection).await;
            return RequestResult {
                operation: SET,
                command: "SET",
                result,
            };
        }
        let writes = self.work.writes.as_ref();
        let lives_until_ns = writes.map_or(0, |writes| writes.lives_until_ns(self.index));
        match self.read(connection).await {
            Ok(true) => RequestResult {
                operation: GET,
                command: "GET",
                result: Ok(()),
            },
            Ok(false) => {
                let miss = Self::miss(lives_until_ns);
                timestamps.operation(miss);
                if let Some(backend) = &self.work.backend {
                    timestamps.phase_ended();
                    backend.call(&mut self.random).await;
                    timestamps.phase_ended();
                }
                RequestResult {
                    operation: miss,
                    command: "SET",
                    result: self.write(connection).await,
                }
            }
            Err(error) => RequestResult {
                operation: GET,
                command: "GET",
                result: Err(error),
            },
        }
    }
}
