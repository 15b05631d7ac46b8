//! The readings of one tick on their way to disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::figure::{Figures, Label, Reading};

/// How many sets of labels are remembered; a machine has fewer.
const MOST_REMEMBERED: usize = 4096;

/// The readings of one tick.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// End of the tick on the monotonic clock, in nanoseconds.
    pub at_ns: u64,
    /// One for each reading.
    pub rows: Vec<SampleRow>,
}

/// One reading of a tick.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// Name of its series.
    pub series: &'static str,
    /// Labels of its series: a JSON object.
    pub labels: Arc<str>,
    /// What was read.
    pub reading: Reading,
}

impl Sample {
    /// Room for as many rows as the tick before had.
    pub fn new(at_ns: u64, rows: usize) -> Self {
        Self {
            at_ns,
            rows: Vec::with_capacity(rows),
        }
    }

    /// Adds a reading.
    pub fn add(&mut self, series: &'static str, labels: &Arc<str>, reading: Reading) {
        self.rows.push(SampleRow {
            series,
            labels: Arc::clone(labels),
            reading,
        });
    }

    /// Adds all of `figures`.
    pub fn add_figures(&mut self, figures: &Figures, texts: &mut LabelTexts) {
        for figure in figures.iter() {
            self.add(figure.name, texts.of(&figure.labels), figure.reading);
        }
    }
}

/// Labels as they stand in a file, each set written out once.
#[derive(Debug, Default)]
pub struct LabelTexts(HashMap<Vec<Label>, Arc<str>>);

impl LabelTexts {
    fn of(&mut self, labels: &[Label]) -> &Arc<str> {
        if !self.0.contains_key(labels) {
            if self.0.len() >= MOST_REMEMBERED {
                self.0.clear();
            }
            let text = label_text(labels.iter().map(|(key, of)| (*key, of.as_str())));
            self.0.insert(labels.to_vec(), text);
        }
        &self.0[labels]
    }
}

/// Labels as a JSON object, in order of their keys.
pub fn label_text<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Arc<str> {
    let object: BTreeMap<&str, &str> = labels.collect();
    // A map of texts is always JSON.
    serde_json::to_string(&object).unwrap_or_default().into()
}
