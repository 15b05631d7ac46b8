//! Changes of the load of a running step. Other threads request them, and the step's controller
//! answers the requests.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Weak};
use std::thread::ThreadId;
use std::time::Duration;

use bench_report::clock::monotonic_ns;

use super::boundary_readings::BoundaryReadings;
use super::heartbeat::TickGrid;
use crate::load::load_source::LoadSource;
use crate::plan::load_change::{ChangeError, LoadChange};
use crate::plan::load_curve::LoadCurve;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;

/// Handle by which other threads change the load of a step while it runs. An observer receives it
/// in [`Observer::load_control`](crate::Observer::load_control).
#[derive(Debug, Clone)]
pub struct LoadControl {
    requests: Sender<ChangeRequest>,
    controller: ThreadId,
    /// Token that the controller keeps while it answers requests; afterwards every request fails.
    open: Weak<()>,
}

/// Answer to a request for a change of the load: the change that the controller has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedChange {
    /// Instant from which the load follows the new curve, in nanoseconds on `CLOCK_MONOTONIC`. It
    /// is the next tick of the step's timeline that leaves enough time to inform all threads and
    /// processes that make the load.
    pub at_ns: u64,
    /// Position, counted from 0 among the step's segments, of the segment that contains the results
    /// from that instant on.
    pub segment: usize,
}

#[derive(Debug)]
struct ChangeRequest {
    load: LoadCurve,
    answer: Sender<Result<AppliedChange, ChangeError>>,
}

impl LoadControl {
    /// Requests that the load follow `load` until the step ends: arrivals per second in an open
    /// loop, users in a closed loop. Blocks until the controller answers, some hundredths of a
    /// second. The change itself begins later, at the instant in the answer.
    ///
    /// # Errors
    /// Fails if the load of the step cannot be changed, if this change is impossible, if the step
    /// is over, or if the caller runs on the controller's thread. The load then stays as it is.
    pub fn change(&self, load: impl Into<LoadCurve>) -> Result<AppliedChange, ChangeError> {
        if self.open.strong_count() == 0 {
            return Err(ChangeError::StepOver);
        }
        if std::thread::current().id() == self.controller {
            return Err(ChangeError::OwnThread);
        }
        let (answer, answered) = mpsc::channel();
        let request = ChangeRequest {
            load: load.into(),
            answer,
        };
        let sent = self.requests.send(request);
        sent.map_err(|_| ChangeError::StepOver)?;
        answered.recv().unwrap_or(Err(ChangeError::StepOver))
    }
}

/// Requests for changes of the load of one step, on its controller's side. Once this value is
/// dropped, every further request fails because the step is over.
#[derive(Debug)]
pub(super) struct ChangeRequests {
    control: LoadControl,
    _open: Arc<()>,
    received: Receiver<ChangeRequest>,
    /// Reason for which the load of this step can never be changed; `None` if it can.
    refusal: Option<ChangeError>,
    segments: Segments,
    accepted: Vec<LoadChange>,
}

impl ChangeRequests {
    /// Creates the receiver of requests for a step. The calling thread becomes the controller, from
    /// which no request is accepted. `is_traced` is true for a traced run, whose load cannot be
    /// changed.
    pub(super) fn new(plan: &StepPlan, segments: &Segments, is_traced: bool) -> Self {
        let (requests, received) = mpsc::channel();
        let open = Arc::new(());
        Self {
            control: LoadControl {
                requests,
                controller: std::thread::current().id(),
                open: Arc::downgrade(&open),
            },
            _open: open,
            received,
            refusal: refusal(plan, is_traced),
            segments: segments.clone(),
            accepted: Vec::new(),
        }
    }

    /// Returns the handle by which other threads request changes of the load.
    pub(super) fn control(&self) -> &LoadControl {
        &self.control
    }

    /// Answers all pending requests. Each accepted change begins at a tick of `grid`, informs
    /// `source`, and becomes a boundary of `readings`.
    pub(super) fn answer(
        &mut self,
        grid: &TickGrid,
        source: &mut dyn LoadSource,
        readings: &mut BoundaryReadings,
    ) {
        while let Ok(request) = self.received.try_recv() {
            let answer = self.change(monotonic_ns(), &request.load, grid, source);
            if answer.is_ok() {
                readings.change_boundaries(&self.segments);
            }
            // The requesting thread may have ended.
            let _ = request.answer.send(answer);
        }
    }

    fn change(
        &mut self,
        now_ns: u64,
        load: &LoadCurve,
        grid: &TickGrid,
        source: &mut dyn LoadSource,
    ) -> Result<AppliedChange, ChangeError> {
        let lead_ns = source.change_lead_ns();
        let lead_ns = lead_ns.ok_or(ChangeError::HeldConnections)?;
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let window = self.segments.window();
        let last_ns = self.accepted.last().map_or(0, |last| last.at_ns);
        let at_ns = grid.next_from((now_ns + lead_ns).max(last_ns + 1));
        if at_ns <= window.measure_start_ns {
            return Err(ChangeError::WarmUp);
        }
        if at_ns >= window.measure_end_ns {
            return Err(ChangeError::StepOver);
        }
        if !self.segments.has_room() {
            return Err(ChangeError::TooManyChanges);
        }
        let left = Duration::from_nanos(window.measure_end_ns - at_ns);
        let fitted = load.over(left)?;
        let change = LoadChange { at_ns, fitted };
        source.change(&change)?;
        self.accepted.push(change);
        let segment = self.segments.nearest(at_ns).index();
        Ok(AppliedChange { at_ns, segment })
    }

    /// Stops answering requests, and returns the accepted changes, in order.
    pub(super) fn close(self) -> Vec<LoadChange> {
        self.accepted
    }
}

/// Returns the reason for which the load of `plan` can never be changed; `None` if it can.
/// `is_traced` is true for a traced run.
fn refusal(plan: &StepPlan, is_traced: bool) -> Option<ChangeError> {
    if is_traced {
        Some(ChangeError::TracedRun)
    } else if plan.requests_per_user.is_some() {
        Some(ChangeError::CountedRequests)
    } else if plan.starts_at.is_some() {
        Some(ChangeError::SeveralHosts)
    } else {
        (!plan.takes_changes).then_some(ChangeError::HeldSetting)
    }
}

#[cfg(test)]
mod tests {
    use bench_report::{Pacing, StepEnd};

    use super::*;
    use crate::load::cpu_use::{CpuReading, LoadThreads};
    use crate::load::load_source::{CollectedStep, Preparation};
    use crate::plan::load_plan::LoadPlan;
    use crate::plan::wall_time::WallTime;
    use crate::record::interval::Interval;

    const MS: u64 = 1_000_000;

    /// Source of load that only records its changes. `lead_ns` is the time that it needs before a
    /// change, in nanoseconds; `None` if its load cannot be changed.
    struct Notes {
        segments: Segments,
        changes: Vec<LoadChange>,
        lead_ns: Option<u64>,
    }

    impl LoadSource for Notes {
        fn preparation(&mut self) -> Preparation {
            Preparation::Ready
        }

        fn begin(&mut self, _: &Segments) {}

        fn change_lead_ns(&self) -> Option<u64> {
            self.lead_ns
        }

        fn change(&mut self, change: &LoadChange) -> Result<(), ChangeError> {
            self.segments.change_at(change.at_ns);
            self.changes.push(change.clone());
            Ok(())
        }

        fn take_interval(&mut self) -> Interval {
            Interval::new()
        }

        fn read_cpu(&mut self) -> CpuReading {
            CpuReading::read(&LoadThreads::default())
        }

        fn early_end(&mut self) -> Option<StepEnd> {
            None
        }

        fn halt(&mut self) {}

        fn abort(&mut self) {}

        fn is_finished(&mut self) -> bool {
            true
        }

        fn wait_until_recorded(&mut self) {}

        fn join(&mut self) -> Option<String> {
            None
        }

        fn collect(&mut self, _: &[f64]) -> CollectedStep {
            CollectedStep::default()
        }
    }

    /// Plan of a step with 1 s of warm-up, a measured part of 4 s, and an open loop of 100 arrivals
    /// per second.
    fn plan() -> StepPlan {
        let load = LoadPlan::Open {
            rate_per_s: 100.0,
            pacing: Pacing::Constant,
            in_flight_cap: 8,
        };
        let mut plan = StepPlan::new("", load, Duration::from_secs(4)).taking_changes();
        plan.warmup = Duration::from_secs(1);
        plan
    }

    /// Requests a change to 300 arrivals per second at each of the instants `at_ms`, in
    /// milliseconds since the start of the step, and returns the answer to each.
    fn ask(plan: &StepPlan, lead_ns: Option<u64>, is_traced: bool, at_ms: &[u64]) -> Vec<Asked> {
        let start_ns = 10_000 * MS;
        let segments = Segments::new(start_ns, plan.warmup, plan.measure, &plan.segments);
        let mut requests = ChangeRequests::new(plan, &segments, is_traced);
        let mut source = Notes {
            segments,
            changes: Vec::new(),
            lead_ns,
        };
        let grid = TickGrid::new(start_ns, plan.measure);
        let load = LoadCurve::Constant(300.0);
        let mut ask = |at_ms: &u64| {
            let now_ns = start_ns + at_ms * MS;
            let applied = requests.change(now_ns, &load, &grid, &mut source)?;
            Ok(((applied.at_ns - start_ns) / MS, applied.segment))
        };
        let answers: Vec<Asked> = at_ms.iter().map(&mut ask).collect();
        let accepted = answers.iter().flatten().count();
        assert_eq!(
            requests.close(),
            source.changes,
            "those and no others are made"
        );
        assert_eq!(source.changes.len(), accepted);
        let end_ns = start_ns + 5_000 * MS;
        for change in &source.changes {
            let left_s = (end_ns - change.at_ns) as f64 / 1e9;
            assert!(
                (change.fitted.curve.seconds() - left_s).abs() < 1e-9,
                "to the end"
            );
        }
        answers
    }

    type Asked = Result<(u64, usize), ChangeError>;

    #[test]
    fn a_change_comes_at_the_next_tick_that_everybody_hears_of_in_time() {
        let answers = ask(
            &plan(),
            Some(20 * MS),
            false,
            &[0, 979, 985, 1_070, 2_079, 2_081, 4_879, 4_881],
        );
        let (warm_up, over) = (Err(ChangeError::WarmUp), Err(ChangeError::StepOver));
        assert_eq!(
            answers,
            [
                warm_up.clone(),
                warm_up,
                // The first tick after the start of the measured part.
                Ok((1_100, 1)),
                // At most one change begins at a tick.
                Ok((1_200, 2)),
                Ok((2_100, 3)),
                Ok((2_200, 4)),
                Ok((4_900, 5)),
                over,
            ]
        );
        // A longer lead makes the change begin later.
        assert_eq!(
            ask(&plan(), Some(90 * MS), false, &[2_020]),
            [Ok((2_200, 1))]
        );
    }

    #[test]
    fn a_step_has_as_many_changes_as_there_are_segments_for_them() {
        let at_ms: Vec<u64> = (0..33).map(|n| 1_050 + 100 * n).collect();
        let answers = ask(&plan(), Some(20 * MS), false, &at_ms);
        assert!(answers[..31].iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(
            answers[31..],
            [(); 2].map(|()| Err(ChangeError::TooManyChanges))
        );
    }

    #[test]
    fn loads_that_follow_no_further_curve_say_why() {
        let held = StepPlan {
            takes_changes: false,
            ..plan()
        };
        let mut on_hosts = plan();
        on_hosts.starts_at = Some(WallTime::now());
        let mut counted = plan();
        counted.requests_per_user = Some(3);
        for (plan, lead_ns, is_traced, refusal) in [
            (&held, Some(1), false, ChangeError::HeldSetting),
            (&held, None, false, ChangeError::HeldConnections),
            (&held, Some(1), true, ChangeError::TracedRun),
            (&on_hosts, Some(1), false, ChangeError::SeveralHosts),
            (&counted, Some(1), false, ChangeError::CountedRequests),
        ] {
            assert_eq!(ask(plan, lead_ns, is_traced, &[2_000]), [Err(refusal)]);
        }
    }
}
