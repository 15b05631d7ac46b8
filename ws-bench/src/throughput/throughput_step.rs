//! Runner of the steps of `throughput` on connections that stay open from step to step.

use std::time::Duration;

use bench_cli::RateStep;
use bench_cli::bench::Bench;
use bench_report::names::steps;
use bench_report::{SessionUse, Step, StepEnd};
use load_engine::{HeldLevel, HeldResult, LoadPlan, StepPlan, StopRule};

use crate::load::connection_figures;
use crate::load::load_evidence::LoadEvidence;
use crate::load::ws_load::WsLoad;
use crate::server::process_evidence::ServerProcessReader;
use crate::throughput::settings::{DEFAULTS, ThroughputSettings};
use crate::throughput::throughput_text;

/// Time by which the drain is longer than the time-out of an answer, so that a message without one
/// is recorded as a failure and is not cut off.
const DRAIN_SLACK: Duration = Duration::from_millis(500);
/// Time-out for opening all connections of a step. It is never reached, because each attempt has a
/// time-out of its own.
const CONNECT_BOUND: Duration = Duration::from_hours(24);

/// Runner of steps on connections that stay open.
pub(crate) struct StepRunner<'a> {
    pub(crate) bench: &'a mut Bench,
    pub(crate) load: WsLoad,
    pub(crate) settings: &'a ThroughputSettings,
    pub(crate) watch: ServerProcessReader,
    pub(crate) threads: usize,
    pub(crate) stop_rules: Vec<StopRule>,
}

impl AsMut<Bench> for StepRunner<'_> {
    fn as_mut(&mut self) -> &mut Bench {
        self.bench
    }
}

impl StepRunner<'_> {
    /// Plans a step with `connections` connections; `repeat` counts its runs from 0.
    pub(crate) fn plan(&self, connections: u64, repeat: u64) -> StepPlan {
        let settings = self.settings;
        // Each message under way has a user who waits for its answer.
        let waiting = connections.saturating_mul(settings.in_flight);
        let load = settings.flags.load(waiting, waiting);
        let name = throughput_text::setting(connections);
        let seed = settings.seed.wrapping_add(repeat);
        let plan = settings.flags.step.plan(&name, load, seed, DEFAULTS);
        self.described(StepPlan { repeat, ..plan }, connections)
    }

    /// Plans a step of a search for the highest rate.
    pub(crate) fn plan_at(&self, connections: u64, step: RateStep) -> StepPlan {
        let settings = self.settings;
        let load = LoadPlan::Open {
            rate_per_s: step.rate_per_s,
            pacing: settings.flags.pacing.into(),
            in_flight_cap: connections.saturating_mul(settings.in_flight),
        };
        let name = step.name(&throughput_text::setting(connections));
        let seed = settings.seed.wrapping_add(step.number);
        let plan = settings.flags.step.plan(&name, load, seed, DEFAULTS);
        self.described(step.shape(plan), connections)
    }

    fn described(&self, plan: StepPlan, connections: u64) -> StepPlan {
        let plan = StepPlan {
            drain: self.settings.load.timeout + DRAIN_SLACK,
            connect_timeout: CONNECT_BOUND,
            threads: self.threads,
            stop_rules: self.stop_rules.clone(),
            ..plan
        };
        plan.parameter("connections", connections)
            .parameter("in_flight", self.settings.in_flight)
            .parameter(
                "message_bytes",
                self.settings.load.sizes.to_string().as_str(),
            )
    }

    /// Opens connections until `connections` are open, exchanges messages on all of them, and adds
    /// the step to the report. Returns its index there; `None` if a signal ended the run before.
    ///
    /// # Errors
    /// If a connection cannot be opened, or if a thread or process that holds connections has ended.
    pub(crate) fn run_step(
        &mut self,
        connections: u64,
        plan: &StepPlan,
    ) -> anyhow::Result<Option<usize>> {
        self.close_beyond(connections)?;
        if self.bench.interrupted() {
            return Ok(None);
        }
        let level = HeldLevel {
            connections,
            allowed_failures: 0,
            in_flight: self.settings.in_flight,
        };
        let mut evidence = LoadEvidence::new(&self.watch, self.bench.load_processes());
        let held = self.load.run(self.bench, plan, level, &mut evidence)?;
        let rss_bytes = evidence.rss_bytes();
        let HeldResult {
            result,
            checks,
            open,
            ..
        } = held;
        let mut step = result.step;
        connection_figures::add(&mut step, checks.as_ref(), open, rss_bytes);
        move_connects(&mut step, open);
        add_rates(&mut step);
        let failed = match &step.end {
            StepEnd::Failed { reason } => Some(failure(reason, &step)),
            _ => None,
        };
        let index = self.bench.push_step(step, result.series, result.warnings);
        self.bench.check_workers()?;
        failed.map_or(Ok(Some(index)), |text| Err(anyhow::Error::msg(text)))
    }

    /// Closes the connections beyond `most`, and forgets lost ones.
    ///
    /// # Errors
    /// If a thread or process that holds connections has ended.
    pub(crate) fn close_beyond(&mut self, most: u64) -> anyhow::Result<()> {
        self.load.close_beyond(self.bench, most)
    }
}

/// Returns why a step failed, with the first failure of a connection where that was the reason.
fn failure(reason: &str, step: &Step) -> String {
    let seen = step.failures.first();
    let seen = seen.map_or_else(String::new, |seen| {
        format!(": {} ({})", seen.kind, seen.message)
    });
    format!("{}: {reason}{seen}", step.name)
}

/// Moves the attempts to connect from the operations of `step` to its sessions, because they are no
/// messages and do not count for throughput. `open` connections were open at its end.
fn move_connects(step: &mut Step, open: u64) {
    let Some(connect) = step.operations.remove("connect") else {
        return;
    };
    step.sessions = Some(SessionUse {
        opened: connect.succeeded,
        failed: connect.attempted - connect.succeeded,
        errors: connect.errors,
        open: connect.call,
        present_max: open,
    });
}

/// Adds the messages and bytes per second both ways, from the counts of the measured part.
fn add_rates(step: &mut Step) {
    let window = &step.window;
    let seconds = window.measured_s();
    if seconds <= 0.0 {
        return;
    }
    for (count, rate) in [
        (steps::MESSAGES_SENT, steps::MESSAGES_SENT_PER_S),
        (steps::MESSAGES_RECEIVED, steps::MESSAGES_RECEIVED_PER_S),
        (steps::BYTES_SENT, steps::BYTES_SENT_PER_S),
        (steps::BYTES_RECEIVED, steps::BYTES_RECEIVED_PER_S),
    ] {
        if let Some(count) = step.value(count) {
            step.figure(rate, count / seconds);
        }
    }
}
