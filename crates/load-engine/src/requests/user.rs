//! Users of a closed loop. Each makes a request, waits for the answer, pauses, and repeats.

use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;

use super::open_session::OpenSession;
use super::target::{Session, Target, UserId};
use super::user_requests::UserRequests;
use crate::load::opening_order::OpeningOrder;
use crate::load::step_state::StepState;
use crate::plan::user_schedule::Presence;
use crate::record::failure::Failure;
use crate::record::in_flight_request::InFlightRequest;

/// Runs a user who is present for the whole step.
///
/// # Errors
/// Fails if the session cannot be opened.
pub(super) async fn stay<T: Target>(
    target: Arc<T>,
    user: UserId,
    place: OpeningOrder,
    mut requests: UserRequests,
    shared: Arc<StepState>,
) -> Result<(), Failure> {
    let mut session = place.open(target.open(user)).await?;
    let segments = shared.count_opened_and_wait().await;
    shared.sleep_until(segments.start_ns()).await;
    let until_ns = segments.measure_end_ns();
    let finished_ns = ask_until(&mut session, until_ns, &mut requests, &shared).await;
    shared.finished_users.add(finished_ns);
    shared.released().await;
    session.close().await;
    Ok(())
}

/// Runs a user who is present at certain times. Each time, the user opens a new session. A user
/// whose time is over waits for the current answer before leaving.
pub(super) async fn come_and_go<T: Target>(
    target: Arc<T>,
    user: UserId,
    presences: Vec<Presence>,
    mut requests: UserRequests,
    shared: Arc<StepState>,
) -> Result<(), Failure> {
    let segments = shared.step.segments.wait().await;
    let instant_ns = |seconds: f64| segments.start_ns() + (seconds * 1e9).round() as u64;
    let mut finished_ns = segments.start_ns();
    for presence in presences {
        if requests.are_over() {
            break;
        }
        shared.sleep_until(instant_ns(presence.from)).await;
        let until_ns = instant_ns(presence.until).min(segments.measure_end_ns());
        let opened = OpenSession::open_until(&*target, user, until_ns, &shared).await;
        let Some(mut opened) = opened else { continue };
        finished_ns = ask_until(&mut opened.session, until_ns, &mut requests, &shared).await;
        opened.close().await;
    }
    shared.finished_users.add(finished_ns);
    Ok(())
}

/// Makes requests one after the other; none begins at or after `until_ns`. Returns the instant at
/// which the last one finished.
async fn ask_until<S: Session>(
    session: &mut S,
    until_ns: u64,
    requests: &mut UserRequests,
    shared: &StepState,
) -> u64 {
    let mut now_ns = monotonic_ns();
    while now_ns < until_ns && !requests.are_over() && !shared.step.is_halted() {
        let mut request = InFlightRequest::for_user(&shared.step, now_ns);
        let outcome = session.request(&mut request.timestamps).await;
        now_ns = request.finish(&outcome, session.parts());
        if let Some(pause) = requests.pause_after(outcome.failure.is_some()) {
            let left = Duration::from_nanos(until_ns.saturating_sub(now_ns));
            tokio::select! {
                () = tokio::time::sleep(pause.min(left)) => {}
                () = shared.halted() => {}
            }
            now_ns = monotonic_ns();
        }
    }
    now_ns
}
