//! Segments of a step: its warm-up and its measured segments, at instants that are fixed when the
//! step begins. A change of the load adds a segment that lasts for the rest of the measured part.

use std::time::Duration;

use bench_report::{StepSpan, Window};
use serde::{Deserialize, Serialize};

use super::change_instants::ChangeInstants;
use super::curve_segments::NamedSegment;

/// Position of a measured segment in its step, from 0 to 31.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub(crate) struct SegmentIndex(u8);

impl SegmentIndex {
    /// Position of the first measured segment. A step with constant load has only this segment.
    pub(crate) const FIRST: Self = Self(0);
    /// Largest number of measured segments of a step, planned ones and changes together.
    pub(crate) const MOST: usize = 32;

    /// Iterates over the positions of all segments that a step can have, rising.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..Self::MOST).map(|index| Self(index as u8))
    }

    /// Returns the position of the segment, from 0.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Instants of a step, in nanoseconds on `CLOCK_MONOTONIC`: the start of its warm-up, and the spans
/// of its measured segments, which follow each other. Clones share the changes of the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segments {
    start_ns: u64,
    measure_start_ns: u64,
    /// End of each planned span, in nanoseconds on `CLOCK_MONOTONIC`, rising, and the segment to
    /// which the span belongs.
    spans: Vec<(u64, SegmentIndex)>,
    /// Instants at which the load was changed. A new segment begins at each of them.
    #[serde(skip)]
    changes: ChangeInstants<{ SegmentIndex::MOST }>,
}

impl Segments {
    /// Creates the segments of a step that starts at `start_ns` on `CLOCK_MONOTONIC`, has a warm-up
    /// of `warmup` and is measured for `measure`. Uses the `named` segments, or a single one if
    /// there are none. Each span lasts until the next one starts. Segments after the 32nd count as
    /// part of the 32nd.
    pub(crate) fn new(
        start_ns: u64,
        warmup: Duration,
        measure: Duration,
        named: &[NamedSegment],
    ) -> Self {
        let measure_start_ns = start_ns + warmup.as_nanos() as u64;
        let measure_end_ns = measure_start_ns + measure.as_nanos() as u64;
        let starts = named.iter().enumerate().flat_map(|(index, segment)| {
            let index = SegmentIndex(index.min(SegmentIndex::MOST - 1) as u8);
            segment
                .spans
                .iter()
                .map(move |(start_s, _)| (*start_s, index))
        });
        let mut starts: Vec<(f64, SegmentIndex)> = starts.collect();
        starts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at =
            |start_s: f64| (measure_start_ns + (start_s * 1e9).round() as u64).min(measure_end_ns);
        let mut spans: Vec<(u64, SegmentIndex)> = Vec::with_capacity(starts.len().max(1));
        for (n, (_, index)) in starts.iter().enumerate() {
            let end_ns = starts
                .get(n + 1)
                .map_or(measure_end_ns, |(start_s, _)| at(*start_s));
            match spans.last_mut() {
                Some(last) if last.1 == *index => last.0 = end_ns,
                _ => spans.push((end_ns, *index)),
            }
        }
        if spans.is_empty() {
            spans.push((measure_end_ns, SegmentIndex::FIRST));
        }
        Self {
            start_ns,
            measure_start_ns,
            spans,
            changes: ChangeInstants::default(),
        }
    }

    /// Creates the segments of a step that ended at `now_ns`, before its load began; all have
    /// length zero.
    pub(crate) fn empty(now_ns: u64) -> Self {
        Self::new(now_ns, Duration::ZERO, Duration::ZERO, &[])
    }

    /// Returns the instant at which the warm-up starts, in nanoseconds on `CLOCK_MONOTONIC`.
    pub(crate) fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Returns the instant at which the last measured segment ends, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    pub(crate) fn measure_end_ns(&self) -> u64 {
        self.spans
            .last()
            .map_or(self.measure_start_ns, |(end_ns, _)| *end_ns)
    }

    /// Returns the number of planned segments, without those that changes of the load have added.
    fn planned(&self) -> usize {
        let counts = self.spans.iter().map(|(_, segment)| segment.index() + 1);
        counts.max().unwrap_or(0)
    }

    /// Returns true if the load can be changed once more, because the step has fewer than 32
    /// segments.
    pub(crate) fn has_room(&self) -> bool {
        self.planned() + self.changes.iter().count() < SegmentIndex::MOST
    }

    /// Begins a new segment at `at_ns`, which must be later than all changes so far and within the
    /// measured part. It lasts until the next change or the end. Returns its position.
    pub(crate) fn change_at(&self, at_ns: u64) -> SegmentIndex {
        self.changes.push(at_ns);
        self.changed(at_ns)
    }

    /// Returns the segment that contains `instant_ns`, which must be at the first change of the
    /// load or after.
    #[cold]
    fn changed(&self, instant_ns: u64) -> SegmentIndex {
        let index = (self.planned() + self.changes.count_until(instant_ns)).saturating_sub(1);
        SegmentIndex(index.min(SegmentIndex::MOST - 1) as u8)
    }

    /// Returns the end of each span and its segment, in order, with those of changes of the load.
    fn all_spans(&self) -> Vec<(u64, SegmentIndex)> {
        let starts: Vec<u64> = self.changes.iter().collect();
        let Some(first_ns) = starts.first().copied() else {
            return self.spans.clone();
        };
        let mut spans = self.spans.clone();
        let kept = spans.partition_point(|(end_ns, _)| *end_ns < first_ns);
        spans.truncate(kept + 1);
        if let Some(cut) = spans.last_mut() {
            cut.0 = first_ns;
        }
        for (n, start_ns) in starts.iter().enumerate() {
            let next_ns = starts.get(n + 1).copied();
            let end_ns = next_ns.unwrap_or(self.measure_end_ns());
            spans.push((end_ns, self.changed(*start_ns)));
        }
        spans
    }

    /// Returns the instants at which the measured part begins and each span ends, rising, in
    /// nanoseconds on `CLOCK_MONOTONIC`.
    pub(crate) fn boundaries(&self) -> Vec<u64> {
        let ends = self.all_spans().into_iter().map(|(end_ns, _)| end_ns);
        std::iter::once(self.measure_start_ns).chain(ends).collect()
    }

    /// Returns the spans of the measured segment at position `index`, cut off at `until_ns`. Leaves
    /// out spans without length.
    pub(crate) fn spans_until(&self, index: usize, until_ns: u64) -> Vec<StepSpan> {
        let mut start_ns = self.measure_start_ns;
        let mut spans = Vec::new();
        for (end_ns, segment) in self.all_spans() {
            let span = StepSpan {
                start_ns,
                end_ns: end_ns.min(until_ns),
            };
            if segment.index() == index && span.start_ns < span.end_ns {
                spans.push(span);
            }
            start_ns = end_ns;
        }
        spans
    }

    /// Returns the length of each measured segment in seconds, by position, cut off at `until_ns`.
    pub(crate) fn lengths_s(&self, until_ns: u64) -> Vec<f64> {
        let mut lengths_ns = vec![0; self.planned() + self.changes.iter().count()];
        let mut begin_ns = self.measure_start_ns;
        for (end_ns, segment) in self.all_spans() {
            lengths_ns[segment.index()] += end_ns.min(until_ns).saturating_sub(begin_ns);
            begin_ns = end_ns;
        }
        lengths_ns.into_iter().map(|ns| ns as f64 / 1e9).collect()
    }

    /// Returns the measured segment that contains `instant_ns`, on `CLOCK_MONOTONIC`; `None` during
    /// the warm-up and after the measured part.
    pub(crate) fn at(&self, instant_ns: u64) -> Option<SegmentIndex> {
        if instant_ns < self.measure_start_ns || instant_ns >= self.measure_end_ns() {
            return None;
        }
        if instant_ns >= self.changes.first_ns() {
            return Some(self.changed(instant_ns));
        }
        let span = match self.spans.len() {
            1 => 0,
            _ => self
                .spans
                .partition_point(|(end_ns, _)| *end_ns <= instant_ns),
        };
        self.spans.get(span).map(|(_, segment)| *segment)
    }

    /// Returns the measured segment that contains `instant_ns`, on `CLOCK_MONOTONIC`. An instant
    /// before the measured part belongs to the first segment, one after it to the last.
    pub(crate) fn nearest(&self, instant_ns: u64) -> SegmentIndex {
        let last_ns = self.measure_end_ns().saturating_sub(1);
        let within_ns = instant_ns.min(last_ns).max(self.measure_start_ns);
        self.at(within_ns).unwrap_or_default()
    }

    /// Returns the time window of the step for the report. The window ends with the measured part,
    /// without a drain.
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

    fn named(spans: &[&[(f64, f64)]]) -> Vec<NamedSegment> {
        let segment = |spans: &&[(f64, f64)]| NamedSegment {
            name: String::new(),
            spans: spans.to_vec(),
        };
        spans.iter().map(segment).collect()
    }

    fn at(segments: &Segments, instant_s: u64) -> Option<usize> {
        segments.at(instant_s * S).map(SegmentIndex::index)
    }

    #[test]
    fn each_instant_lies_in_one_segment_or_none() {
        let named = named(&[&[(0.0, 2.0)], &[(2.0, 3.0)], &[(3.0, 6.0)]]);
        let (warmup, measure) = (Duration::from_secs(5), Duration::from_secs(6));
        let segments = Segments::new(10 * S, warmup, measure, &named);
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
            assert_eq!(at(&segments, instant_s), found, "{instant_s} s");
        }
        assert_eq!(segments.measure_end_ns(), 21 * S);
        assert_eq!(segments.boundaries(), [15, 17, 18, 21].map(|s| s * S));
        assert_eq!(segments.lengths_s(21 * S), [2.0, 1.0, 3.0]);
        assert_eq!(segments.lengths_s(17 * S + S / 2), [2.0, 0.5, 0.0]);
        assert_eq!(Segments::empty(7).at(7), None);
    }

    #[test]
    fn a_segment_may_come_back_and_its_spans_add_up() {
        let named = named(&[&[(0.0, 1.0), (3.0, 5.0)], &[(1.0, 3.0)]]);
        let segments = Segments::new(0, Duration::ZERO, Duration::from_secs(5), &named);
        let found: Vec<_> = (0..6).map(|instant_s| at(&segments, instant_s)).collect();
        assert_eq!(found, [Some(0), Some(1), Some(1), Some(0), Some(0), None]);
        assert_eq!(segments.lengths_s(5 * S), [3.0, 2.0]);
        let single = Segments::new(0, Duration::ZERO, Duration::from_secs(5), &[]);
        assert_eq!(
            (at(&single, 4), single.lengths_s(5 * S)),
            (Some(0), vec![5.0])
        );
    }

    #[test]
    fn a_change_begins_a_segment_that_takes_the_rest_of_the_step() {
        let named = named(&[&[(0.0, 2.0)], &[(2.0, 6.0)], &[(6.0, 9.0)]]);
        let measure = Duration::from_secs(9);
        let segments = Segments::new(10 * S, Duration::ZERO, measure, &named);
        let seen_by_a_worker = segments.clone();
        assert_eq!(segments.change_at(15 * S).index(), 3);
        let found = |instant_s| at(&seen_by_a_worker, instant_s);
        assert_eq!(
            [9, 10, 12, 14, 15, 18, 19].map(found),
            [None, Some(0), Some(1), Some(1), Some(3), Some(3), None]
        );
        assert_eq!(segments.change_at(17 * S).index(), 4);
        assert_eq!([14, 15, 16, 17, 18].map(found), [1, 3, 3, 4, 4].map(Some));
        assert_eq!(segments.measure_end_ns(), 19 * S, "the end stays");
        assert_eq!(segments.boundaries(), [10, 12, 15, 17, 19].map(|s| s * S));
        assert_eq!(segments.lengths_s(18 * S), [2.0, 3.0, 0.0, 2.0, 1.0]);
        assert_eq!(segments.spans_until(2, 19 * S), []);
        let span = |start_s: u64, end_s: u64| StepSpan {
            start_ns: start_s * S,
            end_ns: end_s * S,
        };
        assert_eq!(segments.spans_until(1, 19 * S), [span(12, 15)]);
        assert_eq!(segments.spans_until(4, 19 * S), [span(17, 19)]);
        assert_eq!(segments.nearest(30 * S).index(), 4);
    }

    #[test]
    fn a_change_at_the_boundary_of_two_segments_leaves_the_second_one_empty() {
        let named = named(&[&[(0.0, 2.0)], &[(2.0, 4.0)]]);
        let segments = Segments::new(0, Duration::ZERO, Duration::from_secs(4), &named);
        segments.change_at(2 * S);
        assert_eq!([1, 2].map(|s| at(&segments, s)), [Some(0), Some(2)]);
        assert_eq!(segments.lengths_s(4 * S), [2.0, 0.0, 2.0]);
    }

    #[test]
    fn there_is_room_for_changes_until_all_segments_are_used() {
        let segments = Segments::new(0, Duration::ZERO, Duration::from_secs(40), &[]);
        for n in 1..SegmentIndex::MOST {
            assert!(segments.has_room());
            let index = segments.change_at(n as u64 * S);
            assert_eq!(index.index(), n);
        }
        assert!(!segments.has_room());
        assert_eq!(at(&segments, 31), Some(31));
        assert_eq!(at(&segments, 39), Some(31));
    }

    #[test]
    fn segments_beyond_the_most_belong_to_the_last() {
        let each = (0..SegmentIndex::MOST + 8).map(|n| NamedSegment {
            name: String::new(),
            spans: vec![(n as f64, n as f64 + 1.0)],
        });
        let each: Vec<_> = each.collect();
        let segments = Segments::new(0, Duration::ZERO, Duration::from_secs(40), &each);
        assert_eq!(segments.measure_end_ns(), 40 * S);
        assert_eq!((at(&segments, 39), at(&segments, 31)), (Some(31), Some(31)));
        assert_eq!(segments.lengths_s(40 * S).len(), SegmentIndex::MOST);
    }
}
