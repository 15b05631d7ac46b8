//! Users of a closed loop. While present, a user makes a request, waits for the answer, pauses, and
//! repeats.

use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;

use super::open_session::OpenSession;
use super::target::{Session, Target, UserId};
use super::user_requests::UserRequests;
use crate::load::opening_order::OpeningOrder;
use crate::load::step_state::StepState;
use crate::plan::segments::Segments;
use crate::plan::user_schedule::Presence;
use crate::record::failure::Failure;
use crate::record::in_flight_request::InFlightRequest;

/// One user of a closed loop, with what its task needs.
pub(super) struct LoadUser<T> {
    pub(super) target: Arc<T>,
    pub(super) id: UserId,
    pub(super) requests: UserRequests,
    /// Periods in which the user is present, in order, in seconds since the start of the step.
    pub(super) presences: Vec<Presence>,
    pub(super) shared: Arc<StepState>,
    /// True if the load may be changed during the step, so that a user who has left may have to
    /// return.
    pub(super) waits_for_changes: bool,
}

/// State of a user's task during a step; instants are in nanoseconds on `CLOCK_MONOTONIC`.
struct UserState {
    /// Number of changes of the load that the user's presences already include.
    seen: usize,
    /// End of the pause after the last answer, in nanoseconds on `CLOCK_MONOTONIC`; 0 before the
    /// first.
    resume_ns: u64,
    /// End of the last request, in nanoseconds on `CLOCK_MONOTONIC`; the start of the step before
    /// the first.
    finished_ns: u64,
}

impl<T: Target> LoadUser<T> {
    /// Runs a user whose session is opened before the step, until the step's end.
    ///
    /// # Errors
    /// Returns the failure to open the session.
    pub(super) async fn stay(mut self, place: OpeningOrder) -> Result<(), Failure> {
        let session = place.open(self.target.open(self.id)).await?;
        let opened = OpenSession::opened_before(session, &self.shared);
        let shared = Arc::clone(&self.shared);
        let segments = shared.count_opened_and_wait().await;
        shared.wait_until(segments.start_ns()).await;
        let left_open = self.come_and_go(segments, Some(opened)).await;
        shared.released().await;
        close(left_open).await;
        Ok(())
    }

    /// Runs a user who is present at planned times and opens a new session each time, until the
    /// step's end.
    ///
    /// # Errors
    /// Never fails: a session that cannot be opened is recorded as a result.
    pub(super) async fn visit(mut self) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let segments = shared.step.segments.wait().await;
        let left_open = self.come_and_go(segments, None).await;
        close(left_open).await;
        Ok(())
    }

    /// Makes requests while the user is present, until the measured part ends. `opened` is the
    /// session that is open at first; returns the one that is open at the end, if any. A user who
    /// is due to leave waits for the current answer first.
    async fn come_and_go(
        &mut self,
        segments: &Segments,
        mut opened: Option<OpenSession<T::Session>>,
    ) -> Option<OpenSession<T::Session>> {
        let (start_ns, end_ns) = (segments.start_ns(), segments.measure_end_ns());
        let instant_ns = |seconds: f64| start_ns.saturating_add((seconds * 1e9).round() as u64);
        let mut state = UserState {
            seen: 0,
            resume_ns: 0,
            finished_ns: start_ns,
        };
        loop {
            if let Some((seen, load)) = self.shared.changes.since(state.seen) {
                let schedule = load.users().map(|users| &users.schedule);
                self.presences = schedule.map_or(Vec::new(), |all| all.presences(self.id.0));
                state.seen = seen;
            }
            let now_ns = monotonic_ns();
            if now_ns >= end_ns || self.requests.are_over() || self.shared.step.is_halted() {
                break;
            }
            let times = self.presences.iter();
            let mut times =
                times.map(|one| (instant_ns(one.from), instant_ns(one.until).min(end_ns)));
            let next = times.find(|(_, until_ns)| *until_ns > now_ns);
            match next {
                Some((from_ns, until_ns)) if from_ns <= now_ns => {
                    opened = self.be_present(opened, until_ns, &mut state).await;
                    if until_ns < end_ns && monotonic_ns() >= until_ns {
                        close(opened.take()).await;
                    }
                }
                None if !self.waits_for_changes => break,
                later => {
                    close(opened.take()).await;
                    let wake_ns = later.map_or(end_ns, |(from_ns, _)| from_ns.min(end_ns));
                    self.shared.sleep_until(wake_ns, state.seen).await;
                }
            }
        }
        self.shared.finished_users.add(state.finished_ns);
        opened
    }

    /// Makes requests until `until_ns` on `CLOCK_MONOTONIC`, a halt, or the next change of the
    /// load. Opens a session first if `opened` is `None`. Returns the session; `None` if none could
    /// be opened in time.
    async fn be_present(
        &mut self,
        opened: Option<OpenSession<T::Session>>,
        until_ns: u64,
        state: &mut UserState,
    ) -> Option<OpenSession<T::Session>> {
        let mut opened = if let Some(opened) = opened {
            opened
        } else {
            let until = (until_ns, state.seen);
            OpenSession::open_until(&*self.target, self.id, until, &self.shared).await?
        };
        self.ask_until(&mut opened.session, until_ns, state).await;
        Some(opened)
    }

    /// Makes requests one after the other. None begins at or after `until_ns` on `CLOCK_MONOTONIC`,
    /// after a halt, after a change of the load, or once the user's number of requests is reached.
    async fn ask_until(&mut self, session: &mut T::Session, until_ns: u64, state: &mut UserState) {
        let shared = &*self.shared;
        let mut now_ns = monotonic_ns();
        loop {
            if now_ns < state.resume_ns {
                let wake_ns = state.resume_ns.min(until_ns);
                shared.sleep_until(wake_ns, state.seen).await;
                now_ns = monotonic_ns();
            }
            let is_over = now_ns >= until_ns || self.requests.are_over();
            if is_over || shared.is_disturbed(state.seen) {
                return;
            }
            let mut request = InFlightRequest::for_user(&shared.step, now_ns);
            let outcome = session.request(&mut request.timestamps).await;
            now_ns = request.finish(&outcome, session.parts());
            state.finished_ns = now_ns;
            if let Some(pause) = self.requests.pause_after(outcome.failure.is_some()) {
                state.resume_ns = after(now_ns, pause);
            }
            if let Some(pause) = session.between_requests() {
                now_ns = monotonic_ns();
                state.resume_ns = state.resume_ns.max(after(now_ns, pause));
            }
        }
    }
}

/// Returns the instant at which a pause that begins at `now_ns` ends, in nanoseconds.
fn after(now_ns: u64, pause: Duration) -> u64 {
    now_ns.saturating_add(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX))
}

async fn close<S: Session>(opened: Option<OpenSession<S>>) {
    if let Some(opened) = opened {
        opened.close().await;
    }
}
