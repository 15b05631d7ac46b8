//! Load that worker threads of this process make.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bench_report::names::{FigureName, load_series};
use bench_report::{PoolUsage, StepEnd};

use super::cpu_use::CpuReading;
use super::load_source::{CHANGE_LEAD_NS, CollectedStep, LoadSource, Preparation, RawStep};
use super::step_state::{PacerError, StepState};
use super::worker_pool::{PoolThreads, WorkerPool};
use crate::plan::intended_load::IntendedLoad;
use crate::plan::load_change::{ChangeError, LoadChange};
use crate::plan::load_plan::{LoadPlan, SessionOpening};
use crate::plan::segments::{SegmentIndex, Segments};
use crate::plan::step_plan::StepPlan;
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::interval::Interval;
use crate::record::recorder::Recorder;
use crate::record::traced_request::TracedRequest;

/// Load of one step, made by worker threads of this process. The futures that the threads run
/// determine the kind of load.
#[derive(Debug)]
pub(crate) struct LocalLoad {
    state: Arc<StepState>,
    workers: WorkerPool,
    plan: StepPlan,
    threads: PoolThreads,
    /// Intended load with the changes made while the step ran; `None` before the first change.
    changed: Option<IntendedLoad>,
    /// Number that the counter `opened` of the state must reach before the load begins: of
    /// sessions, or of workers if sessions open during the step.
    wanted: usize,
    /// Number of users whose last request ends the load; `None` if the planned time ends it.
    counted_users: Option<u64>,
}

/// Returns true if the report of a step shows the number of sessions over time, because they open
/// and close during the step. `changed` is true if the load was changed while the step ran.
pub(crate) fn tells_sessions(plan: &StepPlan, changed: bool) -> bool {
    match (plan.opening, &plan.load) {
        (SessionOpening::WhenDue, _) => true,
        (SessionOpening::Upfront, LoadPlan::Closed { .. }) => changed,
        (SessionOpening::Upfront, LoadPlan::Open { .. }) => false,
    }
}

/// Returns the name of the report's series that shows the number of open sessions, or of users in a
/// closed loop.
pub(crate) fn sessions_series(load: &LoadPlan) -> FigureName {
    match load {
        LoadPlan::Open { .. } => load_series::LOAD_SESSIONS,
        LoadPlan::Closed { .. } => load_series::LOAD_USERS,
    }
}

impl LocalLoad {
    /// Starts the workers of a step on threads of their own. Each runs the future that `work`
    /// creates for its share of the load: it opens its sessions, and waits for the step to begin.
    ///
    /// # Errors
    /// Fails if the operating system cannot create a thread, or tokio a runtime.
    pub(crate) fn start<W>(
        plan: &StepPlan,
        recorder: Recorder,
        work: impl Fn(WorkerShare, Arc<StepState>) -> W,
    ) -> io::Result<Self>
    where
        W: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let pool = PoolThreads::of_plan(plan);
        let state = Arc::new(StepState::new(recorder, pool.first_worker(), pool.workers));
        let shares = pool.shares();
        let sessions: u64 = shares.map(|worker| worker.share_of(pool.sessions)).sum();
        let wanted = match plan.opening {
            SessionOpening::Upfront => sessions,
            SessionOpening::WhenDue => pool.workers,
        };
        let workers = WorkerPool::start(pool, &state.threads, |worker| {
            work(worker, Arc::clone(&state))
        })?;
        Ok(Self {
            state,
            workers,
            plan: plan.clone(),
            threads: pool,
            changed: None,
            wanted: wanted as usize,
            counted_users: plan.requests_per_user.map(|_| sessions),
        })
    }

    fn tells_sessions(&self) -> bool {
        tells_sessions(&self.plan, self.changed.is_some())
    }

    /// Takes the records of single requests, in the order in which they began; empty if the
    /// recorder keeps none.
    pub(crate) fn take_trace(&self) -> Vec<TracedRequest> {
        self.state.step.recorder.take_trace()
    }

    /// Merges the measurements of one segment, or of all segments if `of` is `None`. `seconds` is
    /// the length of that time, from which rates are derived.
    fn raw_step(&self, of: Option<SegmentIndex>, seconds: f64) -> RawStep {
        let measured = self.state.step.recorder.measurements(of, seconds);
        RawStep {
            operations: measured.operations,
            prepared: BTreeMap::new(),
            parts: measured.parts,
            failures: measured.failures,
            pool: self.state.pool_usage(of).map(|usage| PoolUsage {
                checkout: measured.checkout,
                ..usage
            }),
            delayed_at_cap: self.state.delayed_at_cap(of),
            tallies: self.state.tallies(of),
        }
    }
}

impl LoadSource for LocalLoad {
    fn preparation(&mut self) -> Preparation {
        let (opened, wanted) = (self.state.opened.load(Ordering::Relaxed), self.wanted);
        if opened >= wanted {
            Preparation::Ready
        } else if self.workers.any_finished() {
            let reason = self.join();
            Preparation::Failed(
                reason.unwrap_or_else(|| "a worker ended before the load began".to_owned()),
            )
        } else {
            Preparation::Opening { opened, wanted }
        }
    }

    fn begin(&mut self, segments: &Segments) {
        let _ = self.state.step.segments.set(segments.clone());
    }

    fn change_lead_ns(&self) -> Option<u64> {
        Some(CHANGE_LEAD_NS)
    }

    fn change(&mut self, change: &LoadChange) -> Result<(), ChangeError> {
        let segments = self.state.step.segments.get();
        let start_ns = segments.ok_or(ChangeError::WarmUp)?.start_ns();
        let planned = || self.plan.intended_load();
        let load = self.changed.clone().or_else(planned);
        let mut load = load.ok_or(ChangeError::StepOver)?;
        load.follow(change, start_ns);
        let sessions = load.sessions(&self.plan.load);
        self.threads.check(sessions)?;
        self.workers.expect_sessions(sessions);
        self.changed = Some(load.clone());
        self.state.change(change.at_ns, load);
        Ok(())
    }

    fn take_interval(&mut self) -> Interval {
        self.state.step.recorder.take_interval()
    }

    fn gauges(&mut self) -> Vec<(FigureName, f64)> {
        if !self.tells_sessions() {
            return Vec::new();
        }
        let present = self.state.sessions.present() as f64;
        vec![(sessions_series(&self.plan.load), present)]
    }

    fn finished_ns(&self) -> Option<u64> {
        self.state.finished_users.last_ns(self.counted_users?)
    }

    fn read_cpu(&mut self) -> CpuReading {
        CpuReading::read(&self.state.threads)
    }

    fn early_end(&mut self) -> Option<StepEnd> {
        match self.state.pacer_error.get() {
            Some(PacerError::QueueFull { capacity }) => Some(StepEnd::Stopped {
                rule: format!("backlog>{capacity}"),
                reason: "the target fell so far behind that the backlog was full".to_owned(),
            }),
            Some(PacerError::Timer(reason)) => Some(StepEnd::Failed {
                reason: reason.clone(),
            }),
            None if self.finished_ns().is_some() => Some(StepEnd::Completed),
            None if self.workers.all_finished() => {
                self.join().map(|reason| StepEnd::Failed { reason })
            }
            None => None,
        }
    }

    fn halt(&mut self) {
        self.state.halt();
    }

    fn release(&mut self) {
        self.state.release();
    }

    fn abort(&mut self) {
        self.state.abort.cancel();
    }

    fn is_finished(&mut self) -> bool {
        self.workers.all_recorded(&self.state)
    }

    fn wait_until_recorded(&mut self) {
        self.workers.wait_until_recorded(&self.state);
    }

    fn join(&mut self) -> Option<String> {
        if !self.workers.all_finished() {
            self.abort();
        }
        self.workers.join()
    }

    fn collect(&mut self, segments_s: &[f64]) -> CollectedStep {
        let tells_sessions = self.tells_sessions();
        let segments = segments_s.iter().zip(SegmentIndex::all());
        let segments = segments.map(|(seconds, index)| self.raw_step(Some(index), *seconds));
        CollectedStep {
            whole: self.raw_step(None, segments_s.iter().sum()),
            segments: match segments_s.len() {
                1 => Vec::new(),
                _ => segments.collect(),
            },
            sessions: tells_sessions.then(|| self.state.sessions.session_use()),
            sessions_by_segment: if tells_sessions {
                let segments = SegmentIndex::all().take(segments_s.len());
                let of = |segment| self.state.sessions.session_use_in(segment);
                segments.map(of).collect()
            } else {
                Vec::new()
            },
            held: None,
            processes: None,
        }
    }
}
