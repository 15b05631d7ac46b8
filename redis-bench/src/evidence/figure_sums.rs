//! Figures and tables of several nodes as those of one server: sums of counters, and the largest or
//! smallest of what has no sum.

use std::collections::{BTreeMap, BTreeSet};

use bench_report::names::{ColumnName, redis as names};
use bench_report::{EvidenceRow, ServerEvidence};

use super::thread_time::ThreadTime;

/// Figures of which the largest counts.
const LARGEST: [&str; 11] = [
    names::CONNECTED_CLIENTS_MAX.as_str(),
    names::BLOCKED_CLIENTS_MAX.as_str(),
    names::OUTPUT_BUFFER_MAX_BYTES.as_str(),
    names::SAVING_RATIO.as_str(),
    names::ANSWER_MOST_NS.as_str(),
    names::LATEST_FORK_US.as_str(),
    names::EXPIRED_STALE_RATIO.as_str(),
    names::ROLE_CHANGED.as_str(),
    names::AOF_ENABLED.as_str(),
    names::IO_THREADS_ACTIVE.as_str(),
    names::FRAGMENTATION_RATIO.as_str(),
];
/// Figures of which the smallest counts, if all nodes have one: no client gets past the smallest limit.
const SMALLEST: [&str; 3] = [
    names::MAXCLIENTS.as_str(),
    names::ANSWER_LEAST_NS.as_str(),
    names::LINK_BYTES_PER_S.as_str(),
];
/// Figures about the thread that executes commands: those of the node whose thread was busiest, because
/// the time of one thread is no help to another.
const OF_BUSIEST: [&str; 8] = [
    names::INTERVAL_S.as_str(),
    names::CPU_MAIN_THREAD_S.as_str(),
    names::EVENTLOOP_BUSY_US.as_str(),
    names::EVENTLOOP_COMMANDS_US.as_str(),
    names::MAIN_THREAD_ACTIVE_S.as_str(),
    names::MAIN_THREAD_READY_S.as_str(),
    names::CORES_ALLOWED.as_str(),
    names::CORES_ALLOWED_EITHER.as_str(),
];
/// Figures that say nothing of several nodes together: the nodes had their peaks at different times.
const OF_ONE: [&str; 1] = [names::USED_MEMORY_PEAK_BYTES.as_str()];

/// Way in which figures of nodes become one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Combination {
    /// Sum, if all nodes have the figure.
    Sum,
    /// Sum of those that have the figure: it is missing where it is 0.
    SumOfCounted,
    /// Sum, or 0 if one of them is 0, which means that it has no limit.
    SumOfLimits,
    Largest,
    Smallest,
    Busiest,
    /// Mean, weighted by the number of answers.
    MeanAnswer,
    None,
}

impl Combination {
    fn of(name: &str) -> Self {
        let families = [names::COMMAND_CALLS, names::COMMAND_USEC, names::ERRORS];
        if LARGEST.contains(&name) {
            Self::Largest
        } else if SMALLEST.contains(&name) {
            Self::Smallest
        } else if OF_BUSIEST.contains(&name) {
            Self::Busiest
        } else if OF_ONE.contains(&name) {
            Self::None
        } else if name == names::MAXMEMORY_BYTES.as_str() {
            Self::SumOfLimits
        } else if name == names::ANSWER_MEAN_NS.as_str() {
            Self::MeanAnswer
        } else if families.iter().any(|family| family.member(name).is_some()) {
            Self::SumOfCounted
        } else {
            Self::Sum
        }
    }
}

/// Returns the figures of `nodes`, at least one, as those of one server. A figure that does not follow
/// from those of the nodes is left out.
pub(super) fn figures(nodes: &[&ServerEvidence]) -> BTreeMap<String, f64> {
    let busiest = busiest(nodes);
    let all: BTreeSet<&String> = nodes.iter().flat_map(|node| node.figures.keys()).collect();
    let combined = all.into_iter().filter_map(|name| {
        let value = combine(name, nodes, busiest)?;
        Some((name.clone(), value))
    });
    combined.filter(|(_, value)| value.is_finite()).collect()
}

fn combine(name: &str, nodes: &[&ServerEvidence], busiest: Option<&ServerEvidence>) -> Option<f64> {
    let of_each = || nodes.iter().map(|node| node.figures.get(name).copied());
    let known = || of_each().flatten();
    match Combination::of(name) {
        Combination::SumOfLimits if known().any(|limit| limit == 0.0) => Some(0.0),
        Combination::Sum | Combination::SumOfLimits => of_each().sum(),
        // After a reset the counts of a node are not known, and missing.
        Combination::SumOfCounted => {
            let was_reset = |node: &&ServerEvidence| node.unavailable.contains_key("stats");
            (!nodes.iter().any(was_reset)).then(|| known().sum())
        }
        Combination::Largest => known().reduce(f64::max),
        Combination::Smallest => {
            let all: Vec<f64> = of_each().collect::<Option<_>>()?;
            all.into_iter().reduce(f64::min)
        }
        Combination::Busiest => match busiest {
            Some(busiest) => busiest.figures.get(name).copied(),
            None if name == names::INTERVAL_S.as_str() => known().reduce(f64::max),
            None => None,
        },
        Combination::MeanAnswer => {
            let sums: Option<Vec<(f64, f64)>> = nodes
                .iter()
                .map(|node| {
                    Some((
                        node.value(names::ANSWERS)?,
                        node.value(names::ANSWER_MEAN_NS)?,
                    ))
                })
                .collect();
            let sums = sums?;
            let count: f64 = sums.iter().map(|(count, _)| count).sum();
            Some(sums.iter().map(|(count, mean)| count * mean).sum::<f64>() / count)
        }
        Combination::None => None,
    }
}

/// Returns the node whose thread was busiest; `None` unless that of each is known.
fn busiest<'a>(nodes: &[&'a ServerEvidence]) -> Option<&'a ServerEvidence> {
    let times = nodes
        .iter()
        .map(|node| Some((ThreadTime::of(node)?.busy, *node)));
    let times: Vec<(f64, &ServerEvidence)> = times.collect::<Option<_>>()?;
    let most = times.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    most.map(|(_, node)| node)
}

/// Returns one row for all `rows` that have the same labels: sums of their figures, and of the columns
/// `largest` the largest. A figure that one of them does not have is left out. The rows are sorted by
/// the column `by`, largest first.
pub(super) fn grouped<'a>(
    rows: impl Iterator<Item = &'a EvidenceRow>,
    largest: &[ColumnName],
    by: Option<ColumnName>,
) -> Vec<EvidenceRow> {
    let mut groups: BTreeMap<&BTreeMap<String, String>, Vec<&EvidenceRow>> = BTreeMap::new();
    for row in rows {
        groups.entry(&row.labels).or_default().push(row);
    }
    let group = |(labels, rows): (&BTreeMap<String, String>, Vec<&EvidenceRow>)| {
        let columns = rows.first().map(|row| row.figures.keys());
        let figures = columns.into_iter().flatten().filter_map(|column| {
            let is_largest = largest.iter().any(|known| known.as_str() == column);
            let values = rows.iter().map(|row| row.figures.get(column).copied());
            let value = if is_largest {
                values
                    .collect::<Option<Vec<f64>>>()?
                    .into_iter()
                    .reduce(f64::max)
            } else {
                values.sum()
            };
            Some((column.clone(), value?))
        });
        EvidenceRow {
            figures: figures.collect(),
            labels: labels.clone(),
        }
    };
    let mut rows: Vec<EvidenceRow> = groups.into_iter().map(group).collect();
    if let Some(by) = by {
        let value = |row: &EvidenceRow| row.value(by).unwrap_or(0.0);
        rows.sort_by(|a, b| value(b).total_cmp(&value(a)));
    }
    rows
}
