//! Readings of one tick as rows of raw samples.

use std::collections::HashMap;
use std::sync::Arc;

use host_metrics::rate_window::FigureValue;

use crate::figure::{Figures, Labels};
use crate::follow::Follower;
use crate::label_text::label_text;
use crate::process_history::ProcessFollower;

/// Largest number of label sets whose text is cached. If there are more, the cache is cleared; a
/// machine has fewer.
const MOST_REMEMBERED: usize = 4096;

/// Readings of one tick, as rows of raw samples.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RawSample {
    /// End of the tick, in nanoseconds of the monotonic clock.
    pub at_ns: u64,
    /// Row for each reading.
    pub rows: Vec<SampleRow>,
}

/// One reading of a tick, with its series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SampleRow {
    /// Name of the series.
    pub series: &'static str,
    /// Labels of the series as the text of a JSON object.
    pub labels: Arc<str>,
    /// Value of the reading, with its error.
    pub reading: FigureValue,
}

/// Builder that makes rows of raw samples from derived figures, with a cache of label texts.
#[derive(Debug, Default)]
pub(crate) struct RowBuilder {
    label_texts: HashMap<Labels, Arc<str>>,
    rows: usize,
}

impl RowBuilder {
    /// Builds the rows of the tick that ended at `at_ns`, in nanoseconds of the monotonic clock:
    /// those of the machine's `figures`, and those of the followed processes that are still
    /// running.
    pub(crate) fn sample(
        &mut self,
        at_ns: u64,
        figures: &Figures,
        processes: Option<&ProcessFollower>,
    ) -> RawSample {
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
        RawSample { at_ns, rows }
    }

    /// Returns a set of labels as the text of a JSON object; cached, so that each set is rarely
    /// encoded twice.
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
