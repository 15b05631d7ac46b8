//! Segments of a step: its warm-up and its measured segments, fixed when the step begins.

use std::time::Duration;

use bench_report::Window;
use serde::{Deserialize, Serialize};

/// Measured segment of a step: its position, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SegmentIndex(u8);

impl SegmentIndex {
    /// First measured segment, and the only one where load does not change.
    pub const FIRST: Self = Self(0);
    /// Number of segments that a step can measure apart.
    pub(crate) const MOST: usize = 32;

    /// Returns its position.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Instants of a step on `CLOCK_MONOTONIC`, in nanoseconds: the start of its warm-up, and one or more
/// measured segments that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segments {
    start_ns: u64,
    measure_start_ns: u64,
    /// End of each measured segment, rising.
    ends: Vec<u64>,
}

impl Segments {
    /// Creates the segments of a step that starts at `start_ns`. Lengths beyond the 32nd are added to
    /// the last segment.
    pub(crate) fn new(start_ns: u64, warmup: Duration, lengths: &[Duration]) -> Self {
        let measure_start_ns = start_ns + warmup.as_nanos() as u64;
        let mut boundary_ns = measure_start_ns;
        let mut ends = Vec::with_capacity(lengths.len().min(SegmentIndex::MOST));
        for length in lengths {
            boundary_ns += length.as_nanos() as u64;
            if ends.len() == SegmentIndex::MOST {
                ends.pop();
            }
            ends.push(boundary_ns);
        }
        Self {
            start_ns,
            measure_start_ns,
            ends,
        }
    }

    /// Creates the segments of a step that ended before it began: none of any length.
    pub(crate) fn empty(now_ns: u64) -> Self {
        Self::new(now_ns, Duration::ZERO, &[])
    }

    /// Returns the instant at which the warm-up starts.
    pub(crate) fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Returns the instant at which the last measured segment ends.
    pub(crate) fn measure_end_ns(&self) -> u64 {
        self.ends.last().copied().unwrap_or(self.measure_start_ns)
    }

    /// Returns the measured segment that holds `instant_ns`; `None` in the warm-up and after the end.
    pub(crate) fn at(&self, instant_ns: u64) -> Option<SegmentIndex> {
        if instant_ns < self.measure_start_ns || instant_ns >= self.measure_end_ns() {
            return None;
        }
        let index = match self.ends.len() {
            1 => 0,
            _ => self.ends.partition_point(|end_ns| *end_ns <= instant_ns),
        };
        Some(SegmentIndex(index as u8))
    }

    /// Returns the window that a report shows, with no drain yet.
    pub(crate) fn window(&self) -> Window {
        Window {
            start_ns: self.start_ns,
            measure_start_ns: self.measure_start_ns,
            measure_end_ns: self.measure_end_ns(),
            end_ns: self.measure_end_ns(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn each_instant_lies_in_one_segment_or_none() {
        let lengths = [2, 1, 3].map(Duration::from_secs);
        let segments = Segments::new(10 * S, Duration::from_secs(5), &lengths);
        for (instant_s, found) in [
            (10, None),
            (14, None),
            (15, Some(0)),
            (16, Some(0)),
            (17, Some(1)),
            (18, Some(2)),
            (20, Some(2)),
            (21, None),
        ] {
            let index = segments.at(instant_s * S).map(SegmentIndex::index);
            assert_eq!(index, found, "{instant_s} s");
        }
        assert_eq!(segments.measure_end_ns(), 21 * S);
        assert_eq!(Segments::empty(7).at(7), None);
    }

    #[test]
    fn lengths_beyond_the_most_belong_to_the_last_segment() {
        let lengths = [Duration::from_secs(1); SegmentIndex::MOST + 8];
        let segments = Segments::new(0, Duration::ZERO, &lengths);
        let last = segments.measure_end_ns() - 1;
        assert_eq!(segments.measure_end_ns(), 40 * S);
        assert_eq!(segments.at(last).map(SegmentIndex::index), Some(31));
        assert_eq!(segments.at(31 * S), segments.at(last));
    }
}
