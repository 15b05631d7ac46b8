//! Series of the machine in memory: one for each name and set of labels.

use std::collections::BTreeMap;

use bench_report::Series;

use crate::figure::{Figure, Figures, Label, Labels};
use crate::rolling::Rolling;
use crate::spread::Spread;

/// Largest number of series in a store; figures of further series are dropped. It bounds the memory
/// on a host with thousands of virtual interfaces.
const MOST_SERIES: usize = 1024;

type SeriesKey = (&'static str, Labels);

/// All series of a recording except those of single processes.
#[derive(Debug, Default)]
pub(crate) struct SeriesStore {
    /// Series in the order in which they first appeared.
    series: Vec<(SeriesKey, Rolling)>,
    places: BTreeMap<SeriesKey, usize>,
    turned_away: bool,
}

impl SeriesStore {
    /// Adds the figures of the tick that ended at `at_ns`, in nanoseconds of the monotonic clock. A
    /// known series without a figure gets a point without a reading, so that all of its points
    /// cover equal times.
    pub(crate) fn take(&mut self, at_ns: u64, figures: Figures) {
        let mut next = 0;
        for figure in figures {
            let reading = figure.reading;
            if let Some(place) = self.place(figure, next) {
                self.series[place].1.take(at_ns, reading);
                next = place + 1;
            }
        }
        for (_, rolling) in &mut self.series {
            if rolling.last_ns() != Some(at_ns) {
                rolling.push(at_ns, None);
            }
        }
    }

    /// Returns the number of series in the store.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// Sets the smallest number of points that each series now in the store keeps in a long
    /// recording; a series has up to twice as many.
    pub(crate) fn keep_points(&mut self, points: usize) {
        for (_, rolling) in &mut self.series {
            rolling.keep_points(points);
        }
    }

    /// Iterates over copies of the series, in order of name and labels.
    pub(crate) fn series(&self) -> impl Iterator<Item = Series> {
        self.in_order().map(|(_, rolling)| rolling.series())
    }

    /// Iterates over name, labels, and the mean and extremes over the whole recording, of each
    /// series, in order of name and labels.
    pub(crate) fn stats(&self) -> impl Iterator<Item = (&'static str, &[Label], &Spread)> {
        let all = self.in_order();
        all.map(|((name, labels), rolling)| (*name, &**labels, rolling.whole()))
    }

    /// Returns true if figures were dropped because the store had the largest number of series.
    pub(crate) fn turned_away(&self) -> bool {
        self.turned_away
    }

    fn in_order(&self) -> impl Iterator<Item = &(SeriesKey, Rolling)> {
        self.places.values().map(|place| &self.series[*place])
    }

    /// Returns the index of the figure's series in `series`. Creates the series if it does not
    /// exist; `None` if there is no room. Checks index `next` first, because figures usually come
    /// in the order of the last tick.
    fn place(&mut self, figure: Figure, next: usize) -> Option<usize> {
        let key = (figure.name, figure.labels);
        if self
            .series
            .get(next)
            .is_some_and(|(known, _)| *known == key)
        {
            return Some(next);
        }
        if let Some(place) = self.places.get(&key) {
            return Some(*place);
        }
        if self.series.len() >= MOST_SERIES {
            self.turned_away = true;
            return None;
        }
        self.places.insert(key.clone(), self.series.len());
        let rolling = Rolling::new(named(&key));
        self.series.push((key, rolling));
        Some(self.series.len() - 1)
    }
}

fn named((name, labels): &SeriesKey) -> Series {
    let labelled = |series: Series, (key, of): &Label| series.label(key, of.clone());
    labels.iter().fold(Series::new(name), labelled)
}
