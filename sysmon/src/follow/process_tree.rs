//! Sums of use over a process and all its descendants.
//!
//! The kernel adds the CPU time of a child that has ended to its parent's counter of children, once
//! the parent has waited for the child. The CPU time of a tree is therefore the time that its members
//! used, plus that of their ended children, minus the part of these children's time that was
//! counted while they ran. Children that start and end between two samples are included.
//!
//! Reading all processes takes time. If a child ends after its parent was read and before it is
//! read itself, this sample has its time in neither. The part of the child's time that was counted
//! before is then carried over to the next sample, in which the parent's counter includes it.

use std::collections::HashMap;

use host_metrics::rate_window::{Period, RateWindow};
use host_metrics::source::process::{ProcessDetail, ProcessFields, ProcessId, ProcessSample};

use super::selection::StartTracker;
use super::tree_totals::TreeTotals;
use crate::figure::{Figures, at_most};
use crate::metric::{process as metric, put_gauges};

/// Tree of processes: its CPU time so far, and its members in the last sample.
#[derive(Debug, Default)]
pub(super) struct ProcessTree {
    used_ns: u64,
    cores: Option<f64>,
    least_window_ns: u64,
    last: HashMap<ProcessId, MemberCpu>,
    /// CPU time, in nanoseconds, of ended descendants of a process. It was counted while they ran, and
    /// the process's own counter of children does not include it yet. The key is their nearest ancestor
    /// that still exists.
    carried_ns: HashMap<ProcessId, u64>,
    at_ns: Option<u64>,
    slack_ns: u64,
    sum: TreeSum,
    totals: TreeTotals,
}

#[derive(Debug, Clone, Copy)]
struct MemberCpu {
    own_ns: u64,
    children_ns: u64,
    parent: u32,
}

/// Sums over those members of the current sample that were added so far.
#[derive(Debug, Default)]
struct TreeSum {
    now: HashMap<ProcessId, MemberCpu>,
    rss_bytes: u64,
    threads: Option<u64>,
    descriptors: Option<u64>,
    pss_bytes: Option<u64>,
    /// Groups of figures that could not be read of some member, and therefore have no sum.
    unread: ProcessFields,
    span: Option<(u64, u64)>,
}

impl TreeSum {
    fn totals(&self) -> TreeTotals {
        TreeTotals {
            processes: self.now.len() as u64,
            used_ns: 0,
            rss_bytes: self.span.map(|_| self.rss_bytes),
            threads: self.threads,
            descriptors: self.descriptors.filter(|_| !self.unread.descriptors),
            pss_bytes: self.pss_bytes.filter(|_| !self.unread.pss),
        }
    }
}

impl ProcessTree {
    /// Creates a tree without members. A tree cannot use more than all `cores`; a figure above that
    /// is absent. CPU time is derived over windows of at least `least_window_ns` nanoseconds.
    pub(super) fn new(cores: Option<f64>, least_window_ns: u64) -> Self {
        Self {
            cores,
            least_window_ns,
            ..Self::default()
        }
    }

    /// Adds the figures of one process of the current sample to the sums of the tree. Called once for
    /// each process, before [`finish_tick`](Self::finish_tick).
    pub(super) fn add(&mut self, sample: &ProcessSample, detail: &ProcessDetail) {
        let sum = &mut self.sum;
        let used = MemberCpu {
            own_ns: sample.cpu_ns,
            children_ns: sample.children_cpu_ns.unwrap_or(0),
            parent: sample.parent,
        };
        sum.now.insert(sample.id, used);
        sum.rss_bytes = sum.rss_bytes.saturating_add(sample.rss_bytes);
        let more = |total: &mut Option<u64>, part: Option<u64>| {
            if let Some(part) = part {
                *total = Some(total.unwrap_or(0).saturating_add(part));
            }
        };
        sum.unread.descriptors |= detail.unread.descriptors;
        sum.unread.pss |= detail.unread.pss;
        more(&mut sum.threads, sample.threads);
        more(&mut sum.descriptors, detail.descriptors);
        more(&mut sum.pss_bytes, detail.pss_bytes);
        let (begin, end) = (sample.span.begin_ns, sample.span.end_ns);
        let (first, last) = sum.span.unwrap_or((begin, end));
        sum.span = Some((first.min(begin), last.max(end)));
    }

    /// Returns the sums over the members in the last sample, and the tree's CPU time since it was
    /// first seen, which never falls.
    pub(super) fn totals(&self) -> TreeTotals {
        TreeTotals {
            used_ns: self.used_ns,
            ..self.totals
        }
    }

    /// Ends the current sample and adds the sums over its members to `out`, with the target's
    /// `label`. `tick_ns` is the kernel's clock tick. `starts` detects processes that started since
    /// the last sample; all of their CPU time is counted.
    pub(super) fn finish_tick(
        &mut self,
        label: &str,
        tick_ns: u64,
        starts: StartTracker,
        out: &mut Figures,
    ) {
        let sum = std::mem::take(&mut self.sum);
        let labels = [("follow", label)];
        self.totals = sum.totals();
        put_gauges(metric::TREE, &self.totals, &labels, out);
        let Some((begin_ns, end_ns)) = sum.span else {
            (self.last, self.at_ns) = (HashMap::new(), None);
            self.carried_ns.clear();
            return;
        };
        let now_ns = u64::midpoint(begin_ns, end_ns);
        let slack_ns = (end_ns - begin_ns).div_ceil(2);
        if let Some(at_ns) = self.at_ns {
            let window = RateWindow {
                period: Period {
                    from_ns: at_ns,
                    to_ns: now_ns,
                },
                slack_ns: slack_ns + self.slack_ns,
            };
            if window.period.ns() < self.least_window_ns {
                return;
            }
            let used_ns = used_between(
                &self.last,
                &sum.now,
                |id| starts.is_new(id),
                &mut self.carried_ns,
            );
            let quantum_ns = 2 * tick_ns * rounded_counters(&self.last, &sum.now);
            let used = window.mean(Some(0), used_ns, quantum_ns);
            let used = used.and_then(|used| at_most(used, self.cores));
            if used.is_some() {
                self.used_ns += used_ns.unwrap_or(0);
            }
            out.put_labelled(metric::TREE_CPU_CORES.name(), &labels, used);
        }
        (self.last, self.at_ns, self.slack_ns) = (sum.now, Some(now_ns), slack_ns);
    }
}

/// Returns the number of pairs of counters (user and system time) that were each rounded to a clock
/// tick: one pair for every process in either sample, and one for the children of each process that
/// waited for a child.
fn rounded_counters(
    last: &HashMap<ProcessId, MemberCpu>,
    now: &HashMap<ProcessId, MemberCpu>,
) -> u64 {
    let gone = last.keys().filter(|id| !now.contains_key(id)).count();
    let waited = |(id, used): &(&ProcessId, &MemberCpu)| {
        let before = last.get(id);
        before.is_some_and(|before| before.children_ns != used.children_ns)
    };
    (now.len() + gone + now.iter().filter(waited).count()) as u64
}

/// Returns the CPU time that the tree used between two samples, in nanoseconds; `None` if a counter
/// fell. Subtracts the time in `carried_ns`, which was carried over from the sample before, and
/// replaces it by the time to carry over to the next sample. `is_new` returns true for processes
/// that started since the last sample.
fn used_between(
    last: &HashMap<ProcessId, MemberCpu>,
    now: &HashMap<ProcessId, MemberCpu>,
    is_new: impl Fn(ProcessId) -> bool,
    carried_ns: &mut HashMap<ProcessId, u64>,
) -> Option<u64> {
    let carried_before = std::mem::take(carried_ns);
    let counted = counted_of_ended(last, now);
    let mut used_ns = 0;
    for (id, used) in now {
        let nothing = MemberCpu {
            own_ns: 0,
            children_ns: 0,
            ..*used
        };
        let before = match last.get(id) {
            Some(before) => before,
            None if is_new(*id) => &nothing,
            None => used,
        };
        let own_ns = used.own_ns.checked_sub(before.own_ns)?;
        let reaped_ns = used.children_ns.checked_sub(before.children_ns)?;
        let counted_ns = counted.get(id).copied().unwrap_or(0);
        let subtracted_ns = counted_ns + carried_before.get(id).copied().unwrap_or(0);
        used_ns += own_ns + reaped_ns.saturating_sub(subtracted_ns);
        let left_ns = subtracted_ns.saturating_sub(reaped_ns).min(counted_ns);
        if left_ns > 0 {
            carried_ns.insert(*id, left_ns);
        }
    }
    Some(used_ns)
}

/// Returns the CPU time of members that have ended since `last`, as counted in `last`, in
/// nanoseconds, by their nearest ancestor that still exists. Members without such an ancestor are
/// left out.
fn counted_of_ended(
    last: &HashMap<ProcessId, MemberCpu>,
    now: &HashMap<ProcessId, MemberCpu>,
) -> HashMap<ProcessId, u64> {
    let numbers: HashMap<u32, ProcessId> = last.keys().map(|id| (id.pid, *id)).collect();
    let parent = |id: &ProcessId| numbers.get(&last.get(id)?.parent).copied();
    let mut counted = HashMap::new();
    for (id, used) in last.iter().filter(|(id, _)| !now.contains_key(id)) {
        let mut ancestors = std::iter::successors(parent(id), parent).take(last.len());
        if let Some(heir) = ancestors.find(|id| now.contains_key(id)) {
            let used_ns = used.own_ns.saturating_add(used.children_ns);
            let counted: &mut u64 = counted.entry(heir).or_default();
            *counted = counted.saturating_add(used_ns);
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: ProcessId = ProcessId { pid: 1, started: 1 };
    const CHILD: ProcessId = ProcessId { pid: 2, started: 9 };
    const GRANDCHILD: ProcessId = ProcessId { pid: 3, started: 9 };

    /// Creates a sample from id, own CPU time and children's CPU time of each process, in
    /// nanoseconds. The parent of a process has the process id before its own.
    fn sample(members: &[(ProcessId, u64, u64)]) -> HashMap<ProcessId, MemberCpu> {
        let used = |id: ProcessId, own_ns, children_ns| MemberCpu {
            own_ns,
            children_ns,
            parent: id.pid - 1,
        };
        let members = members.iter();
        members
            .map(|(id, own, children)| (*id, used(*id, *own, *children)))
            .collect()
    }

    /// Returns the CPU time used between each two consecutive samples, in nanoseconds.
    fn used(samples: &[HashMap<ProcessId, MemberCpu>]) -> Vec<Option<u64>> {
        let mut carried_ns = HashMap::new();
        let pairs = samples.windows(2);
        pairs
            .map(|pair| used_between(&pair[0], &pair[1], |_| true, &mut carried_ns))
            .collect()
    }

    #[test]
    fn a_child_counts_once_whether_it_was_seen_or_not() {
        let before = sample(&[(PARENT, 100, 0)]);
        let unseen = sample(&[(PARENT, 110, 500)]);
        assert_eq!(used(&[before.clone(), unseen]), [Some(510)]);

        let seen = sample(&[(PARENT, 100, 0), (CHILD, 300, 0)]);
        let reaped = sample(&[(PARENT, 110, 500)]);
        assert_eq!(
            used(&[before, seen.clone(), reaped]),
            [Some(300), Some(210)]
        );
        let never_waited_for = sample(&[(PARENT, 110, 0)]);
        assert_eq!(used(&[seen, never_waited_for]), [Some(10)]);
    }

    #[test]
    fn a_child_that_ended_during_the_look_counts_once_too() {
        let seen = sample(&[(PARENT, 100, 0), (CHILD, 300, 0)]);
        let in_between = sample(&[(PARENT, 110, 0)]);
        let then = sample(&[(PARENT, 120, 340)]);
        let later = sample(&[(PARENT, 120, 440)]);
        assert_eq!(
            used(&[seen.clone(), in_between.clone(), then, later.clone()]),
            [Some(10), Some(50), Some(100)]
        );
        // The time of children that no process waited for is not carried over forever.
        let never = sample(&[(PARENT, 110, 0)]);
        assert_eq!(
            used(&[seen, in_between, never, later]),
            [Some(10), Some(0), Some(450)]
        );
    }

    #[test]
    fn what_was_counted_of_a_line_that_ended_is_set_off_where_it_arrives() {
        let all = sample(&[(PARENT, 0, 0), (CHILD, 10, 5), (GRANDCHILD, 100, 0)]);
        let alone = sample(&[(PARENT, 0, 120)]);
        assert_eq!(used(&[all, alone]), [Some(5)]);
        let root_ended = sample(&[(CHILD, 10, 5)]);
        let both = sample(&[(PARENT, 900, 0), (CHILD, 10, 0)]);
        assert_eq!(used(&[both, root_ended]), [Some(5)]);
    }

    #[test]
    fn a_member_that_was_there_before_brings_nothing_and_one_that_falls_says_nothing() {
        let before = sample(&[(PARENT, 100, 0)]);
        let joined = sample(&[(PARENT, 105, 0), (CHILD, 9000, 9000)]);
        let between = |now| used_between(&before, now, |_| false, &mut HashMap::new());
        assert_eq!(between(&joined), Some(5));
        let fell = sample(&[(PARENT, 99, 0)]);
        assert_eq!(between(&fell), None);
    }
}
