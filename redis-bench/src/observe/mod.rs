//! Scenario `observe`: evidence about a Redis server under the load that it already has. It only reads.

mod live;
mod rates;
mod tables;
mod text;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_cli::bench::{Bench, EvidenceSource as _};
use bench_cli::{Exit, Scenario, ScenarioName, UsageError, run_scenario};
use bench_report::clock::monotonic_ns;
use bench_report::names::redis::{self, commands};
use bench_report::{
    EvidenceRow, Generator, Load, Operation, Report, Series, ServerEvidence, Step, StepEnd,
    Summary, Window, redaction,
};
use load_engine::Phase;
use serde_json::{Value, json};

use crate::cli::ObserveFlags;
use crate::evidence::{CommandScope, KeyScope, SamplerScope, ServerSampler, disturbances};
use crate::server::redis_server::RedisServer;

/// Time between two checks for a signal, 20 ms.
const LOOK: Duration = Duration::from_millis(20);
/// Longest wait for the figures of an interval.
const RECENT_TIMEOUT: Duration = Duration::from_millis(500);
/// Longest wait for the evidence of the whole observation; short after a signal.
const EVIDENCE_TIMEOUT: Duration = Duration::from_secs(2);
const EVIDENCE_TIMEOUT_INTERRUPTED: Duration = Duration::from_millis(500);

/// Runs the scenario `observe` with these flags and returns the exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or if the report cannot be written.
pub(crate) fn run(flags: &ObserveFlags) -> anyhow::Result<Exit> {
    run_scenario(&WatchedServer { flags }, &flags.output)
}

/// Scenario `observe`: the flags of the command.
struct WatchedServer<'a> {
    flags: &'a ObserveFlags,
}

impl Scenario for WatchedServer<'_> {
    type Target = RedisServer;
    type Prepared = ServerSampler;

    fn name(&self) -> ScenarioName {
        ScenarioName {
            tool: "redis-bench",
            version: env!("CARGO_PKG_VERSION"),
            scenario: "observe",
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.flags.server.address()?.is_none() {
            let told = "there is no server to watch; name it with --url or REDIS_URL";
            return Err(UsageError(told.to_owned()).into());
        }
        Ok(())
    }

    fn config(&self) -> BTreeMap<String, Value> {
        let nanoseconds = |time: Duration| json!(time.as_nanos() as u64);
        let url = self.flags.server.url.as_deref().map(redaction::url);
        BTreeMap::from([
            ("url".to_owned(), json!(url)),
            ("duration_ns".to_owned(), nanoseconds(self.flags.duration)),
            ("interval_ns".to_owned(), nanoseconds(self.flags.interval)),
            ("keys_under".to_owned(), json!(self.flags.keys_under)),
        ])
    }

    fn open(&self, _bench: &mut Bench) -> anyhow::Result<Option<RedisServer>> {
        RedisServer::open(&self.flags.server).map(Some)
    }

    fn prepare(
        &self,
        bench: &mut Bench,
        server: &mut RedisServer,
    ) -> anyhow::Result<Option<ServerSampler>> {
        bench.phase(Phase::Connect);
        let Some(identity) = server.probe_to_read(&bench.cancel)? else {
            return Ok(None);
        };
        if let Some(version) = identity.version {
            let versions = &mut bench.report.environment.versions;
            versions.insert("redis".to_owned(), version);
        }
        let keys = self.flags.keys_under.as_deref().map(KeyScope::of_others);
        let scope = SamplerScope {
            commands: CommandScope::Everyone,
            keys,
        };
        let sampler = ServerSampler::start(&server.remote(), &identity.nodes, &scope);
        sampler.map(Some).context("cannot watch the server")
    }

    fn steps(
        &self,
        bench: &mut Bench,
        _server: &mut RedisServer,
        mut sampler: ServerSampler,
    ) -> anyhow::Result<()> {
        bench.phase(Phase::Measure);
        let start_ns = monotonic_ns();
        sampler.measure_begins();
        let followed = follow(bench, self.flags, &mut sampler);
        sampler.measure_ends();
        let end_ns = monotonic_ns();
        let (bound, end) = if bench.interrupted() {
            (EVIDENCE_TIMEOUT_INTERRUPTED, StepEnd::Interrupted)
        } else {
            (EVIDENCE_TIMEOUT, StepEnd::Completed)
        };
        let mut step = step(sampler.collect(bound), (start_ns, end_ns), end);
        step.generator.worst_stall_ns = followed.worst_stall_ns;
        bench.push_step(step, followed.series, Vec::new());
        Ok(())
    }

    fn clean_up(&self, _bench: &mut Bench, _server: RedisServer) {}

    fn summary(&self, report: &Report) -> Summary {
        text::summary(&report.steps)
    }

    fn text(&self, report: &Report) -> String {
        text::render(report)
    }
}

/// Result of following a server.
struct Followed {
    series: Vec<Series>,
    /// Longest time by which a wait of this program was late, which tells a stall of this machine
    /// from one of the server, in nanoseconds.
    worst_stall_ns: u64,
}

/// Prints a line and records a point for each interval, until the duration has passed or a signal
/// is received.
fn follow(bench: &mut Bench, flags: &ObserveFlags, sampler: &mut ServerSampler) -> Followed {
    let mut table = live::LiveTable::default();
    let begun = Instant::now();
    let mut next = begun + flags.interval.min(flags.duration);
    let mut stalls = OwnStalls::default();
    while !bench.interrupted() && begun.elapsed() < flags.duration {
        stalls.sleep(LOOK.min(next.saturating_duration_since(Instant::now())));
        if Instant::now() < next {
            continue;
        }
        next += flags.interval;
        let mut seen = sampler.recent_activity(RECENT_TIMEOUT);
        rates::add_to(&mut seen);
        let now_ns = monotonic_ns();
        let mut part = step(Some(seen), (now_ns, now_ns), StepEnd::Completed);
        part.generator.worst_stall_ns = std::mem::take(&mut stalls.recent_ns);
        let events = disturbances(&part);
        let seen = part.server.unwrap_or_default();
        for line in table.add(&seen, begun.elapsed(), &events) {
            bench.line(&line);
        }
        bench.tick(
            begun.elapsed().min(flags.duration),
            flags.duration,
            "watching",
        );
    }
    Followed {
        series: table.into_series(),
        worst_stall_ns: stalls.worst_ns,
    }
}

/// Times by which the waits of this program were late, in nanoseconds.
#[derive(Debug, Default)]
struct OwnStalls {
    /// Longest of all.
    worst_ns: u64,
    /// Longest since the last line of the table.
    recent_ns: u64,
}

impl OwnStalls {
    fn sleep(&mut self, time: Duration) {
        let begun = Instant::now();
        std::thread::sleep(time);
        let late = begun.elapsed().saturating_sub(time).as_nanos() as u64;
        self.worst_ns = self.worst_ns.max(late);
        self.recent_ns = self.recent_ns.max(late);
    }
}

/// Creates a step without load of ours, with the figures that follow from the evidence `server`. Its
/// operation `command` counts the commands of others and has no latencies; it is missing if their
/// failures were not counted. The times are in nanoseconds of the monotonic clock.
fn step(server: Option<ServerEvidence>, (start_ns, end_ns): (u64, u64), end: StepEnd) -> Step {
    let mut server = server.unwrap_or_default();
    rates::add_to(&mut server);
    let operations = operation(&server).map(|operation| ("command".to_owned(), operation));
    Step {
        name: "as it is".to_owned(),
        parameters: BTreeMap::new(),
        repeat: 0,
        window: Window {
            start_ns,
            measure_start_ns: start_ns,
            measure_end_ns: end_ns,
            end_ns,
        },
        // This program makes no load.
        load: Load::Closed {
            users: 0,
            think_time_ns: 0,
        },
        operations: operations.into_iter().collect(),
        parts: BTreeMap::new(),
        failures: Vec::new(),
        pool: None,
        server: Some(server),
        generator: Generator::default(),
        curve: None,
        segments: Vec::new(),
        sessions: None,
        figures: BTreeMap::new(),
        end,
    }
}

/// Counts the commands of others, and which of them the server refused or failed. `None` if it does not
/// count these, as before version 6.2, or if nothing was counted.
fn operation(server: &ServerEvidence) -> Option<Operation> {
    let rows = server.rows(commands::TABLE)?.iter();
    let (mut calls, mut failed, mut refused) = (0.0, 0.0, 0.0);
    for row in rows.filter(|row| !rates::is_own(row)) {
        let figure = |column| EvidenceRow::value(row, column);
        calls += figure(commands::CALLS)?;
        failed += figure(commands::FAILED_CALLS)?;
        refused += figure(commands::REJECTED_CALLS)?;
    }
    let succeeded = (calls - failed).max(0.0);
    let errors = [("failed", failed), ("rejected", refused)].into_iter();
    Some(Operation {
        attempted: (calls + refused) as u64,
        succeeded: succeeded as u64,
        errors: errors
            .filter(|(_, count)| *count > 0.0)
            .map(|(kind, count)| (kind.to_owned(), count as u64))
            .collect(),
        throughput_per_s: succeeded / server.value(redis::INTERVAL_S)?,
        ..Operation::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(command: &str, whose: &str, counts: [f64; 3]) -> EvidenceRow {
        EvidenceRow::new(
            [
                (commands::COMMAND, command.to_owned()),
                (commands::WHOSE, whose.to_owned()),
            ],
            [
                (commands::CALLS, counts[0]),
                (commands::FAILED_CALLS, counts[1]),
                (commands::REJECTED_CALLS, counts[2]),
            ],
        )
    }

    #[test]
    fn commands_of_others_are_counted_with_their_failures() {
        let mut server = ServerEvidence::default();
        server.figure(redis::INTERVAL_S, 2.0);
        let rows = vec![
            row("get", "load", [1_000.0, 10.0, 5.0]),
            row("info", "bench", [40.0, 0.0, 0.0]),
        ];
        server.table(commands::TABLE, rows);
        let counted = operation(&server).unwrap();
        assert_eq!((counted.attempted, counted.succeeded), (1_005, 990));
        assert_eq!(
            counted.errors,
            [("failed".to_owned(), 10), ("rejected".to_owned(), 5)].into()
        );
        assert_eq!(counted.throughput_per_s, 495.0);
        assert_eq!(counted.attempted, counted.succeeded + counted.failures());
    }

    /// Servers before version 6.2 count no failures.
    #[test]
    fn failures_that_were_not_counted_are_not_none() {
        let mut server = ServerEvidence::default();
        server.figure(redis::INTERVAL_S, 2.0);
        let untold = [1_000.0, f64::NAN, f64::NAN];
        server.table(commands::TABLE, vec![row("get", "load", untold)]);
        assert_eq!(operation(&server), None);
        assert_eq!(operation(&ServerEvidence::default()), None);
    }
}
