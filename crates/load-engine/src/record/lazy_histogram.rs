//! Histograms that take memory only once something is recorded.

use bench_report::Histogram;
use bench_report::histogram::{Recording, recording};

/// Histogram of durations in nanoseconds, allocated (270 KB) by its first recording. Later recordings
/// allocate nothing.
#[derive(Debug, Default)]
pub(crate) struct LazyHistogram(Option<Recording>);

impl LazyHistogram {
    /// Records `ns`; durations of more than an hour count as an hour.
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

    /// Adds all that `other` recorded.
    pub(crate) fn merge(&mut self, other: &Self) {
        if let Some(theirs) = &other.0 {
            // Equal bounds on both sides: adding cannot fail.
            let _ = self.allocate().add(theirs);
        }
    }

    /// Returns the number of durations recorded.
    pub(crate) fn len(&self) -> u64 {
        self.recorded().map_or(0, Recording::len)
    }

    /// Returns the recording; `None` where nothing was recorded.
    pub(crate) fn recorded(&self) -> Option<&Recording> {
        self.0.as_ref()
    }

    /// Converts it for the report; `None` where nothing was recorded.
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
