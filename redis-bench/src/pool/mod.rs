//! Scenario `pool`: all requests send the same command, so that the load measures only the cost of
//! the way to connect.

pub(crate) mod recovery;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bench_cli::load::Defaults;
use bench_cli::table;
use bench_report::names::steps;
use bench_report::{Report, Step};
use load_engine::{OperationId, OperationTable, StepPlan, Timestamps, UserId};
use redis::{Cmd, ErrorKind, Pipeline, RedisError, Value};
use serde_json::json;
use statistics::mean;

use crate::cli::{PoolFlags, PoolWorkload, ReadFrom};
use crate::clients::{RedisConnection, RequestError, RequestResult, Task, Work};
use crate::keys::run_keys::{Preload, RunKeys};
use crate::keys::safety_ttl;
use crate::results::group::groups;
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

    /// Returns the name of the command as it is sent.
    fn command(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Get => "GET",
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
        let safety_ttl = safety_ttl::of_clients(&flags.common, defaults);
        Self { flags, safety_ttl }
    }
}

impl RedisWorkload for Throughput<'_> {
    type Work = ThroughputWork;

    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys {
        RunKeys {
            keys: KEYS,
            value_bytes: self.flags.value_size,
            preload: Preload::Ratio(1.0),
            safety_ttl: self.safety_ttl,
            ..RunKeys::new(prefix, seed)
        }
    }

    fn work(&self, keyspace: RunKeys, _variant: usize) -> ThroughputWork {
        ThroughputWork::new(&keyspace, self.flags.workload, self.flags.pipeline)
    }

    fn commands(&self) -> &'static [&'static str] {
        self.flags.workload.operations()
    }

    fn reads_from(&self) -> ReadFrom {
        self.flags.reads.read_from
    }

    fn only_reads(&self) -> bool {
        self.flags.workload == PoolWorkload::Get
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        BTreeMap::from([
            ("workload".to_owned(), json!(self.flags.workload.name())),
            ("value_bytes".to_owned(), json!(self.flags.value_size)),
            ("pipeline".to_owned(), json!(self.flags.pipeline)),
        ])
    }

    fn commands_per_request(&self) -> u64 {
        self.flags.pipeline
    }

    fn describe(&self, plan: StepPlan) -> StepPlan {
        plan.parameter("workload", self.flags.workload.name())
            .parameter("value_bytes", self.flags.value_size)
            .parameter("pipeline", self.flags.pipeline)
    }

    fn conclude(&self, step: &mut Step) {
        let commands = step.throughput_per_s() * self.flags.pipeline as f64;
        step.figure(steps::COMMANDS_PER_S, commands);
    }

    fn text(&self, report: &Report) -> String {
        let size = self.flags.pipeline;
        if size == 1 {
            return String::new();
        }
        let groups = groups(report, &self.variants());
        let told = groups.iter().filter_map(|group| {
            let commands = mean(&group.figures(steps::COMMANDS_PER_S))?;
            Some(format!("{} {}", group.name(), table::rate(commands)))
        });
        let told = told.collect::<Vec<_>>().join(", ");
        table::paragraph(
            &format!("Each request is a pipeline of {size} commands. Commands: {told}."),
            0,
        )
    }
}

/// Requests for all keys, prepared once and shared by all users.
#[derive(Debug)]
pub(crate) struct ThroughputWork {
    workload: PoolWorkload,
    requests: Arc<[PreparedRequest]>,
    value_bytes: usize,
}

/// Request of one user: a command, or several in a pipeline.
#[derive(Debug)]
enum PreparedRequest {
    Command(Cmd),
    Pipeline(Pipeline),
}

impl ThroughputWork {
    /// Prepares requests with `pipeline` commands of `workload`, one for each key of `keyspace`. The
    /// commands of a pipeline use that key and those after it.
    pub(crate) fn new(keyspace: &RunKeys, workload: PoolWorkload, pipeline: u64) -> Self {
        let value = keyspace.value();
        let command = |index| {
            let mut name = Vec::new();
            keyspace.name_into(index % keyspace.keys, &mut name);
            let mut command = redis::cmd(workload.command());
            command.arg(name);
            if workload == PoolWorkload::Set {
                command.arg(&value);
                if let Some(ttl) = keyspace.safety_ttl {
                    command.arg("EX").arg(ttl.as_secs());
                }
            }
            command
        };
        let request = |index| {
            if pipeline == 1 {
                return PreparedRequest::Command(command(index));
            }
            let mut together = Pipeline::with_capacity(pipeline as usize);
            for next in index..index + pipeline {
                together.add_command(command(next));
            }
            PreparedRequest::Pipeline(together)
        };
        Self {
            workload,
            requests: (0..keyspace.keys).map(request).collect(),
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
            requests: Arc::clone(&self.requests),
            mine: user.0 as usize % self.requests.len().max(1),
            workload: self.workload,
            value_bytes: self.value_bytes,
        }
    }
}

/// Requests of one user, which repeat a single one.
#[derive(Debug)]
pub(crate) struct ThroughputTask {
    requests: Arc<[PreparedRequest]>,
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

    async fn send<C: RedisConnection>(&self, connection: &mut C) -> Result<(), RequestError> {
        match &self.requests[self.mine] {
            PreparedRequest::Command(command) => self.check(&connection.command(command).await?),
            PreparedRequest::Pipeline(pipeline) => {
                let answers = connection.pipeline(pipeline).await?;
                for answer in answers {
                    self.check(&answer.extract_error()?)?;
                }
                Ok(())
            }
        }
    }
}

impl Task for ThroughputTask {
    fn draw(&mut self) -> OperationId {
        OperationId::FIRST
    }

    async fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        _timestamps: &mut Timestamps,
    ) -> RequestResult {
        RequestResult {
            operation: OperationId::FIRST,
            command: self.workload.command(),
            result: self.send(connection).await,
        }
    }
}
