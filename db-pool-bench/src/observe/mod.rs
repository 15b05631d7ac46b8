//! Scenario `observe`: evidence about a server under the load that it already has. It only reads.

mod flags;
mod live;
mod text;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_cli::bench::{Bench, EvidenceSource as _};
use bench_cli::{Exit, Scenario, ScenarioName, UsageError, run_scenario};
use bench_report::clock::monotonic_ns;
use bench_report::names::postgres_tables::connection_limits;
use bench_report::names::{postgres, summaries};
use bench_report::run_id::own_name;
use bench_report::{
    EvidenceRow, Generator, Load, Operation, Report, ServerEvidence, Step, StepEnd, Summary, Window,
};
use load_engine::Phase;
use serde_json::{Value, json};

pub(crate) use flags::ObserveFlags;

use crate::control::ControlRuntime;
use crate::remedy::{self, Purpose};
use crate::run_server::{describe, scenario_name};
use crate::server::ServerUnderTest;
use crate::workloads::Schema;
use pg_evidence::{EvidenceCollector, Scope};

/// Time between two checks for a signal, 20 ms.
const LOOK: Duration = Duration::from_millis(20);

/// Runs the scenario `observe` with these flags and returns the exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or if the report cannot be written.
pub(crate) fn run(flags: &ObserveFlags) -> anyhow::Result<Exit> {
    let missing =
        || UsageError("there is no server to watch; name it with --url or DATABASE_URL".to_owned());
    let server = ServerUnderTest::at(flags.url.as_deref().ok_or_else(missing)?)?;
    run_scenario(&ObservedServer { flags, server }, &flags.output)
}

/// Scenario `observe`: the server that is observed, and the flags of the command.
struct ObservedServer<'a> {
    flags: &'a ObserveFlags,
    server: ServerUnderTest,
}

impl Scenario for ObservedServer<'_> {
    /// Type of the data that a run creates on the server: none, so there is nothing to prepare or
    /// remove.
    type Target = ();
    type Prepared = EvidenceCollector;

    fn name(&self) -> ScenarioName {
        scenario_name("observe")
    }

    fn config(&self) -> BTreeMap<String, Value> {
        let nanoseconds = |time: Duration| json!(time.as_nanos() as u64);
        BTreeMap::from([
            ("url".to_owned(), json!(self.server.address.redacted())),
            ("throwaway".to_owned(), json!(self.server.throwaway)),
            ("duration_ns".to_owned(), nanoseconds(self.flags.duration)),
            ("interval_ns".to_owned(), nanoseconds(self.flags.interval)),
        ])
    }

    fn open(&self, _bench: &mut Bench) -> anyhow::Result<Option<()>> {
        Ok(Some(()))
    }

    fn prepare(&self, bench: &mut Bench, (): &mut ()) -> anyhow::Result<Option<EvidenceCollector>> {
        bench.phase(Phase::Connect);
        // The schema is never created; only its name is used.
        let schema = Schema::for_run(&own_name(&bench.report.run_id));
        let address = &self.server.address;
        let control = ControlRuntime::new(bench.cancel.clone(), address, &schema)
            .context("cannot start a runtime")?;
        let Some(client) = control.connect()? else {
            return Ok(None);
        };
        describe(bench, &control, &client)?;
        if bench.interrupted() {
            return Ok(None);
        }
        let cancel = bench.cancel.clone();
        let watch =
            EvidenceCollector::start(Scope::Everyone, address.clone(), schema.name(), cancel)
                .context("cannot start the thread that watches the server")?;
        match watch.begin_step() {
            None => Ok(None),
            Some(Err(failure)) => {
                let what = format!("watch {}", address.redacted());
                remedy::cannot(&what, &failure, Purpose::Watching, address)
            }
            Some(Ok(_)) => Ok(Some(watch)),
        }
    }

    fn steps(
        &self,
        bench: &mut Bench,
        (): &mut (),
        mut watch: EvidenceCollector,
    ) -> anyhow::Result<()> {
        bench.phase(Phase::Measure);
        let begun = (monotonic_ns(), Instant::now());
        watch.measure_begins();
        let series = follow(bench, self.flags, &watch, begun.1);
        let ended_ns = monotonic_ns();
        watch.measure_ends();
        let end = if bench.interrupted() {
            StepEnd::Interrupted
        } else {
            StepEnd::Completed
        };
        let step = step(watch.end_step(), (begun.0, ended_ns), end);
        bench.push_step(step, series, Vec::new());
        Ok(())
    }

    fn summary(&self, report: &Report) -> Summary {
        summary(&report.steps)
    }

    fn text(&self, report: &Report) -> String {
        text::render(report)
    }
}

/// Prints a line and records a point for each interval, until the duration has passed or a signal
/// is received. `begun` is the start of the observation. Returns the recorded series.
fn follow(
    bench: &mut Bench,
    flags: &ObserveFlags,
    watch: &EvidenceCollector,
    begun: Instant,
) -> Vec<bench_report::Series> {
    let mut table = live::LiveTable::default();
    let mut next = begun + flags.interval.min(flags.duration);
    while !bench.interrupted() && begun.elapsed() < flags.duration {
        std::thread::sleep(LOOK.min(next.saturating_duration_since(Instant::now())));
        if Instant::now() < next {
            continue;
        }
        next += flags.interval;
        let seen = watch.recent_activity();
        for line in table.add(&seen, begun.elapsed()) {
            bench.line(&line);
        }
        bench.tick(
            begun.elapsed().min(flags.duration),
            flags.duration,
            "watching",
        );
    }
    table.into_series()
}

/// Creates the step of the whole observation. Its operation `transaction` counts the server's
/// commits and rollbacks and has no latencies; it is missing if these were not counted. The times
/// are in nanoseconds of the monotonic clock.
fn step(server: ServerEvidence, (start_ns, end_ns): (u64, u64), end: StepEnd) -> Step {
    let window = Window {
        start_ns,
        measure_start_ns: start_ns,
        measure_end_ns: end_ns,
        end_ns,
    };
    let counted = |name| server.value(name);
    let mut operations = BTreeMap::new();
    if let (Some(commits), Some(rollbacks), Some(span_s)) = (
        counted(postgres::DATABASE_COMMITS),
        counted(postgres::DATABASE_ROLLBACKS),
        counted(postgres::DELTAS_SPAN_S),
    ) {
        let operation = Operation {
            attempted: (commits + rollbacks) as u64,
            succeeded: commits as u64,
            errors: BTreeMap::from([("rollback".to_owned(), rollbacks as u64)]),
            throughput_per_s: commits / span_s,
            ..Operation::default()
        };
        operations.insert("transaction".to_owned(), operation);
    }
    Step {
        name: "as it is".to_owned(),
        parameters: BTreeMap::new(),
        repeat: 0,
        window,
        // This program makes no load.
        load: Load::Closed {
            users: 0,
            think_time_ns: 0,
        },
        operations,
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

fn summary(steps: &[Step]) -> Summary {
    let mut summary = Summary::default();
    let Some(step) = steps.first() else {
        "Nothing was seen.".clone_into(&mut summary.headline);
        return summary;
    };
    let Some(server) = &step.server else {
        return summary;
    };
    let figure = |name| server.value(name);
    if let (Some(used), Some(limit), Some(reserved)) = (
        figure(postgres::CONNECTIONS_USED_MAX),
        figure(postgres::CONNECTIONS_LIMIT),
        figure(postgres::CONNECTIONS_RESERVED),
    ) {
        let free = limit - reserved - used;
        summary.figure(summaries::CONNECTIONS_HEADROOM, free);
        // The rate is computed from the server's counters.
        let rate = if step.operations.is_empty() {
            "throughput not known".to_owned()
        } else {
            bench_cli::table::rate(step.throughput_per_s())
        };
        summary.headline = format!(
            "{rate}, {used:.0} of {limit:.0} connections at most, {free:.0} left for all but \
             superusers{}",
            limits_told(server)
        );
    }
    if let Some(ratio) = figure(postgres::DATABASE_CACHE_HIT_RATIO) {
        summary.figure(summaries::CACHE_HIT_RATIO, ratio);
    }
    if let Some((part, sessions)) = text::largest_wait(server) {
        summary.headline.push_str(&format!(
            "; sessions at work were mostly {part} ({sessions:.1} at once)"
        ));
    }
    summary
}

/// Returns the connections in use of each limit of a role or a database, as in `, 4 of 6 of role
/// "app"`; empty if no such limit is set, or nothing was counted.
fn limits_told(server: &ServerEvidence) -> String {
    let told = |row: &EvidenceRow| {
        let (used, limit) = (
            row.value(connection_limits::USED_MAX)?,
            row.value(connection_limits::LIMIT)?,
        );
        let (kind, name) = (
            row.label(connection_limits::KIND)?,
            row.label(connection_limits::NAME)?,
        );
        Some(format!(", {used:.0} of {limit:.0} of {kind} \"{name}\""))
    };
    let rows = server.rows(connection_limits::TABLE).unwrap_or_default();
    rows.iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_whose_counters_were_not_read_has_no_rate_of_nought() {
        let mut server = ServerEvidence::default();
        for (name, value) in [
            (postgres::CONNECTIONS_USED_MAX, 1.0),
            (postgres::CONNECTIONS_LIMIT, 100.0),
            (postgres::CONNECTIONS_RESERVED, 3.0),
        ] {
            server.figure(name, value);
        }
        let step = step(server, (1, 5_000_000_001), StepEnd::Completed);
        assert!(step.throughput_per_s().is_sign_positive());
        let headline = summary(&[step]).headline;
        assert!(
            headline.starts_with("throughput not known, 1 of 100"),
            "{headline}"
        );
    }

    /// The server has room, and the role of the observed program is at its limit.
    #[test]
    fn the_headline_tells_the_limit_of_the_role() {
        let mut server = ServerEvidence::default();
        for (name, value) in [
            (postgres::CONNECTIONS_USED_MAX, 12.0),
            (postgres::CONNECTIONS_LIMIT, 400.0),
            (postgres::CONNECTIONS_RESERVED, 3.0),
        ] {
            server.figure(name, value);
        }
        let limit = EvidenceRow::new(
            [
                (connection_limits::KIND, "role".to_owned()),
                (connection_limits::NAME, "app".to_owned()),
            ],
            [
                (connection_limits::LIMIT, 10.0),
                (connection_limits::USED_MAX, 10.0),
            ],
        );
        server.table(connection_limits::TABLE, vec![limit]);
        let step = step(server, (1, 5_000_000_001), StepEnd::Completed);
        let headline = summary(&[step]).headline;
        let told = "385 left for all but superusers, 10 of 10 of role \"app\"";
        assert!(headline.contains(told), "{headline}");
    }
}
