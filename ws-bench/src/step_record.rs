//! Record of one step while it runs, and its conversion to a step of the report.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use bench_report::clock::monotonic_ns;
use bench_report::{
    FailureSample, Generator, Histogram, Load, Operation, ServerEvidence, Step, StepEnd, Window,
};
use load_engine::{CARRIED_RATIO, CpuReading, LoadPlan};

use crate::connection_step::ConnectionStep;
use crate::step_timeline::StepTimeline;
use crate::thread_pool::ThreadPoolError;
use crate::verdict::{BreakReason, StepBounds, StepEvidence, judge};

/// Record of a step.
#[derive(Debug)]
pub(crate) struct StepRecord {
    pub(crate) window: Window,
    pub(crate) connect_s: f64,
    /// CPU readings at both ends of the measured part; of connecting where the step broke earlier.
    pub(crate) readings: (CpuReading, CpuReading),
    pub(crate) server: Option<ServerEvidence>,
    /// Connections open at the end of the step.
    pub(crate) open: u64,
    pub(crate) rss_bytes: Option<u64>,
    /// Result of the commands to the worker threads.
    pub(crate) ended: Result<(), ThreadPoolError>,
}

impl StepRecord {
    /// Creates a record that starts now.
    pub(crate) fn start(now: CpuReading) -> Self {
        Self {
            window: Window {
                start_ns: monotonic_ns(),
                ..Window::default()
            },
            connect_s: 0.0,
            readings: (now.clone(), now),
            server: None,
            open: 0,
            rss_bytes: None,
            ended: Ok(()),
        }
    }

    /// Notes that connecting is over. Until the step is held its measured part has no length.
    pub(crate) fn mark_connected(&mut self, now: CpuReading) {
        let now_ns = monotonic_ns();
        self.readings.1 = now;
        self.connect_s = now_ns.saturating_sub(self.window.start_ns) as f64 / 1e9;
        self.window.measure_start_ns = now_ns;
        self.window.measure_end_ns = now_ns;
        self.window.end_ns = now_ns;
    }

    /// Returns true if the measured part has a length.
    pub(crate) fn was_measured(&self) -> bool {
        self.window.measured_s() > 0.0
    }

    /// Converts the record to a step of the report, with the reason for which it broke, if it did.
    pub(crate) fn into_step(
        self,
        step: &ConnectionStep,
        load: &LoadPlan,
        timeline: &StepTimeline,
        threads: usize,
        bounds: StepBounds,
    ) -> (Step, Option<BreakReason>) {
        let (mut operations, failures) = self.collect(step);
        let check = step.checks.collect(1.0).0.remove("check");
        let generator = self.generator(&operations, timeline, threads);
        let seen = StepEvidence {
            operations: &operations,
            check: check.as_ref(),
            failures: &failures,
            connects_broke: step.has_broken(),
            generator: &generator,
        };
        let why = self.ended.ok().and_then(|()| judge(&seen, bounds));
        let mut figures = self.figures(check.as_ref());
        if let Some(connect) = operations.get_mut("connect") {
            name_phases(connect, &mut figures);
        }
        let mut reported = Step {
            name: format!("{} connections", step.connections),
            parameters: BTreeMap::from([("connections".to_owned(), step.connections.into())]),
            repeat: step.repeat,
            window: self.window,
            load: reported(load, step),
            operations,
            parts: BTreeMap::new(),
            failures,
            pool: None,
            curve: None,
            segments: Vec::new(),
            sessions: None,
            end: self.end(why.as_ref()),
            server: self.server,
            generator,
            figures,
        };
        let carried = reported.carried_ratio();
        let carried = carried.map(|ratio| (CARRIED_RATIO.to_owned(), ratio));
        reported.figures.extend(carried);
        (reported, why)
    }

    /// Merges the recorders of connects and echoes, each with the time over which its rate is
    /// computed. The check of every connection is left out: it comes in one burst without a rate.
    fn collect(&self, step: &ConnectionStep) -> (BTreeMap<String, Operation>, Vec<FailureSample>) {
        let (mut operations, mut failures) = step.connects.collect(self.connect_s);
        for failure in &mut failures {
            let phase = match failure.phase.as_str() {
                "service" => "upgrade",
                _ => "tcp",
            };
            phase.clone_into(&mut failure.phase);
        }
        let (echo, more) = step.echoes.collect(self.window.measured_s());
        operations.extend(echo);
        failures.extend(more);
        failures.extend(step.checks.collect(1.0).1);
        (operations, failures)
    }

    fn generator(
        &self,
        operations: &BTreeMap<String, Operation>,
        timeline: &StepTimeline,
        threads: usize,
    ) -> Generator {
        // CPU time is spread over echoes, or over connects where no echo was measured.
        let used_for = if self.was_measured() {
            "echo"
        } else {
            "connect"
        };
        let attempted = operations.get(used_for).map_or(0, |o| o.attempted);
        let (began, over) = &self.readings;
        Generator {
            worst_stall_ns: timeline.worst_stall_ns(),
            ..over.since(began).generator(threads, attempted)
        }
    }

    fn figures(&self, check: Option<&Operation>) -> BTreeMap<String, f64> {
        let mut figures = BTreeMap::from([("open_connections".to_owned(), self.open as f64)]);
        if let Some(bytes) = self.rss_bytes {
            figures.insert("client.rss_bytes".to_owned(), bytes as f64);
        }
        if let Some(check) = check {
            let lost = check.attempted - check.succeeded;
            figures.insert("checked_connections".to_owned(), check.attempted as f64);
            figures.insert("lost_connections".to_owned(), lost as f64);
            for (kind, count) in &check.errors {
                figures.insert(format!("lost_connections.{kind}"), *count as f64);
            }
        }
        figures
    }

    fn end(&self, why: Option<&BreakReason>) -> StepEnd {
        match (self.ended, why) {
            (Err(ThreadPoolError::Cancelled), _) => StepEnd::Interrupted,
            (Err(gone), _) => StepEnd::Failed {
                reason: gone.to_string(),
            },
            (Ok(()), Some(why)) => StepEnd::Stopped {
                rule: why.rule.clone(),
                reason: why.reason.clone(),
            },
            (Ok(()), None) => StepEnd::Completed,
        }
    }
}

/// Moves the two phases of a connect, which the recorder keeps as checkout and service, to figures
/// of their own names; service becomes the whole again.
fn name_phases(connect: &mut Operation, figures: &mut BTreeMap<String, f64>) {
    figures.insert("established_per_s".to_owned(), connect.throughput_per_s);
    for (phase, times) in [
        ("tcp", connect.checkout.take()),
        ("upgrade", connect.service.take()),
    ] {
        let Some(Histogram { percentiles_ns, .. }) = times else {
            continue;
        };
        for (label, ns) in [
            ("p50", percentiles_ns.p50),
            ("p95", percentiles_ns.p95),
            ("p99", percentiles_ns.p99),
        ] {
            figures.insert(format!("connect.{phase}_{label}_ns"), ns as f64);
        }
    }
    connect.service.clone_from(&connect.call);
}

fn reported(load: &LoadPlan, step: &ConnectionStep) -> Load {
    let talkers = step.talkers(load);
    match *load {
        LoadPlan::Open {
            rate_per_s, pacing, ..
        } => Load::Open {
            rate_per_s,
            pacing,
            in_flight_cap: talkers,
            delayed_at_cap: step.delayed.load(Ordering::Relaxed),
        },
        LoadPlan::Closed { think_time, .. } => Load::Closed {
            users: talkers,
            think_time_ns: think_time.mean().as_nanos() as u64,
        },
    }
}
