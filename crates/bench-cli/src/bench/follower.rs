//! Observer of a step that shows its progress and collects evidence about the server.

use std::time::Duration;

use bench_report::ServerEvidence;
use load_engine::{BrokenRule, Observer, Phase, Tick};

use crate::progress::Progress;

/// Source of evidence about the server, such as its own statistics, during a step.
///
/// The controller's thread makes all calls, so they must return at once. A source that samples a
/// server must do so on its own thread and connection, so that a server that does not answer
/// cannot block the controller.
pub trait EvidenceSource {
    /// Called when the measured part of a step begins, after its warm-up.
    fn measure_begins(&mut self) {}

    /// Called when the measured part of a step, or of one segment of it, has ended. Returns the
    /// evidence about that part; `None` if there is none.
    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        None
    }

    /// Called repeatedly during a step. Returns a stop rule about the server that is broken, on
    /// which the controller ends the step; `None` if none is broken.
    fn broken_rule(&mut self) -> Option<BrokenRule> {
        None
    }

    /// Called repeatedly during a step. Returns true while the server is unavailable, for example
    /// during a restart; `None` if the source does not watch for that.
    fn absence(&mut self) -> Option<bool> {
        None
    }
}

/// Source for runs that collect no evidence about a server.
impl EvidenceSource for () {}

/// Position of the run in its planned time and steps, from which the progress calculates the
/// remaining time.
#[derive(Debug, Default)]
pub(crate) struct RunProgress {
    pub(crate) total: Duration,
    pub(crate) done: Duration,
    pub(crate) steps: usize,
    pub(crate) step: usize,
}

/// Observer of one step that shows its progress on stderr, and calls its source of evidence when
/// the measured part begins and ends.
pub(crate) struct StepFollower<'a> {
    pub(crate) progress: &'a mut Progress,
    pub(crate) plan: &'a RunProgress,
    pub(crate) name: &'a str,
    pub(crate) evidence: &'a mut dyn EvidenceSource,
    pub(crate) measuring: bool,
    pub(crate) server: Option<ServerEvidence>,
}

impl Observer for StepFollower<'_> {
    fn phase(&mut self, phase: Phase) {
        self.progress.phase(phase.name(), self.name);
        if phase == Phase::Measure {
            self.evidence.measure_begins();
            self.measuring = true;
        } else if phase == Phase::Drain && std::mem::take(&mut self.measuring) {
            self.server = self.evidence.measure_ends();
        }
    }

    /// Called when the next segment of a changing load begins. Ends the evidence of the last
    /// segment and discards what is returned: the source itself keeps it.
    fn segment_begins(&mut self) {
        self.evidence.measure_ends();
        self.evidence.measure_begins();
    }

    fn opening(&mut self, opened: usize, wanted: usize) {
        let message = format!("{}: {opened} of {wanted} open", self.name);
        let total = self.plan.total.max(self.plan.done);
        self.progress.tick(self.plan.done, total, &message);
    }

    fn broken_rule(&mut self) -> Option<BrokenRule> {
        self.evidence.broken_rule()
    }

    fn absence(&mut self) -> Option<bool> {
        self.evidence.absence()
    }

    fn tick(&mut self, tick: &Tick) {
        let done = self.plan.done + tick.elapsed;
        let errors = match tick.errors_per_s {
            none if none <= 0.0 => String::new(),
            some => format!(", {some:.0} errors/s"),
        };
        let p99 = tick.p99.map_or(String::new(), |p99| {
            format!(", p99 {}", crate::table::duration_ns(p99.as_nanos() as u64))
        });
        let message = format!(
            "step {}/{} {}: {}{p99}{errors}",
            self.plan.step,
            self.plan.steps.max(self.plan.step),
            self.name,
            crate::table::rate(tick.throughput_per_s),
        );
        self.progress
            .tick(done, self.plan.total.max(done), &message);
    }
}
