//! Every series of the machine, one for each name and set of labels.

use std::collections::BTreeMap;

use bench_report::Series;

use crate::figure::{Figures, Label};
use crate::rolling::{Rolling, Spread};

/// A host with more labelled series than this (thousands of virtual interfaces) keeps the first.
const MOST_SERIES: usize = 1024;

type Key = (&'static str, Vec<Label>);

/// The series of one recording.
#[derive(Debug, Default)]
pub struct Board {
    series: BTreeMap<Key, Rolling>,
    turned_away: bool,
}

impl Board {
    /// Takes in the figures of the tick that ended at `at_ns`. A series without one gets an
    /// absent reading, so that all its points stand for equal times.
    pub fn take(&mut self, at_ns: u64, figures: Figures) {
        for figure in figures {
            let key = (figure.name, figure.labels);
            if !self.series.contains_key(&key) {
                if self.series.len() >= MOST_SERIES {
                    self.turned_away = true;
                    continue;
                }
                let rolling = Rolling::new(named(&key));
                self.series.insert(key.clone(), rolling);
            }
            if let Some(rolling) = self.series.get_mut(&key) {
                rolling.take(at_ns, figure.reading);
            }
        }
        for rolling in self.series.values_mut() {
            if rolling.last_ns() != Some(at_ns) {
                rolling.push(at_ns, None);
            }
        }
    }

    /// Every series, in order of name and labels.
    pub fn series(&self) -> impl Iterator<Item = Series> {
        self.series.values().map(Rolling::series)
    }

    /// Mean and extremes of each series with its labels, in order of name and labels.
    pub fn spreads(&self) -> impl Iterator<Item = (&'static str, &[Label], &Spread)> {
        let all = self.series.iter();
        all.map(|((name, labels), rolling)| (*name, labels.as_slice(), rolling.whole()))
    }

    /// Whether there were more series than are kept.
    pub fn turned_away(&self) -> bool {
        self.turned_away
    }
}

fn named((name, labels): &Key) -> Series {
    let labelled = |series: Series, (key, of): &Label| series.label(key, of.clone());
    labels.iter().fold(Series::new(name), labelled)
}
