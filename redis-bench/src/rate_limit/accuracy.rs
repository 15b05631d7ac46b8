//! Accuracy of a limiter: the requests that it admitted, against those that the limit allows.
//!
//! A decision is made at the time that the limiter tells, or, if it tells none, between the instants
//! at which it was asked and answered. Such a decision counts as admitted in a stretch of time only
//! if it lies in it as a whole, and as possibly admitted if a part of it does. Over-admission is
//! therefore never overstated, and neither is under-admission.

use super::decision_log::{LoggedDecision, Verdict};
use super::model::RateLimit;

/// Number of parts of a window, of which the one with the most admitted requests is told.
const BURSTS_PER_WINDOW: u64 = 10;

/// Time for which a counter has no expiry, in microseconds, after which it is told to have none; a
/// window if that is shorter.
const LOCKED_FOR_US: u64 = 1_000_000;

/// Clock by which a limiter's decisions are placed in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecisionTime {
    /// The time that the limiter decided by is the server's, so it is exact.
    Told,
    /// The decision lies between asking and answer.
    Between,
}

/// Accuracy of one step. All numbers are sums over the limiters, but for the worst ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Accuracy {
    /// Number of decisions.
    pub(crate) decisions: u64,
    /// Windows of the clock that lie within the load as a whole, counted for each limiter.
    pub(crate) windows: u64,
    /// Requests that the limit allows in these windows.
    pub(crate) allowed: u64,
    /// Requests that were admitted in these windows.
    pub(crate) admitted: u64,
    /// Requests that were admitted beyond the limit in these windows.
    pub(crate) over: u64,
    /// Requests that were refused in these windows although the limit would have allowed them.
    pub(crate) under: u64,
    /// Most requests that one limiter admitted in any stretch as long as a window.
    pub(crate) worst_window: u64,
    /// Most requests that one limiter admitted in any tenth of a window.
    pub(crate) worst_burst: u64,
    /// Limiters that refused requests to the end because of a counter without an expiry.
    pub(crate) never_expiring: u64,
    /// Decisions that clients made without Redis.
    pub(crate) blind: u64,
}

/// First and last instant at which a decision may have been made, in microseconds.
type Span = (u64, u64);

/// Judges `decisions`, which are ordered by limiter.
pub(crate) fn judge(
    decisions: &[LoggedDecision],
    limit: RateLimit,
    time: DecisionTime,
) -> Accuracy {
    let spans = decisions.iter().map(|decision| span(decision, time));
    let first = spans.clone().map(|(from, _)| from).min().unwrap_or(0);
    let last = spans.map(|(_, to)| to).max().unwrap_or(0);
    let window = limit.window_us();
    // Numbers of the windows that the load covers as a whole.
    let whole = first.div_ceil(window)..(last + 1) / window;
    let mut accuracy = Accuracy {
        decisions: decisions.len() as u64,
        blind: decisions
            .iter()
            .filter(|one| one.verdict.is_blind())
            .count() as u64,
        ..Accuracy::default()
    };
    for of_key in decisions.chunk_by(|a, b| a.key == b.key) {
        accuracy.add_windows(of_key, limit, time, whole.clone());
        accuracy.add_worst(of_key, window, time);
        accuracy.never_expiring += u64::from(is_locked(of_key, window));
    }
    accuracy
}

/// Returns true if the decisions of one limiter, in their order, end with refusals by a counter
/// without an expiry, for a window or a second. For a moment every counter has none whose expiry is
/// set by a second command.
fn is_locked(of_key: &[LoggedDecision], window_us: u64) -> bool {
    let answered = of_key.iter().rev().filter(|one| !one.verdict.is_blind());
    let mut refused = answered.take_while(|one| one.verdict == Verdict::RefusedForEver);
    let Some(last) = refused.next() else {
        return false;
    };
    let first = refused.last().unwrap_or(last);
    last.sent_us - first.sent_us >= window_us.min(LOCKED_FOR_US)
}

fn span(decision: &LoggedDecision, time: DecisionTime) -> Span {
    // A client that decides without Redis does so on this host's clock.
    if time == DecisionTime::Told && !decision.verdict.is_blind() {
        return (decision.at_us, decision.at_us);
    }
    let answered = decision.sent_us + u64::from(decision.took_us);
    (decision.sent_us, answered)
}

/// Requests of one limiter in one window of the clock.
#[derive(Debug, Clone, Copy, Default)]
struct WindowCounts {
    offered: u64,
    admitted: u64,
    perhaps_admitted: u64,
}

impl Accuracy {
    /// Adds the windows of one limiter, whose decisions are `of_key`.
    fn add_windows(
        &mut self,
        of_key: &[LoggedDecision],
        limit: RateLimit,
        time: DecisionTime,
        whole: std::ops::Range<u64>,
    ) {
        let mut counts = vec![WindowCounts::default(); whole.clone().count()];
        for decision in of_key {
            let (from, to) = span(decision, time);
            let (first, last) = (from / limit.window_us(), to / limit.window_us());
            let admits = u64::from(decision.verdict.admits());
            for number in first..=last {
                let index = number.checked_sub(whole.start);
                let Some(window) = index.and_then(|index| counts.get_mut(index as usize)) else {
                    continue;
                };
                window.perhaps_admitted += admits;
                if first == last {
                    window.offered += 1;
                    window.admitted += admits;
                }
            }
        }
        let allowed = limit.allowed();
        for window in &counts {
            self.windows += 1;
            self.allowed += allowed;
            self.admitted += window.admitted;
            self.over += window.admitted.saturating_sub(allowed);
            let due = window.offered.min(allowed);
            self.under += due.saturating_sub(window.perhaps_admitted);
        }
    }

    /// Takes the worst stretches of one limiter, whose decisions are `of_key`, if they are worse
    /// than those of the limiters before.
    fn add_worst(&mut self, of_key: &[LoggedDecision], window_us: u64, time: DecisionTime) {
        let admitted = of_key.iter().filter(|one| one.verdict.admits());
        let spans = admitted.map(|one| span(one, time));
        let (mut begins, mut ends): (Vec<u64>, Vec<u64>) = spans.unzip();
        begins.sort_unstable();
        ends.sort_unstable();
        let burst_us = (window_us / BURSTS_PER_WINDOW).max(1);
        self.worst_window = self.worst_window.max(most(&begins, &ends, window_us));
        self.worst_burst = self.worst_burst.max(most(&begins, &ends, burst_us));
    }
}

/// Returns the largest number of spans that lie as a whole in any `length_us` consecutive
/// microseconds, or fewer if some are longer than that. `begins` and `ends` are those of the spans,
/// each in order.
///
/// Of the spans that end before the stretch does, those that began before it are taken off, even if
/// they do not end in it; so the result is never too large.
fn most(begins: &[u64], ends: &[u64], length_us: u64) -> u64 {
    let (mut most, mut ended) = (0, 0);
    for (before, begin) in begins.iter().enumerate() {
        while ends.get(ended).is_some_and(|end| *end < begin + length_us) {
            ended += 1;
        }
        // Spans that begin at the same microsecond are all in the stretch that begins with it.
        if before == 0 || begins[before - 1] < *begin {
            most = most.max(ended.saturating_sub(before));
        }
    }
    most as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limit() -> RateLimit {
        RateLimit::new(3, Duration::from_millis(1), 3).unwrap()
    }

    fn decision(key: u32, at_us: u64, verdict: Verdict) -> LoggedDecision {
        LoggedDecision {
            at_us,
            sent_us: at_us,
            took_us: 0,
            key,
            sequence: 0,
            verdict,
        }
    }

    /// Returns decisions at these times in microseconds, of which the first `admitted` admit.
    fn decisions(times: &[u64], admitted: usize) -> Vec<LoggedDecision> {
        let of = |(index, at): (usize, &u64)| {
            let is_admitted = index < admitted;
            let verdict = if is_admitted {
                Verdict::Admitted
            } else {
                Verdict::Refused
            };
            decision(0, *at, verdict)
        };
        times.iter().enumerate().map(of).collect()
    }

    #[test]
    fn admitted_and_refused_requests_are_held_against_the_limit_of_each_whole_window() {
        let mut all = decisions(&[999], 0);
        // Window 1: five admitted. Window 2: five offered, one admitted. Window 3: nothing offered.
        all.extend(decisions(&[1_000, 1_100, 1_200, 1_300, 1_999], 5));
        all.extend(decisions(&[2_000, 2_001, 2_002, 2_003, 2_999], 1));
        all.extend(decisions(&[4_000], 1));
        let seen = judge(&all, limit(), DecisionTime::Told);
        assert_eq!((seen.windows, seen.allowed), (3, 9));
        assert_eq!((seen.admitted, seen.over, seen.under), (6, 2, 2));
        assert_eq!(seen.worst_window, 5);
        assert_eq!(
            seen.worst_burst, 2,
            "1,000 and 1,100 are 101 µs, 1,999 and 2,000 two"
        );
        assert_eq!(
            (seen.decisions, seen.blind, seen.never_expiring),
            (12, 0, 0)
        );
    }

    #[test]
    fn each_limiter_is_judged_by_itself() {
        let mut all = decisions(&[0, 1, 2, 999], 3);
        all.extend([0, 3, 999].map(|at| decision(1, at, Verdict::Admitted)));
        all.extend([500, 501, 998].map(|at| decision(2, at, Verdict::RefusedForEver)));
        let seen = judge(&all, limit(), DecisionTime::Told);
        assert_eq!((seen.windows, seen.allowed), (3, 9));
        assert_eq!((seen.admitted, seen.over, seen.under), (6, 0, 3));
        assert_eq!((seen.worst_window, seen.never_expiring), (3, 0));
    }

    #[test]
    fn a_counter_never_expires_if_it_has_no_expiry_for_long_and_to_the_end() {
        let window = 1_000;
        let locked = |at| decision(0, at, Verdict::RefusedForEver);
        let one = |at, verdict| decision(0, at, verdict);
        assert!(is_locked(&[locked(5), locked(700), locked(1_005)], window));
        assert!(
            !is_locked(&[locked(5), locked(1_004)], window),
            "for a moment"
        );
        let cured = one(1_500, Verdict::Refused);
        assert!(!is_locked(&[locked(5), locked(1_100), cured], window));
        let between = one(500, Verdict::Admitted);
        assert!(!is_locked(&[locked(5), between, locked(1_100)], window));
        let blind = one(1_200, Verdict::AdmittedBlindly);
        assert!(is_locked(&[locked(5), locked(1_005), blind], window));
        assert!(is_locked(&[locked(5), locked(1_000_005)], 3_600_000_000));
        assert!(!is_locked(&[], window));
    }

    #[test]
    fn a_stretch_that_crosses_an_edge_of_the_clock_is_seen() {
        let all = decisions(&[500, 1_997, 1_998, 1_999, 2_000, 2_001, 2_002, 3_500], 8);
        let seen = judge(&all, limit(), DecisionTime::Told);
        assert_eq!((seen.over, seen.worst_window, seen.worst_burst), (0, 6, 6));
    }

    #[test]
    fn a_decision_of_unknown_time_is_held_against_a_limiter_only_if_it_must() {
        let mut all = decisions(&[0, 1_010, 1_020, 1_030, 1_990, 2_999], 6);
        let exact = judge(&all, limit(), DecisionTime::Between);
        assert_eq!((exact.over, exact.worst_window), (1, 4));
        // The last one of window 1 may as well have been decided in window 2.
        all[4].took_us = 20;
        let seen = judge(&all, limit(), DecisionTime::Between);
        assert_eq!((seen.over, seen.under, seen.worst_window), (0, 0, 3));
        // A decision that took longer than a window is in none.
        all[4].took_us = 5_000;
        let seen = judge(&all, limit(), DecisionTime::Between);
        assert_eq!((seen.over, seen.under), (0, 0));
        assert!(seen.worst_window <= 3, "{seen:?}");
    }

    #[test]
    fn a_load_without_a_whole_window_has_no_windows_but_a_worst_stretch() {
        let seen = judge(&decisions(&[5, 6, 7, 8], 4), limit(), DecisionTime::Told);
        assert_eq!((seen.windows, seen.allowed, seen.worst_window), (0, 0, 4));
        assert_eq!(judge(&[], limit(), DecisionTime::Told), Accuracy::default());
    }

    #[test]
    fn blind_decisions_count_as_what_they_let_through() {
        let blind = |at, verdict| decision(0, at, verdict);
        let mut all = decisions(&[0, 999], 2);
        all.extend([10, 11, 12].map(|at| blind(at, Verdict::AdmittedBlindly)));
        all.push(blind(13, Verdict::RefusedBlindly));
        let seen = judge(&all, limit(), DecisionTime::Told);
        assert_eq!((seen.blind, seen.admitted, seen.over), (4, 5, 2));
    }
}
