//! Log of the answers to requests since the end of a disturbance, such as a spike of the load.

use statistics::recovery::{Begun, TOLERANCE};

use crate::record::cohort_counts::InFlightAges;
use crate::record::interval::Interval;

/// Answers since the end of a disturbance, by interval of the step, and the requests in flight at
/// the end of the last interval.
#[derive(Debug)]
pub(super) struct AnswerLog {
    /// End of the disturbance on `CLOCK_MONOTONIC`, in nanoseconds.
    disturbed_until_ns: u64,
    last_ns: u64,
    intervals: Vec<AnsweredInterval>,
    in_flight: InFlightAges,
}

/// Answers that arrived in one interval.
#[derive(Debug)]
struct AnsweredInterval {
    from_ns: u64,
    to_ns: u64,
    /// Pairs of a duration in nanoseconds and the number of successful requests with that duration.
    durations: Vec<(u64, u64)>,
    failed: u64,
}

impl AnswerLog {
    /// Creates the empty log of a disturbance that ends at `disturbed_until_ns`, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    pub(super) fn new(disturbed_until_ns: u64) -> Self {
        Self {
            disturbed_until_ns,
            last_ns: disturbed_until_ns,
            intervals: Vec::new(),
            in_flight: InFlightAges::default(),
        }
    }

    /// Returns the end of the disturbance on `CLOCK_MONOTONIC`, in nanoseconds.
    pub(super) fn disturbed_until_ns(&self) -> u64 {
        self.disturbed_until_ns
    }

    /// Adds the interval from the last one's end to `now_ns`, on `CLOCK_MONOTONIC`. Ignores its
    /// answers if it ends no later than the disturbance.
    pub(super) fn push(&mut self, now_ns: u64, interval: &Interval) {
        let from_ns = std::mem::replace(&mut self.last_ns, now_ns);
        if now_ns <= self.disturbed_until_ns {
            return;
        }
        let latency = &interval.latency;
        let durations = latency.iter_recorded().map(|bucket| {
            let ns = latency.lowest_equivalent(bucket.value_iterated_to());
            (ns, bucket.count_at_value())
        });
        self.intervals.push(AnsweredInterval {
            from_ns,
            to_ns: now_ns,
            durations: durations.collect(),
            failed: interval.failed,
        });
        self.in_flight.clone_from(&interval.in_flight);
    }

    /// Counts the requests that began after the disturbance and before `until_ns`, by successive
    /// spans of length `stretch_ns`. A request is late if it took longer than 1.1 × `base_ns`,
    /// failed, or is still waiting after that time. The result ends before the first span with a
    /// request that has waited for a shorter time so far, because it may still become late. All
    /// times are in nanoseconds, `until_ns` is on `CLOCK_MONOTONIC`.
    ///
    /// The beginning of an answered request is estimated, to within half an interval, as the
    /// middle of the interval in which it finished minus its duration. A failed request has no
    /// known duration, so its beginning is set to that middle.
    pub(super) fn stretches(&self, base_ns: u64, until_ns: u64, stretch_ns: u64) -> Vec<Begun> {
        let late_from_ns = (base_ns as f64 * TOLERANCE) as u64;
        let (now_ns, from_ns) = (self.last_ns, self.disturbed_until_ns);
        let unknown = self
            .in_flight
            .ages()
            .filter(|(age, _)| *age <= late_from_ns);
        let unknown = unknown.map(|(age_ns, _)| now_ns.saturating_sub(age_ns));
        let known_until_ns = unknown.min().unwrap_or(u64::MAX).min(until_ns);
        let count = known_until_ns.saturating_sub(from_ns) / stretch_ns.max(1);
        let stretch = |n: u64| Begun {
            start_ns: from_ns + n * stretch_ns,
            end_ns: from_ns + (n + 1) * stretch_ns,
            requests: 0,
            late: 0,
        };
        let mut stretches: Vec<Begun> = (0..count).map(stretch).collect();
        let mut add = |begin_ns: u64, requests: u64, is_late: bool| {
            let Some(offset_ns) = begin_ns.checked_sub(from_ns) else {
                return;
            };
            let index = (offset_ns / stretch_ns.max(1)) as usize;
            if let Some(stretch) = stretches.get_mut(index) {
                stretch.requests += requests;
                stretch.late += if is_late { requests } else { 0 };
            }
        };
        for interval in &self.intervals {
            // No request begins after the end of the measured part, even if its answer comes later.
            let middle_less = |ns: u64| {
                let first = interval.from_ns.saturating_sub(ns).min(until_ns);
                let last = interval.to_ns.saturating_sub(ns).min(until_ns);
                u64::midpoint(first, last)
            };
            for (ns, requests) in &interval.durations {
                add(middle_less(*ns), *requests, *ns > late_from_ns);
            }
            add(middle_less(0), interval.failed, true);
        }
        for (age_ns, requests) in self.in_flight.ages() {
            add(
                now_ns.saturating_sub(age_ns),
                requests,
                age_ns > late_from_ns,
            );
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::operation_table::OperationId;
    use crate::record::outcome::Outcome;
    use crate::record::recorder::Recorder;
    use crate::record::timestamps::Timestamps;
    use crate::record::within::Within;

    const S: u64 = 1_000_000_000;
    const MS: u64 = 1_000_000;

    #[test]
    fn answers_count_where_their_requests_began_and_who_waits_too_long_is_late() {
        let recorder = Recorder::new(&["get"], 1);
        let mut log = AnswerLog::new(100 * S);
        let ask = |begin_ns: u64, took_ns: Option<u64>| {
            recorder.begin(begin_ns);
            let Some(took_ns) = took_ns else { return };
            let timestamps = Timestamps {
                started_ns: begin_ns,
                done_ns: begin_ns + took_ns,
                ..Timestamps::default()
            };
            let outcome = Outcome::success(OperationId::FIRST);
            recorder.record(&timestamps, &outcome, Within::WHOLLY);
        };
        // Began before the disturbance ended, and was answered after it.
        ask(99 * S, Some(1_050 * MS));
        // Two requests of the first second are in time. One is late, and is answered in the second
        // second.
        ask(100 * S + 200 * MS, Some(100 * MS));
        ask(100 * S + 300 * MS, Some(105 * MS));
        log.push(101 * S, &recorder.take_interval_at(101 * S));
        ask(100 * S + 400 * MS, Some(1_100 * MS));
        // One request hangs. Of the other it is unknown whether it will be late.
        ask(101 * S + 500 * MS, None);
        ask(103 * S + 980 * MS, None);
        log.push(102 * S, &recorder.take_interval_at(102 * S));
        log.push(104 * S, &recorder.take_interval_at(104 * S));
        let stretches = log.stretches(100 * MS, 104 * S, S);
        let counts: Vec<_> = stretches.iter().map(|s| (s.requests, s.late)).collect();
        assert_eq!(
            counts,
            [(3, 1), (1, 1), (0, 0)],
            "the fourth second is not known to its end"
        );
    }
}
