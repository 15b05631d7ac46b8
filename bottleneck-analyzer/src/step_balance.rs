//! Little's law as a check of a step's figures: users at work = throughput × time of a call.

use bench_report::{Load, Operation, Step};

use crate::assessment::EvidenceItem;
use crate::json_pointer::escape;
use crate::source_report::SourceReport;

/// Largest relative difference between both sides of the law that is put down to measurement.
const MOST_IMBALANCE: f64 = 0.05;
/// Largest time between two requests of a user, as a share of the measured time, at which the law can be
/// checked. Calls across both ends of the measured time count wholly or not at all.
const LONGEST_CYCLE: f64 = 0.05;
/// Scenarios whose steps are parts of a traced run, in which the number of users at work changes on purpose.
const TRACED: [&str; 2] = ["exhaust", "lifecycle"];

/// Number of users of a step, and the number that follows from its throughput and times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StepBalance {
    /// Index of the step in the report.
    pub(crate) index: usize,
    /// Number of users of the closed loop.
    pub(crate) users: f64,
    /// Throughput × (time of a call + think time): the mean number of users in a call or in a pause.
    pub(crate) inside: f64,
}

impl StepBalance {
    /// Computes both sides of the law for step `index`. `None` for an open loop, a load that changes, a step
    /// that did not run to its end, one without timed calls, and one too short for its calls.
    pub(crate) fn of_step(source: &SourceReport, index: usize) -> Option<Self> {
        let step = source.report.steps.get(index)?;
        let Load::Closed {
            users,
            think_time_ns,
        } = step.load
        else {
            return None;
        };
        if users == 0 || !is_steady(source, step) {
            return None;
        }
        let measured_s = step.window.measured_s();
        let (rate_per_s, busy) = rate_and_busy(step)?;
        let inside = busy + rate_per_s * think_time_ns as f64 / 1e9 + stuck(step);
        let cycle_s = users as f64 / rate_per_s;
        (cycle_s <= LONGEST_CYCLE * measured_s).then_some(Self {
            index,
            users: users as f64,
            inside,
        })
    }

    /// Returns the relative difference of both sides: negative if time of the users is missing in the
    /// figures, positive if there is too much.
    pub(crate) fn off_ratio(&self) -> f64 {
        self.inside / self.users - 1.0
    }

    /// Returns true if the law does not hold: the sides differ by more than a twentieth.
    pub(crate) fn is_off(&self) -> bool {
        self.off_ratio().abs() > MOST_IMBALANCE
    }

    /// Returns the figures of both sides as evidence.
    pub(crate) fn evidence(&self, source: &SourceReport) -> Vec<EvidenceItem> {
        let base = format!("/steps/{}", self.index);
        let users = source.evidence("users", &format!("{base}/load/users"));
        let operations = source.report.steps[self.index].operations.keys();
        let told = operations.flat_map(|name| {
            let of = format!("{base}/operations/{}", escape(name));
            let mean = format!("{of}/call/mean_ns");
            [
                source.evidence(
                    format!("throughput of {name}"),
                    &format!("{of}/throughput_per_s"),
                ),
                source.evidence(format!("mean time of a call of {name}"), &mean),
            ]
        });
        users.into_iter().chain(told.flatten()).collect()
    }
}

/// Returns true if all users of a step were at work all the time.
fn is_steady(source: &SourceReport, step: &Step) -> bool {
    let is_traced = TRACED.contains(&source.report.scenario.as_str());
    let opens_sessions = step.sessions.as_ref().is_some_and(|s| s.opened > 0);
    crate::sweep::completed(step) && step.curve.is_none() && !is_traced && !opens_sessions
}

/// Returns the number of calls that ended per second, and the mean number of users in such a call, failed
/// ones included. `None` if no call was timed.
fn rate_and_busy(step: &Step) -> Option<(f64, f64)> {
    let measured_s = step.window.measured_s();
    let (mut rate, mut busy) = (0.0, 0.0);
    for operation in step.operations.values() {
        let failed_per_s = operation.failures() as f64 / measured_s;
        let mean_ns = |o: &Operation| o.call.as_ref().map(|h| h.mean_ns);
        rate += operation.throughput_per_s + failed_per_s;
        busy += operation.throughput_per_s * mean_ns(operation).unwrap_or(0.0) / 1e9;
        let failed = operation.failed.as_ref().map_or(0.0, |h| h.mean_ns);
        busy += failed_per_s * failed / 1e9;
    }
    (rate > 0.0 && busy > 0.0 && measured_s > 0.0).then_some((rate, busy))
}

/// Returns the mean number of users that waited for an answer that never came. Such a wait counts from the
/// start of the measured time at the earliest.
fn stuck(step: &Step) -> f64 {
    let measured_ns = step.window.measured_s() * 1e9;
    let unfinished = step
        .operations
        .values()
        .filter_map(|o| o.unfinished.as_ref());
    let waited = unfinished.map(|h| h.count as f64 * h.mean_ns.min(measured_ns));
    waited.sum::<f64>() / measured_ns
}
