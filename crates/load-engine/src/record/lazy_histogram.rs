//! Histogram that is allocated only when a value is first recorded.

use bench_report::Histogram;
use bench_report::histogram::{Recording, recording};

/// Histogram of durations in nanoseconds. The first recording allocates it (270 KB); later ones
/// allocate nothing.
#[derive(Debug, Default)]
pub(crate) struct LazyHistogram(Option<Recording>);

impl LazyHistogram {
    /// Records a duration of `ns` nanoseconds. More than an hour is recorded as an hour.
    pub(crate) fn record(&mut self, ns: u64) {
        match &mut self.0 {
            Some(recorded) => recorded.saturating_record(ns),
            None => self.allocate().saturating_record(ns),
        }
    }

    #[cold]
    fn allocate(&mut self) -> &mut Recording {
        self.0.get_or_insert_with(recording)
    }

    /// Adds all durations of `other` to this histogram. Allocates nothing if `other` is empty.
    pub(crate) fn merge(&mut self, other: &Self) {
        if let Some(theirs) = &other.0 {
            // Both have the same bounds, so that adding cannot fail.
            let _ = self.allocate().add(theirs);
        }
    }

    /// Returns the number of recorded durations.
    pub(crate) fn len(&self) -> u64 {
        self.recorded().map_or(0, Recording::len)
    }

    /// Returns the histogram of the recorded durations; `None` if nothing was recorded or merged.
    pub(crate) fn recorded(&self) -> Option<&Recording> {
        self.0.as_ref()
    }

    /// Converts the durations to the histogram form of the report; `None` if there are none.
    pub(crate) fn histogram(&self) -> Option<Histogram> {
        self.recorded().and_then(Histogram::from_recording)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_recorded_takes_no_memory_and_is_absent() {
        let mut sum = LazyHistogram::default();
        sum.merge(&LazyHistogram::default());
        assert!(sum.recorded().is_none() && sum.histogram().is_none());
        assert_eq!(sum.len(), 0);
    }

    #[test]
    fn a_merge_adds_every_bucket() {
        let (mut one, mut other, mut whole) =
            <(LazyHistogram, LazyHistogram, LazyHistogram)>::default();
        for n in 1..2_000_u64 {
            let (ns, part) = (n * n, if n % 3 == 0 { &mut one } else { &mut other });
            part.record(ns);
            whole.record(ns);
        }
        one.merge(&other);
        assert_eq!(one.recorded(), whole.recorded());
        assert_eq!(one.len(), 1_999);
    }
}
