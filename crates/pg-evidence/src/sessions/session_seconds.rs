//! Session-seconds (sums of the time that sessions spend) by labels of the sessions.

use std::collections::BTreeMap;

use bench_report::EvidenceRow;
use bench_report::names::ColumnName;

/// Largest number of rows that are reported.
const MOST_ROWS: usize = 20;

/// Session-seconds by the labels `K` of the sessions, such as their wait event.
#[derive(Debug, Default)]
pub(crate) struct SessionSeconds<K>(BTreeMap<K, f64>);

impl<K: Ord> SessionSeconds<K> {
    pub(crate) fn add(&mut self, key: K, session_seconds: f64) {
        *self.0.entry(key).or_default() += session_seconds;
    }

    /// Iterates over the mean numbers of sessions, which are session-seconds divided by `seconds`,
    /// in the order of the keys.
    pub(crate) fn means(&self, seconds: f64) -> impl Iterator<Item = (&K, f64)> {
        self.0.iter().map(move |(key, sum)| (key, sum / seconds))
    }
}

impl<const N: usize> SessionSeconds<[String; N]> {
    /// Returns the 20 largest mean numbers of sessions over `seconds`, largest first, as table
    /// rows. A row has the parts of its key as labels, whose names are `labels` in the same order,
    /// and the mean in the column `mean`.
    pub(crate) fn rows(
        &self,
        labels: [ColumnName; N],
        mean: ColumnName,
        seconds: f64,
    ) -> Vec<EvidenceRow> {
        let mut means: Vec<_> = self.means(seconds).collect();
        means.sort_by(|a, b| b.1.total_cmp(&a.1));
        let row = |(key, sessions): (&[String; N], f64)| {
            let named = std::array::from_fn::<_, N, _>(|at| (labels[at], key[at].clone()));
            EvidenceRow::new(named, [(mean, sessions)])
        };
        means.into_iter().take(MOST_ROWS).map(row).collect()
    }
}
