//! Scenario `memory`: memory of keys by type, encoding and size, predicted and measured; limits of
//! encodings; fragmentation; and growth to the memory limit.

mod allocator;
mod at_limit;
mod churn;
pub(crate) mod content;
mod filling;
mod memory_text;
mod part_task;
mod prediction;
mod server_memory;
mod sizes;
mod tables;
mod thresholds;
mod unloaded_step;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::bench::Bench;
use bench_cli::blocking::{BlockingTask, TaskResult, WaitLimits};
use bench_cli::{Exit, Scenario, ScenarioName, UsageError, run_scenario};
use bench_report::{Report, Summary, redaction};
use load_engine::{Cancel, Phase};
use redis::Connection;
use serde_json::{Value, json};
use testbed::{Redis, RedisOptions};

use crate::cli::MemoryFlags;
use crate::keys::run_keys::{self, LONGEST_VALUE, RunKeys};
use crate::keys::run_removal::KeyServers;
use crate::memory::part_task::{MemoryTarget, PartProgress, failed, run_part};
use crate::memory::server_memory::MemoryServer;
use crate::memory::sizes::SizeStep;
use crate::memory::unloaded_step::UnloadedStep;
use crate::run::{cleanup, doubts};
use crate::server::address::RedisAddress;
use crate::server::failure::BatchFailure;
use crate::server::guard::{self, Demand};
use crate::server::redis_server::RedisServer;

/// Upper estimate of the memory that the server needs for a key beside its name and its elements, in
/// bytes.
const KEY_OVERHEAD_BYTES: u64 = 200;
/// Upper estimate of the memory that the server needs for an element beside its content, in bytes.
const ELEMENT_OVERHEAD_BYTES: u64 = 150;
/// Number of connections of the scenario to the server at once.
const CONNECTIONS: u64 = 2;
/// Longest wait for the layout of the server's memory.
const LAYOUT_TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest life of a key in milliseconds: an hour.
const LIFE_MS: u64 = 3_600_000;

/// Runs the scenario `memory` with these flags and returns the exit code.
///
/// # Errors
/// Fails on wrong usage, if the server does not answer, or if the report cannot be written.
pub(crate) fn run(flags: &MemoryFlags) -> anyhow::Result<Exit> {
    run_scenario(&MemoryRun { flags }, &flags.output)
}

/// Run of the scenario `memory`.
struct MemoryRun<'a> {
    flags: &'a MemoryFlags,
}

impl Scenario for MemoryRun<'_> {
    type Target = MemoryTarget;
    type Prepared = MemoryServer;

    fn name(&self) -> ScenarioName {
        ScenarioName {
            tool: "redis-bench",
            version: env!("CARGO_PKG_VERSION"),
            scenario: "memory",
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.flags.server.address()?;
        if self.flags.longest() > LONGEST_VALUE {
            let told = "Redis takes values of up to 512 MiB; use a smaller --value-size or \
                        --element-size";
            return Err(UsageError(told.to_owned()).into());
        }
        Ok(self.flags.check()?)
    }

    fn config(&self) -> BTreeMap<String, Value> {
        let flags = self.flags;
        let url = flags.server.url.as_deref().map(redaction::url);
        let types: Vec<&str> = flags.types.iter().map(|kind| kind.name()).collect();
        BTreeMap::from([
            (
                "url".to_owned(),
                json!(url.as_deref().unwrap_or("throwaway")),
            ),
            ("keys".to_owned(), json!(flags.keys)),
            ("types".to_owned(), json!(types)),
            ("value_bytes".to_owned(), json!(flags.value_size)),
            ("elements".to_owned(), json!(flags.elements.0)),
            ("element_bytes".to_owned(), json!(flags.element_size)),
        ])
    }

    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<MemoryTarget>> {
        let name = bench_report::run_id::own_name(&bench.report.run_id);
        let contents = self.flags.contents();
        let keys = contents.map(|content| self.flags.keys_of(content)).max();
        Ok(Some(MemoryTarget {
            server: RedisServer::open(&self.flags.server)?,
            keys: RunKeys {
                keys: keys.unwrap_or(0).max(self.flags.keys),
                ..RunKeys::new(run_keys::prefix(&name), 0)
            },
            begun: false,
            writer: None,
        }))
    }

    fn prepare(
        &self,
        bench: &mut Bench,
        target: &mut MemoryTarget,
    ) -> anyhow::Result<Option<MemoryServer>> {
        bench.phase(Phase::Connect);
        let Some(identity) = target.server.probe(&[], &bench.cancel)? else {
            return Ok(None);
        };
        if let Some(version) = &identity.version {
            let versions = &mut bench.report.environment.versions;
            versions.insert("redis".to_owned(), version.clone());
        }
        let demand = Demand {
            storm: 0,
            connections: CONNECTIONS,
            bytes: self.estimated_bytes(),
            fewer_keys: "fewer --keys",
            descriptors: bench.report.environment.nofile_soft,
        };
        let unchecked = guard::limits(identity.info.as_ref(), demand)?;
        let doubt = doubts::unchecked_limits(&identity, &unchecked);
        bench.report.warnings.extend(doubt);
        bench.phase(Phase::Prepare);
        target.begun = true;
        let (remote, keys, life_ms) = (target.server.remote(), target.keys.clone(), self.life_ms());
        let reading = BlockingTask::start(move |_| {
            MemoryServer::read(&mut remote.connect()?, keys, life_ms).map_err(BatchFailure::from)
        });
        let reading = reading.context("cannot ask the server for its memory")?;
        match reading.wait(&bench.cancel, WaitLimits::new(LAYOUT_TIMEOUT)) {
            TaskResult::Done(Ok(server)) => Ok(Some(server)),
            TaskResult::Done(Err(failure)) => failed(&target.server.remote(), &failure),
            TaskResult::Cancelled => Ok(None),
            TaskResult::TimedOut | TaskResult::Lost => Err(anyhow::anyhow!(
                "{} did not tell its memory in time",
                target.server.remote().masked_url()
            )),
        }
    }

    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut MemoryTarget,
        server: MemoryServer,
    ) -> anyhow::Result<()> {
        bench.phase(Phase::Measure);
        let remote = target.server.remote();
        let steps = self.size_steps(target.is_ours());
        let mut progress = PartProgress::new(steps.len() + 2 + at_limit::POLICIES.len());
        for step in steps {
            let server = server.clone();
            let work = move |connection: &mut Connection, stop: &Cancel| {
                step.run(connection, &server, stop)
            };
            progress.begin(&step.to_string());
            if !run_part(bench, target, &remote, &mut progress, work)? {
                return Ok(());
            }
        }
        let (life_ms, count) = (self.life_ms(), self.flags.keys);
        let at = server.clone();
        progress.begin("limits of encodings");
        let work = move |connection: &mut Connection, stop: &Cancel| {
            thresholds::run(connection, &at, life_ms, stop)
        };
        if !run_part(bench, target, &remote, &mut progress, work)? {
            return Ok(());
        }
        progress.begin("churn");
        let work = move |connection: &mut Connection, stop: &Cancel| {
            churn::run(connection, &server, (count, life_ms), stop)
        };
        if !run_part(bench, target, &remote, &mut progress, work)? {
            return Ok(());
        }
        self.limits(bench, target, &mut progress)
    }

    fn clean_up(&self, bench: &mut Bench, target: MemoryTarget) {
        if target.begun && !target.server.is_throwaway() {
            let servers = KeyServers::new(target.server.remote(), None);
            cleanup::clear(bench, &servers, &target.keys, target.writer.as_ref());
        }
    }

    fn summary(&self, report: &Report) -> Summary {
        memory_text::summary(&report.steps)
    }

    fn text(&self, report: &Report) -> String {
        memory_text::render(report)
    }
}

impl MemoryRun<'_> {
    /// Returns the life of the keys in milliseconds: an hour, and 0.1 ms for each key.
    fn life_ms(&self) -> u64 {
        LIFE_MS + self.flags.keys / 10
    }

    /// Returns the steps that measure keys. Keys without expiry are only written to a throwaway
    /// server, because they would stay if the run was killed.
    fn size_steps(&self, is_ours: bool) -> Vec<SizeStep> {
        let with_expiry = Some(self.life_ms());
        let lives = if is_ours {
            vec![None, with_expiry]
        } else {
            vec![with_expiry]
        };
        let mut steps = Vec::new();
        for content in self.flags.contents() {
            let keys = self.flags.keys_of(content);
            steps.extend(lives.iter().map(|life_ms| SizeStep {
                content,
                keys,
                life_ms: *life_ms,
            }));
        }
        steps
    }

    /// Estimates the memory of the largest step, in bytes; rather too high than too low.
    fn estimated_bytes(&self) -> u64 {
        let bytes = self.flags.contents().map(|content| {
            let elements = content.elements.saturating_mul(ELEMENT_OVERHEAD_BYTES);
            let each = content.payload_bytes() + elements + KEY_OVERHEAD_BYTES;
            self.flags.keys_of(content).saturating_mul(each)
        });
        bytes.max().unwrap_or(0)
    }

    /// Lets throwaway servers grow to a memory limit, one for each policy. A server of the user has
    /// other keys, which it would evict.
    ///
    /// # Errors
    /// Fails if a throwaway server breaks off.
    fn limits(
        &self,
        bench: &mut Bench,
        target: &mut MemoryTarget,
        progress: &mut PartProgress,
    ) -> anyhow::Result<()> {
        if !target.is_ours() {
            let mut none = UnloadedStep::begin("limit".to_owned(), at_limit::PART);
            let reason = "tried on throwaway servers only, which a run without --url starts";
            none.unavailable("limit", reason);
            bench.push_step(none.finish().step, Vec::new(), Vec::new());
            return Ok(());
        }
        for policy in at_limit::POLICIES {
            progress.begin(&format!("limit with {policy}"));
            let settings = [
                ("maxmemory", at_limit::MAXMEMORY_BYTES.to_string()),
                ("maxmemory-policy", policy.to_owned()),
            ];
            let options = RedisOptions {
                settings: settings
                    .map(|(name, value)| (name.to_owned(), value))
                    .into(),
                ..RedisOptions::default()
            };
            let limited = Redis::start(&options).context("cannot start a throwaway Redis")?;
            let remote = RedisAddress::parse(limited.url())?;
            let (keys, life_ms) = (target.keys.clone(), self.life_ms());
            let work = move |connection: &mut Connection, stop: &Cancel| {
                let server = MemoryServer::read(connection, keys, life_ms)?;
                at_limit::run(connection, &server, policy, stop)
            };
            if !run_part(bench, target, &remote, progress, work)? {
                return Ok(());
            }
        }
        Ok(())
    }
}
