//! Requests of the scenario `cache`: reads that write a missing key back, and writes.

use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::{OperationId, OperationSpec, OperationTable, Timestamps, UserId};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use redis::{Cmd, ErrorKind, RedisError, Value};

use crate::cache::backend::Backend;
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

/// Name of the operation of a read that the cache in the client's memory answered.
pub(crate) const LOCAL: &str = "local";
/// Name of the operation of a read that this cache answered with a value that was certainly no longer
/// valid: a write of the key had been acknowledged after it, or its life was over.
pub(crate) const STALE_LOCAL: &str = "stale_local";
/// Operations where the client keeps values in its memory.
const CLIENT_CACHE_OPERATIONS: &[&str] = &["get", "miss", "set", LOCAL, STALE_LOCAL];
const FROM_MEMORY: OperationId = OperationId::nth(3);
const OUTDATED: OperationId = OperationId::nth(4);

/// Operations of reads that found their key, at the server or in the client's memory.
pub(super) const HITS: [&str; 3] = ["get", LOCAL, STALE_LOCAL];
/// Operations of all reads.
pub(super) const READS: [&str; 5] = ["get", LOCAL, STALE_LOCAL, "miss", STALE_MISS];

/// Name of the phase of a miss in which it waits for the back-end.
pub(super) const BACKEND_PHASE: &str = "backend";
/// Successive phases of a miss with a back-end: the read with the wait for a connection, the call of
/// the back-end, and the write-back.
const MISS_PHASES: &[&str] = &["redis", BACKEND_PHASE, "write"];

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
    /// Acknowledged writes of the keys; `None` unless a read may be answered with what was before them.
    pub(super) writes: Option<Arc<KnownWrites>>,
    /// Number of entries of the cache in the client's memory; `None` without one.
    pub(super) client_cache: Option<u64>,
}

impl Work for CacheWork {
    type Task = CacheTask;

    fn operations(&self) -> OperationTable {
        let names = match (self.client_cache, &self.writes) {
            (Some(_), _) => CLIENT_CACHE_OPERATIONS,
            (None, Some(_)) => REPLICA_OPERATIONS,
            (None, None) => OPERATIONS,
        };
        if self.backend.is_none() {
            return names.into();
        }
        let specs = names.iter().copied().map(|name| {
            let spec = OperationSpec::new(name);
            if name == OPERATIONS[1] {
                spec.with_phases(MISS_PHASES)
            } else {
                spec
            }
        });
        OperationTable::from(specs.collect::<Vec<_>>())
    }

    fn client_cache(&self) -> Option<u64> {
        self.client_cache
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
    /// Reads the key that was drawn, from the client's memory if it holds the key. Returns the operation
    /// that found it; `None` if it is not there, which is a miss of the cache and no failure.
    async fn read<C: RedisConnection>(
        &mut self,
        connection: &mut C,
    ) -> Result<Option<OperationId>, RequestError> {
        let Some(cache) = connection.client_cache() else {
            let found = self.ask(connection).await?;
            return Ok(found.map(|_| GET));
        };
        let fetch = match cache.look_up(&self.name) {
            Ok(held) => {
                // Requests without a wait would keep the task with the server's messages from running.
                tokio::task::consume_budget().await;
                if held.bytes != self.length {
                    return Err(Self::never_written());
                }
                let mut writes = self.work.writes.iter();
                let is_outdated =
                    writes.any(|w| w.is_outdated(self.index, held.read_ns, monotonic_ns()));
                return Ok(Some(if is_outdated { OUTDATED } else { FROM_MEMORY }));
            }
            Err(fetch) => fetch,
        };
        let answer = self.ask(connection).await;
        let (found, value) = match answer {
            Ok(value) => (Ok(value.as_ref().map(|_| GET)), value),
            Err(error) => (Err(error), None),
        };
        if let Some(cache) = connection.client_cache() {
            cache.fetched(&self.name, fetch, value);
        }
        found
    }

    /// Asks the server for the key that was drawn. Returns its value; `None` if it is not there.
    async fn ask<C: RedisConnection>(
        &mut self,
        connection: &mut C,
    ) -> Result<Option<Vec<u8>>, RequestError> {
        self.get.clear();
        self.get.arg("GET").arg(&self.name);
        match connection.read(&self.get).await? {
            Value::Nil => Ok(None),
            Value::BulkString(value) if value.len() == self.length => Ok(Some(value)),
            _ => Err(Self::never_written()),
        }
    }

    fn never_written() -> RequestError {
        RequestError::Redis(RedisError::from((
            ErrorKind::UnexpectedReturnType,
            "a key of ours holds what we never wrote",
        )))
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
            let instants = (sent_ns, monotonic_ns());
            writes.note(self.index, instants, Duration::from_millis(life_ms));
        }
        Ok(())
    }

    /// Returns the operation of a read without an answer: a stale one of a replica if a write of the key,
    /// which lives until `lives_until_ns`, was acknowledged before the read was sent.
    fn miss(&self, lives_until_ns: u64) -> OperationId {
        let is_replica = self.work.client_cache.is_none();
        if is_replica && lives_until_ns > monotonic_ns() {
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
            Ok(Some(operation)) => {
                if operation != GET {
                    timestamps.operation(operation);
                }
                RequestResult {
                    operation,
                    command: "GET",
                    result: Ok(()),
                }
            }
            Ok(None) => {
                let miss = self.miss(lives_until_ns);
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
