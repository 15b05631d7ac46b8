//! Scenario `pool`: all requests send the same command, so that the load measures only the cost of
//! the way to connect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bench_cli::load::Defaults;
use load_engine::{OperationId, OperationTable, StepPlan, Timestamps, UserId};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError, Value};
use serde_json::json;

use crate::cli::{PoolFlags, PoolWorkload};
use crate::clients::{RequestError, RequestResult, Task, Work};
use crate::keys::run_keys::RunKeys;
use crate::keys::safety_ttl;
use crate::run::workload::RedisWorkload;

/// Number of keys. If there are more users, several use the same key. It limits the number of
/// prepared commands.
const KEYS: u64 = 64;

impl PoolWorkload {
    /// Returns the name of the command on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Get => "get",
        }
    }
}

/// Scenario `pool` of `redis-bench`, with its flags.
#[derive(Debug)]
pub(crate) struct Throughput<'a> {
    flags: &'a PoolFlags,
    /// Time to live of the keys; `None` on a throwaway server, where the commands are then the same
    /// as those of other load generators.
    safety_ttl: Option<Duration>,
}

impl<'a> Throughput<'a> {
    /// Creates the scenario with these flags. `defaults` apply where they give no value.
    pub(crate) fn new(flags: &'a PoolFlags, defaults: Defaults) -> Self {
        let safety_ttl = safety_ttl::of_run(&flags.common, defaults);
        Self { flags, safety_ttl }
    }
}

impl RedisWorkload for Throughput<'_> {
    type Work = ThroughputWork;

    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys {
        RunKeys {
            prefix: prefix.to_owned(),
            keys: KEYS,
            value_bytes: self.flags.value_size,
            preload_ratio: 1.0,
            expiry: None,
            safety_ttl: self.safety_ttl,
            seed,
        }
    }

    fn work(&self, keyspace: RunKeys) -> ThroughputWork {
        ThroughputWork::new(&keyspace, self.flags.workload)
    }

    fn commands(&self) -> &'static [&'static str] {
        self.flags.workload.operations()
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        BTreeMap::from([
            ("workload".to_owned(), json!(self.flags.workload.name())),
            ("value_bytes".to_owned(), json!(self.flags.value_size)),
        ])
    }

    fn describe(&self, plan: StepPlan) -> StepPlan {
        plan.parameter("workload", self.flags.workload.name())
            .parameter("value_bytes", self.flags.value_size)
    }
}

/// Commands for all keys, prepared once and shared by all users.
#[derive(Debug)]
pub(crate) struct ThroughputWork {
    workload: PoolWorkload,
    commands: Arc<[Cmd]>,
    value_bytes: usize,
}

impl ThroughputWork {
    /// Prepares a command of `workload` for each key of `keyspace`.
    pub(crate) fn new(keyspace: &RunKeys, workload: PoolWorkload) -> Self {
        let value = keyspace.value();
        let command = |index| {
            let mut name = Vec::new();
            keyspace.name_into(index, &mut name);
            let mut command = match workload {
                PoolWorkload::Set => redis::cmd("SET"),
                PoolWorkload::Get => redis::cmd("GET"),
            };
            command.arg(name);
            if workload == PoolWorkload::Set {
                command.arg(&value);
                if let Some(ttl) = keyspace.safety_ttl {
                    command.arg("EX").arg(ttl.as_secs());
                }
            }
            command
        };
        Self {
            workload,
            commands: (0..keyspace.keys).map(command).collect(),
            value_bytes: value.len(),
        }
    }
}

impl Work for ThroughputWork {
    type Task = ThroughputTask;

    fn operations(&self) -> OperationTable {
        self.workload.operations().into()
    }

    fn task(&self, user: UserId) -> ThroughputTask {
        ThroughputTask {
            commands: Arc::clone(&self.commands),
            mine: user.0 as usize % self.commands.len().max(1),
            workload: self.workload,
            value_bytes: self.value_bytes,
        }
    }
}

/// Requests of one user, which repeat a single command on one key.
#[derive(Debug)]
pub(crate) struct ThroughputTask {
    commands: Arc<[Cmd]>,
    mine: usize,
    workload: PoolWorkload,
    value_bytes: usize,
}

impl ThroughputTask {
    /// Checks that the server's answer is the one that the command must have.
    fn check(&self, answer: &Value) -> Result<(), RequestError> {
        let is_expected = match (self.workload, answer) {
            (PoolWorkload::Set, Value::Okay) => true,
            (PoolWorkload::Get, Value::BulkString(value)) => value.len() == self.value_bytes,
            // All keys exist when the load begins.
            (PoolWorkload::Get, Value::Nil) => return Err(RequestError::MissingKey),
            _ => false,
        };
        if is_expected {
            return Ok(());
        }
        Err(RequestError::Redis(RedisError::from((
            ErrorKind::UnexpectedReturnType,
            "the server answered something else than this command has",
        ))))
    }
}

impl Task for ThroughputTask {
    fn draw(&mut self) -> OperationId {
        OperationId::FIRST
    }

    async fn perform(
        &mut self,
        connection: &mut MultiplexedConnection,
        _timestamps: &mut Timestamps,
    ) -> RequestResult {
        let answer = connection
            .send_packed_command(&self.commands[self.mine])
            .await
            .and_then(Value::extract_error);
        let result = match answer {
            Ok(answer) => self.check(&answer),
            Err(error) => Err(RequestError::Redis(error)),
        };
        RequestResult {
            operation: OperationId::FIRST,
            command: match self.workload {
                PoolWorkload::Set => "SET",
                PoolWorkload::Get => "GET",
            },
            result,
        }
    }
}
