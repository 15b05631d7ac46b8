//! Increases of a target's tallies in each measured segment of a step.

use std::collections::BTreeMap;

use bench_report::names::FigureName;

use crate::plan::segments::SegmentIndex;

/// Increases of one target's tallies by segment, from readings at regular intervals. What happened
/// between two readings counts for the segment of the first one.
#[derive(Debug, Default)]
pub(crate) struct TallySums {
    /// Last reading; empty before the first one.
    last: Vec<(FigureName, u64)>,
    /// Segment in which the last reading was taken; `None` outside the measured part.
    last_segment: Option<SegmentIndex>,
    /// Increase of each tally in each segment, by its number.
    segments: Vec<BTreeMap<FigureName, u64>>,
}

impl TallySums {
    /// Adds a reading of all tallies in `segment`, which is `None` outside the measured part.
    pub(crate) fn add(&mut self, segment: Option<SegmentIndex>, tallies: Vec<(FigureName, u64)>) {
        if let Some(of) = self.last_segment {
            if self.segments.len() <= of.index() {
                self.segments.resize_with(of.index() + 1, BTreeMap::new);
            }
            let sums = &mut self.segments[of.index()];
            for (name, count) in &tallies {
                let earlier = self.last.iter().find(|(known, _)| known == name);
                let earlier = earlier.map_or(0, |(_, count)| *count);
                *sums.entry(*name).or_default() += count.saturating_sub(earlier);
            }
        }
        (self.last, self.last_segment) = (tallies, segment);
    }

    /// Returns the increase of each tally in the segment `of`, or in all if that is `None`. A tally
    /// that was not read in it is left out.
    pub(crate) fn increases(&self, of: Option<SegmentIndex>) -> BTreeMap<FigureName, u64> {
        let mut whole = BTreeMap::new();
        let segments = self.segments.iter().enumerate();
        let wanted = segments.filter(|(index, _)| of.is_none_or(|of| of.index() == *index));
        for (name, count) in wanted.flat_map(|(_, sums)| sums) {
            *whole.entry(*name).or_default() += count;
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_report::names::steps;

    #[test]
    fn what_a_tally_gains_counts_for_the_segment_in_which_it_began() {
        let mut sums = TallySums::default();
        let mut all = SegmentIndex::all();
        let (first, second) = (all.next().unwrap(), all.next().unwrap());
        for (segment, opened, lost) in [
            (None, 3, 0),
            (None, 5, 0),
            (Some(first), 8, 1),
            (Some(first), 12, 1),
            (Some(second), 13, 1),
            (Some(second), 13, 2),
            (None, 15, 2),
            (None, 40, 9),
        ] {
            let tallies = [
                (steps::CONNECTIONS_OPENED, opened),
                (steps::CONNECTIONS_LOST, lost),
            ];
            sums.add(segment, tallies.to_vec());
        }
        let of = |segment| {
            let increases = sums.increases(segment);
            [steps::CONNECTIONS_OPENED, steps::CONNECTIONS_LOST].map(|name| increases[&name])
        };
        assert_eq!(of(Some(first)), [5, 0]);
        assert_eq!(of(Some(second)), [2, 1]);
        assert_eq!(of(None), [7, 1]);
        assert!(TallySums::default().increases(None).is_empty());
    }
}
