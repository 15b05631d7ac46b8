//! The readings of one tick on their way to disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use host_metrics::figure::{Figures, Labels, Reading};
use host_metrics::follow::Follower;

use crate::process_history::ProcessFollower;

/// Number of sets of labels that are remembered; a machine has fewer.
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
    /// The reading.
    pub reading: Reading,
}

/// Makes samples of what was derived.
#[derive(Debug, Default)]
pub struct Sampler {
    label_texts: HashMap<Labels, Arc<str>>,
    rows: usize,
}

impl Sampler {
    /// The readings of the tick that ended at `at_ns`: those of the machine, and of the processes
    /// that are followed and alive.
    pub fn sample(
        &mut self,
        at_ns: u64,
        figures: &Figures,
        processes: Option<&ProcessFollower>,
    ) -> Sample {
        let mut rows = Vec::with_capacity(self.rows);
        for figure in figures.iter() {
            rows.push(SampleRow {
                series: figure.name,
                labels: self.label_text(&figure.labels),
                reading: figure.reading,
            });
        }
        for (_, process) in processes.into_iter().flat_map(Follower::live) {
            let Some(history) = process.history() else {
                continue;
            };
            rows.extend(process.latest().map(|(series, reading)| SampleRow {
                series,
                labels: Arc::clone(history.label_text()),
                reading,
            }));
        }
        self.rows = rows.len();
        Sample { at_ns, rows }
    }

    /// Labels as they stand in a file, each set written out once.
    fn label_text(&mut self, labels: &Labels) -> Arc<str> {
        if let Some(text) = self.label_texts.get(labels) {
            return Arc::clone(text);
        }
        if self.label_texts.len() >= MOST_REMEMBERED {
            self.label_texts.clear();
        }
        let text = label_text(labels.iter().map(|(key, of)| (*key, of.as_str())));
        self.label_texts
            .insert(Arc::clone(labels), Arc::clone(&text));
        text
    }
}

/// Labels as a JSON object, in order of their keys.
pub fn label_text<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Arc<str> {
    let object: BTreeMap<&str, &str> = labels.collect();
    // A map of texts is always JSON.
    serde_json::to_string(&object).unwrap_or_default().into()
}
