//! Series of a followed process over time, one for each of its figures.

use std::sync::Arc;

use bench_report::Series;
use host_metrics::rate_window::FigureValue;

use crate::follow::{Follower, ProcessRecorder};
use crate::label_text::label_text;
use crate::metric::process;
use crate::rolling::Rolling;
use crate::spread::Spread;

/// Follower of processes that stores the history of each.
pub(crate) type ProcessFollower = Follower<ProcessHistory>;

/// Iterates over the series of the processes that rank first over the whole recording, those with
/// the most CPU time first; series without any reading are left out.
pub(crate) fn process_series(follower: &ProcessFollower) -> impl Iterator<Item = Series> {
    let histories = follower.ranked_histories();
    histories.flat_map(ProcessHistory::series)
}

/// Returns true if at least one process has a series.
pub(crate) fn has_series(follower: &ProcessFollower) -> bool {
    follower.histories().any(|history| !history.is_empty())
}

/// Series of one process: one for each of its figures, such as its memory.
#[derive(Debug, Default)]
pub(crate) struct ProcessHistory {
    labels: Series,
    label_text: Arc<str>,
    series: Vec<(&'static str, Rolling)>,
    /// Index in `series` at which the next figure is looked for first, because figures usually come
    /// in the order of the last tick.
    next: usize,
}

impl ProcessRecorder for ProcessHistory {
    /// Sets the label `key` of this process to `value`, on all its series.
    fn label(&mut self, key: &'static str, value: &str) {
        self.labels.labels.insert(key.to_owned(), value.to_owned());
        let labels = self.labels.labels.iter();
        self.label_text = label_text(labels.map(|(key, of)| (key.as_str(), of.as_str())));
        for (_, rolling) in &mut self.series {
            rolling.relabel(key, value);
        }
    }

    fn put(&mut self, at_ns: u64, name: &'static str, reading: Option<FigureValue>) {
        let is_it = |(known, _): &(&'static str, Rolling)| *known == name;
        let next = self.next % self.series.len().max(1);
        let found = match self.series.get(next) {
            Some(figure) if is_it(figure) => Some(next),
            _ => self.series.iter().position(is_it),
        };
        let index = found.unwrap_or_else(|| {
            let series = Series {
                name: name.to_owned(),
                ..self.labels.clone()
            };
            self.series.push((name, Rolling::new(series)));
            self.series.len() - 1
        });
        self.next = index + 1;
        let rolling = &mut self.series[index].1;
        match reading {
            Some(reading) => rolling.take(at_ns, reading),
            None => rolling.push(at_ns, None),
        }
    }
}

impl ProcessHistory {
    /// Returns mean and extremes of `process.cpu_cores` over the whole recording, in cores; `None`
    /// if the figure was never recorded.
    pub(crate) fn cores(&self) -> Option<&Spread> {
        let mut series = self.series.iter();
        let cores = series.find(|(name, _)| *name == process::CPU_CORES.name());
        cores.map(|(_, rolling)| rolling.whole())
    }

    /// Returns the labels of the process as the text of a JSON object, as raw samples contain them.
    pub(crate) fn label_text(&self) -> &Arc<str> {
        &self.label_text
    }

    /// Returns the number of series of the process, those without a reading included.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// Returns true if the process has no series yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Sets the smallest number of points that each series keeps in a long recording; a series has
    /// up to twice as many.
    pub(crate) fn keep_points(&mut self, points: usize) {
        for (_, rolling) in &mut self.series {
            rolling.keep_points(points);
        }
    }

    /// Iterates over copies of the series that have at least one reading.
    pub(crate) fn series(&self) -> impl Iterator<Item = Series> {
        let all = self.series.iter().map(|(_, rolling)| rolling.series());
        all.filter(|series| series.mean.iter().any(Option::is_some))
    }
}
