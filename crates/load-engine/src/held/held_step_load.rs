//! Load of one step on connections that stay open, as a source of load for the step's controller.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bench_report::StepEnd;
use bench_report::names::{FigureName, load_series};

use super::connection_factory::ConnectionFactory;
use super::held_load::HeldLoad;
use super::held_step::{HeldLevel, HeldStep};
use super::held_worker::WorkerCommand;
use crate::load::cpu_use::CpuReading;
use crate::load::load_source::{
    CollectedStep, HeldOutcome, LoadSource, Preparation, RawStep, TOO_FEW_OPENED,
};
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;
use crate::record::interval::Interval;

/// Number of rounds in which missing connections are opened before the step continues without them.
/// The limit ends a step against a server that accepts connections only to drop them.
const MOST_FILLS: usize = 3;
/// Longest wait for the recording of requests that were cut off, without the addition for each
/// connection.
const RECORDING_BOUND: Duration = Duration::from_millis(500);
const RECORDING_BOUND_PER_CONNECTION: Duration = Duration::from_micros(50);

/// Stage of a step on connections that stay open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Opening connections; the number counts the rounds of opening so far, from 0.
    Fill(usize),
    /// Holding the connections open while some of them exchange messages.
    Hold,
    /// Exchanging one message on each connection, as proof that it is alive.
    Check,
}

/// Load of one step on the connections that are already open, and on those that the step opens.
#[derive(Debug)]
pub(crate) struct HeldStepLoad<'a, F: ConnectionFactory> {
    load: &'a mut HeldLoad<F>,
    step: Arc<HeldStep>,
    stage: Stage,
    began: Instant,
    /// Time that opening the connections took, in seconds; `None` while they are opening.
    connect_s: Option<f64>,
}

impl<'a, F: ConnectionFactory> HeldStepLoad<'a, F> {
    /// Creates the load of a step that has not begun, and notes the present time as the beginning
    /// of its connecting.
    pub(crate) fn new(load: &'a mut HeldLoad<F>, plan: &StepPlan, level: HeldLevel) -> Self {
        Self {
            step: Arc::new(HeldStep::new(plan, level, load.operations())),
            load,
            stage: Stage::Fill(0),
            began: Instant::now(),
            connect_s: None,
        }
    }

    fn raw_step(&self, measured_s: f64) -> RawStep {
        let connect_s = self
            .connect_s
            .unwrap_or_else(|| self.began.elapsed().as_secs_f64());
        let (prepared, mut failures) = self.step.connects.recorder.collect(connect_s);
        let (operations, more) = self.step.messages.recorder.collect(measured_s);
        failures.extend(more);
        failures.extend(self.step.checks.recorder.collect(1.0).1);
        RawStep {
            operations,
            prepared,
            parts: BTreeMap::new(),
            failures,
            pool: None,
            delayed_at_cap: self.step.delayed.load(Ordering::Relaxed),
            tallies: self.step.counts.tallies(),
        }
    }
}

impl<F: ConnectionFactory> LoadSource for HeldStepLoad<'_, F> {
    fn preparation(&mut self) -> Preparation {
        let (open, wanted) = (self.load.open(), self.step.level.connections);
        let Stage::Fill(rounds) = self.stage else {
            return Preparation::Ready;
        };
        if rounds > 0 && !self.load.is_idle() {
            return Preparation::Opening {
                opened: open as usize,
                wanted: wanted as usize,
            };
        }
        if let Some(gone) = self.load.gone() {
            return Preparation::Failed(gone.to_string());
        }
        let missing = wanted.saturating_sub(open);
        if missing > 0 && rounds < MOST_FILLS && !self.step.has_broken() {
            self.stage = Stage::Fill(rounds + 1);
            let step = Arc::clone(&self.step);
            let again = rounds > 0;
            self.load.order(&WorkerCommand::Fill {
                step,
                missing,
                again,
            });
            return Preparation::Opening {
                opened: open as usize,
                wanted: wanted as usize,
            };
        }
        self.connect_s = Some(self.began.elapsed().as_secs_f64());
        if self.step.has_broken() {
            return Preparation::Failed(TOO_FEW_OPENED.to_owned());
        }
        Preparation::Ready
    }

    fn failed_connects(&self) -> u64 {
        self.step.failed_connects()
    }

    fn begin(&mut self, segments: &Segments) {
        let _ = self.step.messages.segments.set(segments.clone());
        self.stage = Stage::Hold;
        self.load.order(&WorkerCommand::Talk {
            step: Arc::clone(&self.step),
            talkers: shares(&self.load.connections(), self.step.talkers()),
        });
    }

    fn take_interval(&mut self) -> Interval {
        self.step.messages.recorder.take_interval()
    }

    fn gauges(&mut self) -> Vec<(FigureName, f64)> {
        vec![(load_series::OPEN_CONNECTIONS, self.load.open() as f64)]
    }

    fn read_cpu(&mut self) -> CpuReading {
        self.load.read_cpu()
    }

    fn early_end(&mut self) -> Option<StepEnd> {
        if let Some(gone) = self.load.gone() {
            let reason = gone.to_string();
            return Some(StepEnd::Failed { reason });
        }
        // The load ends because all connections are lost; the check will record how.
        (self.load.open() == 0).then_some(StepEnd::Completed)
    }

    fn halt(&mut self) {
        self.step.halt();
    }

    fn abort(&mut self) {
        self.load.cut_off();
    }

    fn is_finished(&mut self) -> bool {
        self.load.is_idle()
    }

    fn verify(&mut self, cancelled: bool) -> bool {
        if self.stage == Stage::Hold {
            if cancelled || !self.load.is_idle() {
                return false;
            }
            self.stage = Stage::Check;
            let check = WorkerCommand::Check(Arc::clone(&self.step));
            self.load.order(&check);
        }
        self.load.is_idle()
    }

    fn wait_until_recorded(&mut self) {
        let open = u32::try_from(self.load.open()).unwrap_or(u32::MAX);
        let each = RECORDING_BOUND_PER_CONNECTION.saturating_mul(open);
        self.load.wait_until_idle(RECORDING_BOUND + each);
    }

    fn join(&mut self) -> Option<String> {
        self.load.gone().map(|gone| gone.to_string())
    }

    fn collect(&mut self, segments_s: &[f64]) -> CollectedStep {
        CollectedStep {
            whole: self.raw_step(segments_s.iter().sum()),
            segments: Vec::new(),
            sessions: None,
            sessions_by_segment: Vec::new(),
            held: Some(HeldOutcome {
                checks: self.step.checks.recorder.collect(1.0).0,
                open: self.load.open(),
                failed_connects: self.step.failed_connects(),
            }),
            processes: None,
        }
    }
}

/// Divides the numbers of the connections that send messages, 0..`talkers`, into one range per
/// worker, in proportion to its number in `connections`. There are at most as many as connections.
fn shares(connections: &[u64], talkers: u64) -> Arc<[Range<u64>]> {
    let all: u64 = connections.iter().sum();
    let talkers = talkers.min(all);
    let mut before = 0;
    let up_to = |connections: u64| talkers * connections / all.max(1);
    connections
        .iter()
        .map(|own| {
            let start = up_to(before);
            before += own;
            start..up_to(before)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_talker_is_dealt_once_and_only_to_workers_that_have_connections() {
        for (connections, talkers) in [
            (vec![50, 50], 7),
            (vec![0, 1], 1),
            (vec![1, 0], 1),
            (vec![1, 199], 200),
            (vec![3, 90, 7], 20),
            (vec![0, 0], 5),
            (vec![2, 1], 9),
        ] {
            let dealt = shares(&connections, talkers);
            let wanted = talkers.min(connections.iter().sum());
            let numbers: Vec<u64> = dealt.iter().cloned().flatten().collect();
            assert_eq!(numbers, (0..wanted).collect::<Vec<_>>(), "{connections:?}");
            let fits = |(range, own): (&Range<u64>, &u64)| range.end - range.start <= *own;
            assert!(
                dealt.iter().zip(&connections).all(fits),
                "{connections:?}: {dealt:?}"
            );
        }
    }
}
