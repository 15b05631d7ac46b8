//! Conclusions from a traced run of `exhaust`: fairness of waiting, recovery time, and deadlocks of
//! requests that wait for a second connection.

use load_engine::TracedRequest;
use statistics::recovery::{Begun, RecoveryWindows, TOLERANCE, recovery};

use super::log::Log;

/// Smallest difference between two instants, 1 ms in nanoseconds, at which their order is certain.
/// Tasks on different threads wake up at slightly different times.
const SLACK_NS: u64 = 1_000_000;
/// Size of the windows in which recovery is judged: twenty requests, each recorded by itself, of
/// which one may be late.
const SINGLE_REQUESTS: RecoveryWindows = RecoveryWindows {
    requests: 20,
    shortest_ns: 0,
    in_a_row: 1,
};

/// Smallest number of requests before the holders start. With fewer, their 99th percentile cannot
/// serve as the reference for late requests.
pub(super) const FEWEST_BEFORE: usize = 100;

/// Distribution of waits for a connection over the requests that started while holders kept
/// connections.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Fairness {
    /// Number of requests that started while holders kept connections.
    pub(super) visits: usize,
    /// Number of requests, among those that started while holders kept connections, whose checkout
    /// timed out or failed.
    pub(super) gave_up: usize,
    /// Median wait for a connection, including that of requests that gave up, in nanoseconds; 0
    /// without requests.
    pub(super) median_ns: u64,
    /// Longest wait for a connection, including that of requests that gave up, in nanoseconds; 0
    /// without requests.
    pub(super) longest_ns: u64,
    /// Number of requests that got a connection, or gave up, after a request that had started
    /// clearly later (by more than 1 ms) got one.
    pub(super) passed_over: usize,
    /// Number of requests that gave up although a request that had started clearly later (by more
    /// than 1 ms) got a connection.
    pub(super) starved: usize,
}

impl Fairness {
    /// Computes the fairness of waiting among the users from the recorded events of a run.
    pub(super) fn of(log: &Log) -> Self {
        let visits = log.started_in(log.parts.held_ns, log.parts.released_ns);
        let mut waits: Vec<u64> = visits.iter().map(TracedRequest::waited_ns).collect();
        waits.sort_unstable();
        let mut fairness = Self {
            visits: visits.len(),
            gave_up: visits.iter().filter(|visit| visit.gave_up()).count(),
            median_ns: waits.get(waits.len() / 2).copied().unwrap_or(0),
            longest_ns: waits.last().copied().unwrap_or(0),
            ..Self::default()
        };
        // Goes from the last request to the first. `earliest_ns` is the earliest time at which any request
        // that started clearly later got a connection.
        let mut later = visits.len();
        let mut earliest_ns = u64::MAX;
        for visit in visits.iter().rev() {
            let came_ns = visit.timestamps.started_ns;
            while later > 0 && visits[later - 1].timestamps.started_ns > came_ns + SLACK_NS {
                later -= 1;
                let served_ns = visits[later].timestamps.acquired_ns;
                if served_ns > 0 {
                    earliest_ns = earliest_ns.min(served_ns);
                }
            }
            let over_ns = came_ns + visit.waited_ns();
            if earliest_ns.saturating_add(SLACK_NS) < over_ns {
                fairness.passed_over += 1;
                fairness.starved += usize::from(visit.gave_up());
            }
        }
        fairness
    }

    /// Returns the longest wait divided by the median one; 1 means that all waits are equal. `None`
    /// if the median is 0.
    pub(super) fn longest_by_median(&self) -> Option<f64> {
        (self.median_ns > 0).then(|| self.longest_ns as f64 / self.median_ns as f64)
    }
}

/// Returns the time in nanoseconds from the release of the connections until waits are as before:
/// of 20 consecutive requests, all but one wait no longer than 1.1 × the 99th percentile before the
/// holders started (or than 1 ms, if that is more). `None` if that did not happen, or if
/// fewer than [`FEWEST_BEFORE`] requests started before the holders.
pub(super) fn recovery_ns(log: &Log) -> Option<u64> {
    let before = log.started_in(log.parts.began_ns, log.parts.held_ns);
    let mut waits: Vec<u64> = before.iter().map(TracedRequest::waited_ns).collect();
    if waits.len() < FEWEST_BEFORE {
        return None;
    }
    waits.sort_unstable();
    let base = *waits.get(waits.len().saturating_mul(99) / 100)?;
    let bound = ((base as f64 * TOLERANCE) as u64).max(SLACK_NS);
    let after = log.started_in(log.parts.released_ns, log.parts.ended_ns);
    // A request that was cut off while it waited would have waited longer.
    let was_served = |visit: &TracedRequest| visit.timestamps.acquired_ns > 0 || visit.gave_up();
    let single = |visit: &TracedRequest| Begun {
        start_ns: visit.timestamps.started_ns,
        end_ns: visit.timestamps.started_ns,
        requests: 1,
        late: u64::from(!was_served(visit) || visit.waited_ns() > bound),
    };
    let requests: Vec<Begun> = after.iter().map(single).collect();
    let released_ns = log.parts.released_ns;
    recovery(&requests, released_ns, &SINGLE_REQUESTS).after_ns()
}

/// Totals of the deadlocks of requests that wait for a second connection, over a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Deadlock {
    /// Number of separate deadlocks in the run.
    pub(super) times: u64,
    /// Sum of the durations of the deadlocks in the run, in nanoseconds.
    pub(super) total_ns: u64,
    /// Duration of the longest deadlock in the run, in nanoseconds.
    pub(super) longest_ns: u64,
    /// Number of checkouts of a second connection that failed, nearly always by the time-out, in or
    /// outside a deadlock.
    pub(super) timed_out: u64,
}

/// Finds the times in which at least as many holders as the pool has connections each held one and
/// waited for a second one, so that none could continue. Times of up to 1 ms are ignored. `None` if
/// there was no such time.
pub(super) fn deadlock(log: &Log, pool_size: u64) -> Option<Deadlock> {
    let seconds = log.holds.iter().filter_map(|hold| hold.second);
    let mut events: Vec<(u64, bool)> = Vec::new();
    let mut found = Deadlock::default();
    for second in seconds {
        events.push((second.asked_ns, true));
        events.push((second.over_ns, false));
        found.timed_out += u64::from(!second.granted);
    }
    // Events at the same instant are sorted so that ends come before begins.
    events.sort_unstable();
    let (mut waiting, mut since_ns) = (0, None);
    for (at_ns, begins) in events {
        if begins {
            waiting += 1;
            if waiting >= pool_size && since_ns.is_none() {
                since_ns = Some(at_ns);
            }
        } else {
            waiting = waiting.saturating_sub(1);
            if waiting < pool_size
                && let Some(since_ns) = since_ns.take()
            {
                let lasted_ns = at_ns - since_ns;
                // Shorter deadlocks may only come from reading the clock on two threads.
                if lasted_ns > SLACK_NS {
                    found.times += 1;
                    found.total_ns += lasted_ns;
                    found.longest_ns = found.longest_ns.max(lasted_ns);
                }
            }
        }
    }
    (found.times > 0).then_some(found)
}

/// Returns the smallest pool in which `requests` simultaneous requests that each take `each`
/// connections cannot deadlock: then one connection is always left for a request that needs one
/// more. Source: `HikariCP` wiki, *About Pool Sizing*, "Pool-locking".
pub(super) fn deadlock_free_size(requests: u64, each: u64) -> u64 {
    requests * (each - 1) + 1
}

#[cfg(test)]
mod tests {
    use load_engine::{Failure, Timestamps};

    use super::super::log::{HolderAttempt, PartTimes, Second};
    use super::*;

    const MS: u64 = 1_000_000;

    fn visit(started_ms: u64, acquired_ms: Option<u64>, done_ms: u64) -> TracedRequest {
        let gave_up = acquired_ms.is_none();
        let mut timestamps = Timestamps::default();
        timestamps.started_ns = started_ms * MS;
        timestamps.acquired_ns = acquired_ms.unwrap_or(0) * MS;
        timestamps.done_ns = done_ms * MS;
        TracedRequest {
            timestamps,
            segment: None,
            retries: 0,
            failure: gave_up.then(|| Failure::new("timeout.wait", "too long")),
            cut_off: false,
        }
    }

    fn log(visits: Vec<TracedRequest>) -> Log {
        Log {
            parts: PartTimes {
                began_ns: 0,
                held_ns: 100 * MS,
                released_ns: 200 * MS,
                ended_ns: 1_000 * MS,
            },
            visits,
            ..Log::default()
        }
    }

    #[test]
    fn in_the_order_of_arrival_nobody_is_passed_over() {
        let served = (0..10).map(|n| visit(100 + 5 * n, Some(150 + 5 * n), 156 + 5 * n));
        let fairness = Fairness::of(&log(served.collect()));
        assert_eq!((fairness.visits, fairness.gave_up), (10, 0));
        assert_eq!((fairness.passed_over, fairness.starved), (0, 0));
        assert!((fairness.longest_by_median().unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn who_gives_up_after_a_later_comer_was_served_has_starved() {
        let visits = vec![
            visit(100, None, 190),
            visit(110, Some(150), 160),
            visit(120, Some(140), 150),
        ];
        let fairness = Fairness::of(&log(visits));
        assert_eq!((fairness.gave_up, fairness.starved), (1, 1));
        assert_eq!(fairness.passed_over, 2, "the second was, by the third");
        assert_eq!(fairness.longest_ns, 90 * MS);
    }

    #[test]
    fn who_is_cut_off_while_it_waits_has_not_given_up_and_is_no_recovery() {
        let cut_off = |came_ms: u64| TracedRequest {
            cut_off: true,
            failure: None,
            ..visit(came_ms, None, came_ms + 1)
        };
        let mut visits: Vec<TracedRequest> = (0..99).map(|n| visit(n, Some(n), n + 1)).collect();
        visits.push(cut_off(150));
        visits.extend((0..40).map(|n| cut_off(200 + n)));
        let log = log(visits);
        let fairness = Fairness::of(&log);
        assert_eq!((fairness.visits, fairness.gave_up), (1, 0));
        assert_eq!(recovery_ns(&log), None);
    }

    #[test]
    fn recovery_is_when_waits_are_as_before_and_not_when_one_is_lucky() {
        let mut visits: Vec<TracedRequest> = (0..100).map(|n| visit(n, Some(n), n + 1)).collect();
        let slow = (0..30).map(|n| visit(200 + n, Some(300 + n), 301 + n));
        visits.extend(slow);
        visits.insert(115, visit(215, Some(215), 216));
        visits.extend((0..40).map(|n| visit(400 + n, Some(400 + n), 401 + n)));
        let found = recovery_ns(&log(visits)).unwrap();
        assert!((180 * MS..=200 * MS).contains(&found), "{found}");
        let never = (0..30).map(|n| visit(200 + n, Some(300 + n), 301 + n));
        let before = (0..100).map(|n| visit(n, Some(n), n + 1));
        assert_eq!(recovery_ns(&log(before.chain(never).collect())), None);
    }

    #[test]
    fn as_many_waiting_holders_as_connections_are_a_deadlock_and_one_fewer_is_none() {
        let mut log = log(Vec::new());
        log.holds = [(120, 180), (125, 175)]
            .map(|(asked, over)| HolderAttempt {
                asked_ns: 100 * MS,
                acquired_ns: 110 * MS,
                second: Some(Second {
                    asked_ns: asked * MS,
                    over_ns: over * MS,
                    granted: false,
                }),
                over_ns: over * MS,
                failure: None,
            })
            .to_vec();
        let found = deadlock(&log, 2).unwrap();
        assert_eq!(
            (found.times, found.longest_ns, found.timed_out),
            (1, 50 * MS, 2)
        );
        assert_eq!(deadlock(&log, 3), None);
        // Each holder waited 10 ms for its first connection and 50 to 60 ms for its second, out of 100 ms.
        let beside = log.holders(100 * MS, 200 * MS);
        assert!((beside.waiting - 1.3).abs() < 1e-9, "{beside:?}");
        assert!((beside.on_connection - 0.25).abs() < 1e-9, "{beside:?}");
        assert_eq!(deadlock_free_size(2, 2), 3);
        assert_eq!(deadlock_free_size(4, 3), 9);
    }
}
