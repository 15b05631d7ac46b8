//! What an event cost a client: failed requests, the time until the first success, and the time until
//! the latency was as before.

use bench_report::Step;
use bench_report::names::steps;
use load_engine::TracedRequest;
use statistics::recovery::{Begun, FEWEST_BEFORE, Recovery, RecoveryWindows, TOLERANCE, recovery};

use super::server_event::EventRecord;

/// Windows over which the return of the latency is judged: at least 200 requests and 300 ms each,
/// three in a row.
const WINDOWS: RecoveryWindows = RecoveryWindows {
    requests: 200,
    shortest_ns: 300_000_000,
    in_a_row: 3,
};

/// What an event cost a client.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RecoveryOutcome {
    /// Number of connections that the event ended.
    pub(super) ended: u64,
    /// Number of requests that failed, or were never answered, from the event on.
    pub(super) failed: u64,
    /// Time from the end of the event to the first success, in nanoseconds; `None` if there was none.
    pub(super) first_success_ns: Option<u64>,
    /// 99th percentile of the latency before the event, in nanoseconds; `None` if too few requests
    /// were made.
    pub(super) base_p99_ns: Option<u64>,
    pub(super) latency: Recovery,
    /// Number of connections that the server took from the client since the event; `None` if it did
    /// not tell.
    pub(super) opened: Option<u64>,
}

impl RecoveryOutcome {
    /// Judges the requests `trace`, in the order in which they were due, of which the measured ones
    /// before the event are those of segment 0.
    pub(super) fn of(trace: &[TracedRequest], event: &EventRecord, opened: Option<u64>) -> Self {
        let over_ns = event.over_ns;
        let failed = trace.iter().filter(|one| {
            one.timestamps.done_ns >= event.begun_ns && (one.failure.is_some() || one.cut_off)
        });
        let successes = trace.iter().filter(|one| is_success(one));
        let after = successes.map(|one| one.timestamps.done_ns.checked_sub(over_ns));
        let base_p99_ns = base_p99_ns(trace, event.begun_ns);
        Self {
            ended: event.ended,
            failed: failed.count() as u64,
            first_success_ns: after.flatten().min(),
            base_p99_ns,
            latency: base_p99_ns
                .map_or(Recovery::TooFew, |base_ns| latency(trace, over_ns, base_ns)),
            opened,
        }
    }

    /// Adds the figures of this outcome to `step`.
    pub(super) fn add_to(&self, step: &mut Step) {
        let figures = [
            (steps::EVENT_CONNECTIONS_ENDED, Some(self.ended)),
            (steps::EVENT_REQUESTS_FAILED, Some(self.failed)),
            (steps::EVENT_FIRST_SUCCESS_NS, self.first_success_ns),
            (steps::EVENT_BASE_P99_NS, self.base_p99_ns),
            (steps::EVENT_P99_BACK_NS, self.latency.after_ns()),
            (
                steps::EVENT_P99_UNCONFIRMED_NS,
                match self.latency {
                    Recovery::Unconfirmed { after_ns } => Some(after_ns),
                    _ => None,
                },
            ),
            (steps::EVENT_CONNECTIONS_OPENED, self.opened),
        ];
        for (name, value) in figures {
            if let Some(value) = value {
                step.figure(name, value as f64);
            }
        }
    }
}

fn is_success(request: &TracedRequest) -> bool {
    request.failure.is_none() && !request.cut_off
}

/// Returns the 99th percentile of the latency of requests of segment 0 that were over before the
/// event; `None` if there are too few.
fn base_p99_ns(trace: &[TracedRequest], begun_ns: u64) -> Option<u64> {
    let base = trace.iter().filter(|one| {
        one.segment == Some(0) && is_success(one) && one.timestamps.done_ns < begun_ns
    });
    let mut felt_ns: Vec<u64> = base.map(TracedRequest::felt_ns).collect();
    if (felt_ns.len() as u64) < FEWEST_BEFORE {
        return None;
    }
    felt_ns.sort_unstable();
    felt_ns.get(felt_ns.len() * 99 / 100).copied()
}

/// Judges when the requests that were due after the event were as fast as before. One that fails is
/// late.
fn latency(trace: &[TracedRequest], over_ns: u64, base_ns: u64) -> Recovery {
    let bound_ns = (base_ns as f64 * TOLERANCE) as u64;
    let measured = trace.iter().filter(|one| one.segment.is_some());
    let begun = measured.map(|one| Begun {
        start_ns: one.timestamps.due_ns,
        end_ns: one.timestamps.due_ns,
        requests: 1,
        late: u64::from(!is_success(one) || one.felt_ns() > bound_ns),
    });
    recovery(&begun.collect::<Vec<_>>(), over_ns, &WINDOWS)
}

#[cfg(test)]
mod tests {
    use load_engine::{Failure, Timestamps};

    use super::*;

    const MS: u64 = 1_000_000;

    /// Requests every 2 ms, of which `took_ms` gives the time of the one that is due at an instant in
    /// milliseconds; `None` for one that fails after 1 ms. The event is from 3,000 to 3,100 ms.
    fn outcome(until_ms: u64, took_ms: impl Fn(u64) -> Option<u64>) -> RecoveryOutcome {
        let trace = (0..until_ms).step_by(2).map(|due_ms| {
            let took = took_ms(due_ms);
            let mut timestamps = Timestamps::default();
            timestamps.due_ns = 1 + due_ms * MS;
            timestamps.done_ns = timestamps.due_ns + took.unwrap_or(1) * MS;
            TracedRequest {
                segment: Some(usize::from(due_ms >= 3_000)),
                timestamps,
                retries: 0,
                failure: took.is_none().then(|| Failure::new("closed", "planted")),
                cut_off: false,
            }
        });
        let event = EventRecord {
            begun_ns: 3_000 * MS,
            over_ns: 3_100 * MS,
            ended: 8,
            taken_before: 0,
        };
        RecoveryOutcome::of(&trace.collect::<Vec<_>>(), &event, Some(8))
    }

    #[test]
    fn a_client_that_comes_back_is_told_with_its_times() {
        // 50 requests fail during the event and 25 after it; then 500 ms of slow answers.
        let found = outcome(8_000, |due_ms| match due_ms {
            3_000..3_150 => None,
            3_150..3_650 => Some(20),
            _ => Some(1),
        });
        assert_eq!(found.failed, 75);
        assert_eq!(found.first_success_ns, Some(70 * MS + 1));
        assert_eq!(found.base_p99_ns, Some(MS));
        let after_ns = found.latency.after_ns().unwrap();
        assert!((550 * MS..=900 * MS).contains(&after_ns), "{after_ns}");
    }

    #[test]
    fn a_client_that_does_not_come_back_is_said_not_to() {
        let dead = outcome(8_000, |due_ms| (due_ms < 3_000).then_some(1));
        assert_eq!(dead.failed, 2_500);
        assert_eq!(dead.first_success_ns, None);
        assert_eq!(dead.latency, Recovery::NotBack);
        let slow = outcome(8_000, |due_ms| Some(if due_ms < 3_000 { 1 } else { 5 }));
        assert_eq!((slow.failed, slow.latency), (0, Recovery::NotBack));
        let late = outcome(4_000, |due_ms| Some(if due_ms < 3_300 { 1 } else { 2 }));
        assert_ne!(late.latency.after_ns(), Some(0));
    }

    #[test]
    fn too_few_requests_before_the_event_leave_the_latency_unknown() {
        let found = outcome(8_000, |due_ms| (due_ms > 1_500).then_some(1));
        assert_eq!((found.base_p99_ns, found.latency), (None, Recovery::TooFew));
        assert_eq!(found.failed, 0);
    }
}
