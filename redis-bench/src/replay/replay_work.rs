//! Requests of the scenario `replay`: those of the trace in its order. A read that misses its key
//! writes it.

use std::sync::Arc;

use load_engine::{ArrivalInstants, OperationId, OperationTable, Timestamps, UserId};
use redis::{Cmd, ErrorKind, RedisError, Value};

use super::lag_counts::LagCounts;
use super::replay_feed::{ReplayFeed, ReplayRequest};
use super::trace_event::TraceOperation;
use crate::clients::{RedisConnection, RequestError, RequestResult, Task, Work};
use crate::keys::run_keys::RunKeys;

/// Operations: reads that found their key, reads that did not and wrote it, writes, and removals.
const OPERATIONS: &[&str] = &["get", "miss", "set", "del"];
const GET: OperationId = OperationId::nth(0);
const MISS: OperationId = OperationId::nth(1);
const SET: OperationId = OperationId::nth(2);
const DEL: OperationId = OperationId::nth(3);

/// Size of a value, in bytes, above which the buffer with the value's command is freed after the
/// request, because every user has such a buffer.
const LONGEST_KEPT: usize = 64 << 10;

/// Requests of one step, which all its users share.
#[derive(Debug)]
pub(super) struct ReplayStep {
    /// Names of the keys.
    pub(super) keyspace: RunKeys,
    /// Text of which all values are the beginning.
    pub(super) value: Arc<[u8]>,
    /// Requests of the trace.
    pub(super) feed: Arc<ReplayFeed>,
    /// Lag of the requests.
    pub(super) lag: Arc<LagCounts>,
}

/// Requests of the scenario, from which those of each user are created.
#[derive(Debug, Clone)]
pub(crate) struct ReplayWork(pub(super) Arc<ReplayStep>);

impl Work for ReplayWork {
    type Task = ReplayTask;

    fn operations(&self) -> OperationTable {
        OPERATIONS.into()
    }

    fn task(&self, _user: UserId) -> ReplayTask {
        ReplayTask {
            step: Arc::clone(&self.0),
            request: None,
            name: Vec::new(),
            command: Cmd::new(),
        }
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        ReplayFeed::instants(&self.0.feed)
    }
}

/// Requests of one user: each is the next of the trace that no other user took.
#[derive(Debug)]
pub(crate) struct ReplayTask {
    step: Arc<ReplayStep>,
    request: Option<ReplayRequest>,
    name: Vec<u8>,
    command: Cmd,
}

impl ReplayTask {
    /// Reads the key. Returns false if it is not there.
    async fn read<C: RedisConnection>(&mut self, connection: &mut C) -> Result<bool, RequestError> {
        self.command.clear();
        self.command.arg("GET").arg(&self.name);
        match connection.command(&self.command).await? {
            Value::Nil => Ok(false),
            Value::BulkString(_) => Ok(true),
            _ => Err(RequestError::Redis(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "a key of ours holds what we never wrote",
            )))),
        }
    }

    /// Writes the value of `request`.
    async fn write<C: RedisConnection>(
        &mut self,
        request: ReplayRequest,
        connection: &mut C,
    ) -> Result<(), RequestError> {
        let length = (request.value_bytes as usize).min(self.step.value.len());
        self.command.clear();
        self.command.arg("SET").arg(&self.name);
        self.command.arg(&self.step.value[..length]);
        if request.ttl_ms > 0 {
            self.command.arg("PX").arg(request.ttl_ms);
        }
        let answer = connection.command(&self.command).await;
        if length > LONGEST_KEPT {
            self.command = Cmd::new();
        }
        answer?;
        Ok(())
    }

    async fn remove<C: RedisConnection>(&mut self, connection: &mut C) -> Result<(), RequestError> {
        self.command.clear();
        self.command.arg("DEL").arg(&self.name);
        connection.command(&self.command).await?;
        Ok(())
    }
}

impl Task for ReplayTask {
    fn draw(&mut self) -> OperationId {
        self.request = self.step.feed.take();
        let Some(request) = &self.request else {
            return GET;
        };
        let keyspace = &self.step.keyspace;
        keyspace.name_into(request.key.into(), &mut self.name);
        match request.operation {
            TraceOperation::Read => GET,
            TraceOperation::Write => SET,
            TraceOperation::Delete => DEL,
        }
    }

    async fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        timestamps: &mut Timestamps,
    ) -> RequestResult {
        let done = |operation, command, result| RequestResult {
            operation,
            command,
            result,
        };
        let Some(request) = self.request else {
            // Every arrival of the load has its request, so this is a fault of the program.
            let missing = (ErrorKind::Client, "the trace has no further request");
            return done(GET, "GET", Err(RedisError::from(missing).into()));
        };
        let lag_ns = timestamps.started_ns.saturating_sub(timestamps.due_ns);
        self.step.lag.count(lag_ns);
        match request.operation {
            TraceOperation::Write => done(SET, "SET", self.write(request, connection).await),
            TraceOperation::Delete => done(DEL, "DEL", self.remove(connection).await),
            TraceOperation::Read => match self.read(connection).await {
                Ok(true) => done(GET, "GET", Ok(())),
                Ok(false) => {
                    timestamps.operation(MISS);
                    done(MISS, "SET", self.write(request, connection).await)
                }
                Err(error) => done(GET, "GET", Err(error)),
            },
        }
    }
}
