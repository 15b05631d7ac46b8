//! Comparison of two recordings, series by series.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{SeriesSummary, SummaryRow};

/// Series of two recordings that are compared; it may be missing in one of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SeriesPair {
    /// Name of the series, which is the same in both recordings.
    pub(crate) name: String,
    /// Labels of the series; if both recordings have it, only the labels that are equal in both.
    pub(crate) labels: BTreeMap<String, String>,
    /// Symbol of the unit of the figures, such as `B`.
    pub(crate) unit: &'static str,
    /// Figures of the series in the first recording; `null` if it does not have the series.
    pub(crate) first: Option<SeriesSummary>,
    /// Figures of the series in the second recording; `null` if it does not have the series.
    pub(crate) second: Option<SeriesSummary>,
    /// Figures of the second recording − figures of the first; `null` unless both have the series.
    pub(crate) difference: Option<Differences>,
    /// Figures of the second recording ÷ figures of the first; `null` unless both have the series.
    pub(crate) ratio: Option<Ratios>,
}

/// Differences of the figures of a series: second recording − first recording, in the unit of the
/// series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Differences {
    /// Mean in the second recording − mean in the first, in the unit of the series.
    pub(crate) mean: f64,
    /// Median in the second recording − median in the first, in the unit of the series.
    pub(crate) p50: f64,
    /// 95th percentile in the second recording − that in the first, in the unit of the series.
    pub(crate) p95: f64,
    /// 99th percentile in the second recording − that in the first, in the unit of the series.
    pub(crate) p99: f64,
    /// Highest sample in the second recording − that in the first, in the unit of the series.
    pub(crate) max: f64,
}

/// Ratios of the figures of a series: second recording ÷ first recording. A ratio is `None` if the
/// first figure is zero, or if the quotient is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Ratios {
    /// Mean in the second recording ÷ mean in the first; `None` if the first is zero.
    pub(crate) mean: Option<f64>,
    /// Median in the second recording ÷ median in the first; `None` if the first is zero.
    pub(crate) p50: Option<f64>,
    /// 95th percentile in the second recording ÷ that in the first; `None` if the first is zero.
    pub(crate) p95: Option<f64>,
    /// 99th percentile in the second recording ÷ that in the first; `None` if the first is zero.
    pub(crate) p99: Option<f64>,
    /// Highest sample in the second recording ÷ that in the first; `None` if the first is zero.
    pub(crate) max: Option<f64>,
}

/// Names of the labels of a process that usually differ between two runs: its process id, its
/// command line, which may contain ports and paths, and its control group, whose name may contain the
/// id of a session or of a container.
const BY_CHANCE: [&str; 3] = ["pid", "command", "cgroup"];

type PairKey<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// Pairs the series of both recordings, in order of name and labels; a series of one recording
/// alone has a pair without a partner. Series pair if all labels are equal, or if they differ only
/// in process id and command line and each recording has only one such series.
pub(crate) fn pairs(first: &[SummaryRow], second: &[SummaryRow]) -> Vec<SeriesPair> {
    let (lone_first, lone_second) = (lone(first), lone(second));
    let exact: HashMap<PairKey, &SummaryRow> = second.iter().map(|row| (exact(row), row)).collect();
    let partner = |row| {
        let loose = loose(row);
        let of_name = || {
            lone_first.get(&loose)?;
            lone_second.get(&loose).copied()
        };
        exact.get(&self::exact(row)).copied().or_else(of_name)
    };
    let mut taken: Vec<PairKey> = Vec::new();
    let mut pairs = Vec::new();
    for row in first {
        let other = partner(row);
        taken.extend(other.map(self::exact));
        pairs.push(SeriesPair::new(Some(row), other));
    }
    let taken: std::collections::HashSet<PairKey> = taken.into_iter().collect();
    let rest = second
        .iter()
        .filter(|row| !taken.contains(&self::exact(row)));
    pairs.extend(rest.map(|row| SeriesPair::new(None, Some(row))));
    pairs.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    pairs
}

fn exact(row: &SummaryRow) -> PairKey<'_> {
    let labels = row.labels.iter();
    let labels = labels.map(|(key, of)| (key.as_str(), of.as_str()));
    (&row.name, labels.collect())
}

fn loose(row: &SummaryRow) -> PairKey<'_> {
    let (name, mut labels) = exact(row);
    // The series of a control group itself are known by its name.
    if row.labels.contains_key("pid") {
        labels.retain(|(key, _)| !BY_CHANCE.contains(key));
    }
    (name, labels)
}

/// Returns the rows that are alone with their name and their labels other than process id and
/// command line, by this key.
fn lone(rows: &[SummaryRow]) -> HashMap<PairKey<'_>, &SummaryRow> {
    let mut found: HashMap<PairKey, Option<&SummaryRow>> = HashMap::new();
    for row in rows {
        found
            .entry(loose(row))
            .and_modify(|alone| *alone = None)
            .or_insert(Some(row));
    }
    let alone = found.into_iter();
    alone.filter_map(|(key, row)| Some((key, row?))).collect()
}

impl SeriesPair {
    /// Creates a pair from the rows of the first and of the second recording. Without either it has
    /// an empty name.
    fn new(first: Option<&SummaryRow>, second: Option<&SummaryRow>) -> Self {
        let one = first.or(second);
        let mut labels = one.map(|row| row.labels.clone()).unwrap_or_default();
        if let (Some(first), Some(second)) = (first, second) {
            labels.retain(|key, of| {
                first.labels.get(key) == Some(of) && second.labels.get(key) == Some(of)
            });
        }
        let summaries = first.zip(second).map(|(a, b)| (a.summary, b.summary));
        Self {
            name: one.map(|row| row.name.clone()).unwrap_or_default(),
            labels,
            unit: one.map_or("", |row| row.unit),
            first: first.map(|row| row.summary),
            second: second.map(|row| row.summary),
            difference: summaries.map(|(a, b)| Differences {
                mean: b.mean - a.mean,
                p50: b.p50 - a.p50,
                p95: b.p95 - a.p95,
                p99: b.p99 - a.p99,
                max: b.max - a.max,
            }),
            ratio: summaries.map(|(a, b)| Ratios {
                mean: ratio(a.mean, b.mean),
                p50: ratio(a.p50, b.p50),
                p95: ratio(a.p95, b.p95),
                p99: ratio(a.p99, b.p99),
                max: ratio(a.max, b.max),
            }),
        }
    }
}

fn ratio(first: f64, second: f64) -> Option<f64> {
    Some(second / first).filter(|ratio| first != 0.0 && ratio.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, labels: &[(&str, &str)], value: f64) -> SummaryRow {
        let labels = labels.iter();
        let labels = labels.map(|(key, of)| ((*key).to_owned(), (*of).to_owned()));
        let summary = SeriesSummary::of_samples(vec![value], 1).unwrap();
        SummaryRow::new(name, &labels.collect(), summary)
    }

    fn told(pair: &SeriesPair) -> (Option<f64>, Option<f64>, Option<f64>, Option<f64>) {
        (
            pair.first.map(|s| s.mean),
            pair.second.map(|s| s.mean),
            pair.difference.map(|d| d.mean),
            pair.ratio.and_then(|r| r.mean),
        )
    }

    #[test]
    fn what_one_lacks_is_absent_and_not_zero() {
        let first = [row("a", &[], 2.0), row("b", &[], 0.0), row("c", &[], 1.0)];
        let second = [row("a", &[], 5.0), row("b", &[], 1.0), row("d", &[], 1.0)];
        let pairs = pairs(&first, &second);
        let told: Vec<_> = pairs.iter().map(told).collect();
        let one = Some(1.0);
        assert_eq!(
            told,
            [
                (Some(2.0), Some(5.0), Some(3.0), Some(2.5)),
                (Some(0.0), one, one, None),
                (one, None, None, None),
                (None, one, None, None),
            ]
        );
    }

    #[test]
    fn a_process_with_another_number_is_the_same_where_it_is_alone() {
        let process = |name, pid: &str, value| {
            let group = format!("session-{pid}.scope");
            row(
                "p",
                &[("name", name), ("pid", pid), ("cgroup", &group)],
                value,
            )
        };
        let first = [
            process("redis", "7", 1.0),
            process("pg", "1", 1.0),
            process("pg", "2", 2.0),
        ];
        let second = [
            process("redis", "9", 4.0),
            process("pg", "3", 3.0),
            process("pg", "2", 6.0),
        ];
        let pairs = pairs(&first, &second);
        let find = |name: &str, pid: Option<&str>| {
            let is = |pair: &&SeriesPair| {
                pair.labels["name"] == name && pair.labels.get("pid").map(String::as_str) == pid
            };
            pairs.iter().find(is).map(told).unwrap()
        };
        assert_eq!(pairs.len(), 4);
        assert_eq!(find("redis", None).3, Some(4.0));
        assert_eq!(find("pg", Some("2")).3, Some(3.0));
        assert_eq!(
            (find("pg", Some("1")).1, find("pg", Some("3")).0),
            (None, None)
        );
    }
}
