//! Sessions that open during a step, by segment: counts of successes and failures, times to open,
//! and the largest number open at the same time.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bench_report::SessionUse;

use super::failure::Failure;
use super::lazy_histogram::LazyHistogram;
use crate::plan::segments::SegmentIndex;

/// Counts of the sessions that open and close during a step, over all workers, by segment. One lock
/// suffices, because sessions open rarely compared with requests.
#[derive(Debug, Default)]
pub(crate) struct SessionTally(Mutex<SessionCounts>);

#[derive(Debug, Default)]
struct SessionCounts {
    present: u64,
    /// Counts of each segment, by its number, up to the last one in which a session opened, failed
    /// to open or closed.
    segments: Vec<SegmentSessions>,
}

/// Counts of the sessions that opened or failed to open in one segment, and the largest number open
/// in it at the same time.
#[derive(Debug, Default)]
struct SegmentSessions {
    opened: u64,
    errors: BTreeMap<String, u64>,
    open: LazyHistogram,
    present_max: u64,
}

impl SessionTally {
    /// Counts a session whose opening took `took_ns` nanoseconds and ended in `segment`, and which
    /// is open from now on.
    pub(crate) fn opened(&self, segment: SegmentIndex, took_ns: u64) {
        let mut counts = self.lock();
        let present = counts.present + 1;
        let of = counts.segment(segment);
        of.opened += 1;
        of.open.record(took_ns);
        of.present_max = of.present_max.max(present);
        counts.present = present;
    }

    /// Counts a session that was opened before the step began. It counts for the number of sessions
    /// open in the first segment, but not as opened.
    pub(crate) fn opened_before(&self) {
        let mut counts = self.lock();
        let present = counts.present + 1;
        counts.segment(SegmentIndex::FIRST).present_max = present;
        counts.present = present;
    }

    /// Counts, by the kind of `failure`, an attempt to open a session that failed in `segment`.
    pub(crate) fn failed(&self, segment: SegmentIndex, failure: &Failure) {
        let mut counts = self.lock();
        let errors = &mut counts.segment(segment).errors;
        *errors.entry(failure.kind.to_string()).or_default() += 1;
    }

    /// Counts the closing in `segment` of a session that was counted as open.
    pub(crate) fn closed(&self, segment: SegmentIndex) {
        let mut counts = self.lock();
        counts.segment(segment);
        counts.present = counts.present.saturating_sub(1);
    }

    /// Returns the number of sessions that are open at present.
    pub(crate) fn present(&self) -> u64 {
        self.lock().present
    }

    /// Returns the counts of all segments together in the form of the report.
    pub(crate) fn session_use(&self) -> SessionUse {
        let counts = self.lock();
        let mut whole = SegmentSessions::default();
        for of in &counts.segments {
            whole.opened += of.opened;
            for (kind, count) in &of.errors {
                *whole.errors.entry(kind.clone()).or_default() += count;
            }
            whole.open.merge(&of.open);
            whole.present_max = whole.present_max.max(of.present_max);
        }
        whole.session_use()
    }

    /// Returns the counts of one segment in the form of the report. If no session opened, failed or
    /// closed in it or in a later one, these are zeros and the number of sessions that are open at
    /// present.
    pub(crate) fn session_use_in(&self, segment: SegmentIndex) -> SessionUse {
        let counts = self.lock();
        let of = counts.segments.get(segment.index());
        of.map_or_else(
            || SessionUse {
                present_max: counts.present,
                ..SessionUse::default()
            },
            SegmentSessions::session_use,
        )
    }

    fn lock(&self) -> MutexGuard<'_, SessionCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionCounts {
    /// Returns the counts of `segment`, created if needed. A new entry, also that of a skipped
    /// segment, starts with the number of sessions open at present as its maximum.
    fn segment(&mut self, segment: SegmentIndex) -> &mut SegmentSessions {
        let present_max = self.present;
        if self.segments.len() <= segment.index() {
            self.segments
                .resize_with(segment.index() + 1, || SegmentSessions {
                    present_max,
                    ..SegmentSessions::default()
                });
        }
        &mut self.segments[segment.index()]
    }
}

impl SegmentSessions {
    fn session_use(&self) -> SessionUse {
        SessionUse {
            opened: self.opened,
            failed: self.errors.values().sum(),
            errors: self.errors.clone(),
            open: self.open.histogram(),
            present_max: self.present_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_has_the_sessions_that_came_in_it_and_those_that_were_there() {
        let segments: Vec<SegmentIndex> = SegmentIndex::all().take(5).collect();
        let tally = SessionTally::default();
        (1..=3).for_each(|ns| tally.opened(segments[0], ns));
        tally.failed(segments[0], &Failure::new("refused", "no"));
        // No session opens or closes in the second segment. In the third two close before one
        // opens.
        tally.closed(segments[2]);
        tally.closed(segments[2]);
        tally.opened(segments[2], 5);
        (1..=4).for_each(|ns| tally.opened(segments[3], ns));
        let told = |n: usize| {
            let told = tally.session_use_in(segments[n]);
            (told.opened, told.failed, told.present_max)
        };
        assert_eq!(
            [0, 1, 2, 3, 4].map(told),
            [(3, 1, 3), (0, 0, 3), (1, 0, 3), (4, 0, 6), (0, 0, 6)]
        );
        let whole = tally.session_use();
        assert_eq!((whole.opened, whole.failed, whole.present_max), (8, 1, 6));
        assert_eq!((whole.errors["refused"], whole.open.unwrap().count), (1, 8));
    }
}
