//! Readings of CPU time at the boundaries of a step's measured spans.

use crate::load::cpu_use::{CpuReading, CpuUse};
use crate::plan::segments::Segments;

/// CPU readings at the start of a step's measured part and at the end of each of its measured
/// spans.
#[derive(Debug)]
pub(super) struct BoundaryReadings {
    boundaries: Vec<u64>,
    readings: Vec<CpuReading>,
}

impl BoundaryReadings {
    /// Creates the empty list of readings for a step with the boundaries of `segments`.
    pub(super) fn new(segments: &Segments) -> Self {
        let boundaries = segments.boundaries();
        Self {
            readings: Vec::with_capacity(boundaries.len()),
            boundaries,
        }
    }

    /// Replaces the boundaries by those of `segments`, which differ only in the future, after a
    /// change of the load.
    pub(super) fn change_boundaries(&mut self, segments: &Segments) {
        self.boundaries = segments.boundaries();
    }

    /// Returns the next boundary that has no reading yet, in nanoseconds on `CLOCK_MONOTONIC`; the
    /// last boundary once all have a reading.
    pub(super) fn next_ns(&self) -> u64 {
        let next = self.boundaries.get(self.readings.len());
        next.or(self.boundaries.last()).copied().unwrap_or(0)
    }

    /// Returns the last boundary that has a reading, in nanoseconds on `CLOCK_MONOTONIC`; `None`
    /// before the start of the measured part.
    pub(super) fn passed_ns(&self) -> Option<u64> {
        let last = self.readings.len().checked_sub(1)?;
        self.boundaries.get(last).copied()
    }

    /// Returns true once the start of the measured part has a reading.
    pub(super) fn has_begun(&self) -> bool {
        !self.readings.is_empty()
    }

    /// Returns the number of measured spans that have begun, including those that have ended.
    pub(super) fn spans_begun(&self) -> usize {
        self.readings
            .len()
            .min(self.boundaries.len().saturating_sub(1))
    }

    /// Notes all boundaries until `now_ns`, on `CLOCK_MONOTONIC`, that have no reading yet. Calls
    /// `read` once for all of them together, and not at all if there are none; several share a
    /// reading if the controller was late.
    pub(super) fn pass(&mut self, now_ns: u64, mut read: impl FnMut() -> CpuReading) {
        let passed = self.boundaries.partition_point(|at_ns| *at_ns <= now_ns);
        if passed > self.readings.len() {
            self.readings.resize(passed, read());
        }
    }

    /// Replaces all readings by `before`, which was taken before the preparation. For a step whose
    /// measured part never began, the CPU use then covers the preparation.
    pub(super) fn begin_with(&mut self, before: CpuReading) {
        self.readings = vec![before];
    }

    /// Adds a last reading if the step ended before its last boundary, and a first one if there is
    /// none.
    pub(super) fn end(&mut self, mut read: impl FnMut() -> CpuReading) {
        if self.readings.is_empty() {
            self.readings.push(read());
        }
        if self.readings.len() < self.boundaries.len() {
            self.readings.push(read());
        }
    }

    /// Returns the instant of the last reading, in nanoseconds on `CLOCK_MONOTONIC`; 0 if there is
    /// none.
    pub(super) fn last_ns(&self) -> u64 {
        self.readings.last().map_or(0, |reading| reading.at_ns)
    }

    /// Returns the CPU time used from the first reading to the last; zero without a reading.
    pub(super) fn whole(&self) -> CpuUse {
        match (self.readings.first(), self.readings.last()) {
            (Some(first), Some(last)) => last.since(first),
            _ => CpuUse::default(),
        }
    }

    /// Iterates over the CPU time used in each measured span that has begun, in order.
    pub(super) fn spans(&self) -> impl Iterator<Item = CpuUse> {
        self.readings.windows(2).map(|pair| pair[1].since(&pair[0]))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::cpu_use::LoadThreads;
    use crate::plan::curve_segments::NamedSegment;

    fn readings() -> BoundaryReadings {
        let named = [(0.0, 1.0), (1.0, 3.0)].map(|span| NamedSegment {
            name: String::new(),
            spans: vec![span],
        });
        let segments = Segments::new(100, Duration::ZERO, Duration::from_secs(3), &named);
        BoundaryReadings::new(&segments)
    }

    fn read() -> CpuReading {
        CpuReading::read(&LoadThreads::default())
    }

    #[test]
    fn each_boundary_has_a_reading_also_where_one_was_missed() {
        let mut readings = readings();
        assert!(!readings.has_begun());
        for (now_ns, next_ns) in [
            (50, 100),
            (100, 1_000_000_100),
            (1_000_000_099, 1_000_000_100),
            (3_000_000_200, 3_000_000_100),
        ] {
            readings.pass(now_ns, read);
            assert_eq!(readings.next_ns(), next_ns, "after {now_ns}");
        }
        readings.end(read);
        assert_eq!(readings.spans().count(), 2);
    }

    #[test]
    fn a_change_of_the_load_is_a_boundary_and_takes_the_place_of_those_to_come() {
        let named = [(0.0, 1.0), (1.0, 3.0)].map(|span| NamedSegment {
            name: String::new(),
            spans: vec![span],
        });
        let segments = Segments::new(100, Duration::ZERO, Duration::from_secs(3), &named);
        let mut readings = BoundaryReadings::new(&segments);
        readings.pass(100, read);
        segments.change_at(500_000_100);
        readings.change_boundaries(&segments);
        for (now_ns, next_ns) in [(100, 500_000_100), (500_000_100, 3_000_000_100)] {
            readings.pass(now_ns, read);
            assert_eq!(readings.next_ns(), next_ns, "after {now_ns}");
        }
        readings.pass(3_000_000_100, read);
        assert_eq!(readings.spans().count(), 2);
    }

    #[test]
    fn a_step_that_ends_early_has_the_spans_that_were_begun() {
        for (passed_ns, spans) in [(&[][..], 1), (&[100], 1), (&[100, 1_000_000_100], 2)] {
            let mut readings = readings();
            for now_ns in passed_ns {
                readings.pass(*now_ns, read);
            }
            readings.end(read);
            assert_eq!(readings.spans().count(), spans);
        }
    }
}
