//! Changes of the load of a step that runs, asked for by other threads and answered by its controller.

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

/// Handle by which other threads change the load of a step while it runs. An observer gets it with
/// [`Observer::load_control`](crate::Observer::load_control).
#[derive(Debug, Clone)]
pub struct LoadControl {
    requests: Sender<ChangeRequest>,
    controller: ThreadId,
    /// Held by the controller while it takes requests.
    open: Weak<()>,
}

/// Change of a load that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedChange {
    /// Instant on `CLOCK_MONOTONIC` from which the load follows the new curve, in nanoseconds: the next
    /// tick of the step's timeline that everybody hears of in time.
    pub at_ns: u64,
    /// Position among the step's segments of the one that has the results from then on.
    pub segment: usize,
}

#[derive(Debug)]
struct ChangeRequest {
    load: LoadCurve,
    answer: Sender<Result<AppliedChange, ChangeError>>,
}

impl LoadControl {
    /// Makes the load follow `load` until the step ends: arrivals per second of an open loop, users of a
    /// closed one. Waits for the controller's answer, some hundredths of a second; the change itself comes
    /// later.
    ///
    /// # Errors
    /// Fails if the step does not take a change, or not this one, or is over; nothing changes then.
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

/// Changes of the load of one step, as its controller decides on them. Who asks once this is dropped is
/// told that the step is over.
#[derive(Debug)]
pub(super) struct ChangeRequests {
    control: LoadControl,
    _open: Arc<()>,
    received: Receiver<ChangeRequest>,
    /// Reason for which the load of this step is never changed.
    refusal: Option<ChangeError>,
    segments: Segments,
    accepted: Vec<LoadChange>,
}

impl ChangeRequests {
    /// Creates the requests to the calling thread for changes of a step, of a traced run or not.
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

    /// Returns the handle of those who ask.
    pub(super) fn control(&self) -> &LoadControl {
        &self.control
    }

    /// Answers the requests that have come. Changes begin at ticks of `grid`, and each is a boundary of
    /// `readings`.
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
            // The thread that asked may be gone.
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
        if now_ns < window.measure_start_ns {
            return Err(ChangeError::WarmUp);
        }
        let last_ns = self.accepted.last().map_or(0, |last| last.at_ns);
        let at_ns = grid.next_from((now_ns + lead_ns).max(last_ns + 1));
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

    /// Takes no further request, and returns the changes that were accepted.
    pub(super) fn close(self) -> Vec<LoadChange> {
        self.accepted
    }
}

/// Returns the reason for which the load of `plan`, of a traced run or not, is never changed.
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
