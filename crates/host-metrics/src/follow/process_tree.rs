//! A target and all its descendants as one.
//!
//! A child that ends is added by the kernel to what its parent's children used, once the parent
//! has waited for it. So the CPU time of a tree is what its members used, plus what their ended
//! children did, less what was counted of those while they lived. That way children that live and
//! die between two looks count too.
//!
//! A look takes a while. A child that ended after its parent was read, and before it was read
//! itself, is missing here and not yet added there: what was counted of it is owed until the next
//! look, by which the parent's counter has it.

use std::collections::HashMap;

use super::selection::StartTracker;
use crate::derive::RateWindow;
use crate::figure::{Figures, Period};
use crate::metric::{process as metric, put_gauges};
use crate::source::process::{ProcessDetail, ProcessFields, ProcessId, ProcessSample};

/// What a tree used when it was last looked at.
#[derive(Debug, Default)]
pub(super) struct ProcessTree {
    used_ns: u64,
    cores: Option<f64>,
    least_window_ns: u64,
    last: HashMap<ProcessId, MemberCpu>,
    /// By the parents to whom it has yet to be added.
    owed_ns: HashMap<ProcessId, u64>,
    at_ns: Option<u64>,
    slack_ns: u64,
    sum: TreeSum,
    totals: TreeTotals,
}

/// Sums over the members of a tree at one tick; absent where a member was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeTotals {
    /// Number of processes.
    pub processes: u64,
    /// CPU time used since the tree was first looked at, in nanoseconds.
    pub used_ns: u64,
    /// Resident memory in bytes; absent without a member.
    pub rss_bytes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// Memory with what is shared divided among those who share it, in bytes.
    pub pss_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct MemberCpu {
    own_ns: u64,
    children_ns: u64,
    parent: u32,
}

/// What the members hold now.
#[derive(Debug, Default)]
struct TreeSum {
    now: HashMap<ProcessId, MemberCpu>,
    rss_bytes: u64,
    threads: Option<u64>,
    descriptors: Option<u64>,
    pss_bytes: Option<u64>,
    /// What some member did not tell, so that there is no sum of it.
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
    /// One that cannot use more than all `cores`; a figure that says so is absent. Its CPU time is
    /// told over `least_window_ns` at least.
    pub(super) fn new(cores: Option<f64>, least_window_ns: u64) -> Self {
        Self {
            cores,
            least_window_ns,
            ..Self::default()
        }
    }

    /// Takes in one member of this tick.
    pub(super) fn add(&mut self, sample: &ProcessSample, detail: &ProcessDetail) {
        let sum = &mut self.sum;
        let used = MemberCpu {
            own_ns: sample.cpu_ns,
            children_ns: sample.children_cpu_ns.unwrap_or(0),
            parent: sample.parent,
        };
        sum.now.insert(sample.id, used);
        sum.rss_bytes += sample.rss_bytes;
        let more = |total: &mut Option<u64>, part: Option<u64>| {
            if let Some(part) = part {
                *total = Some(total.unwrap_or(0) + part);
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

    /// Returns the sums of the last tick. The CPU time in them never falls.
    pub(super) fn totals(&self) -> TreeTotals {
        TreeTotals {
            used_ns: self.used_ns,
            ..self.totals
        }
    }

    /// Says what the members of this tick are and did together. A process for which `born` holds
    /// came up since the last look, so all that it shows was used since.
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
            self.owed_ns.clear();
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
            if window.ns() < self.least_window_ns {
                return;
            }
            let used_ns = used_between(
                &self.last,
                &sum.now,
                |id| starts.is_new(id),
                &mut self.owed_ns,
            );
            let quantum_ns = 2 * tick_ns * rounded(&self.last, &sum.now);
            let used = window.mean(Some(0), used_ns, quantum_ns);
            let used = used.and_then(|used| used.at_most(self.cores));
            if used.is_some() {
                self.used_ns += used_ns.unwrap_or(0);
            }
            out.put_labelled(metric::TREE_CPU_CORES.name(), &labels, used);
        }
        (self.last, self.at_ns, self.slack_ns) = (sum.now, Some(now_ns), slack_ns);
    }
}

/// How many pairs of counters, of user and of system time, were each rounded to a tick: those of
/// every process that is or was there, and of the children of those that waited for one.
fn rounded(last: &HashMap<ProcessId, MemberCpu>, now: &HashMap<ProcessId, MemberCpu>) -> u64 {
    let gone = last.keys().filter(|id| !now.contains_key(id)).count();
    let waited = |(id, used): &(&ProcessId, &MemberCpu)| {
        let before = last.get(id);
        before.is_some_and(|before| before.children_ns != used.children_ns)
    };
    (now.len() + gone + now.iter().filter(waited).count()) as u64
}

/// CPU time used between two looks; `None` when a counter fell. What is `owed_ns` from the look
/// before is set off, and that of this look put in its place.
fn used_between(
    last: &HashMap<ProcessId, MemberCpu>,
    now: &HashMap<ProcessId, MemberCpu>,
    born: impl Fn(ProcessId) -> bool,
    owed_ns: &mut HashMap<ProcessId, u64>,
) -> Option<u64> {
    let owed_before = std::mem::take(owed_ns);
    let counted = counted_of_gone(last, now);
    let mut used_ns = 0;
    for (id, used) in now {
        let nothing = MemberCpu {
            own_ns: 0,
            children_ns: 0,
            ..*used
        };
        let before = match last.get(id) {
            Some(before) => before,
            None if born(*id) => &nothing,
            None => used,
        };
        let own_ns = used.own_ns.checked_sub(before.own_ns)?;
        let reaped_ns = used.children_ns.checked_sub(before.children_ns)?;
        let counted_ns = counted.get(id).copied().unwrap_or(0);
        let set_off_ns = counted_ns + owed_before.get(id).copied().unwrap_or(0);
        used_ns += own_ns + reaped_ns.saturating_sub(set_off_ns);
        let left_ns = set_off_ns.saturating_sub(reaped_ns).min(counted_ns);
        if left_ns > 0 {
            owed_ns.insert(*id, left_ns);
        }
    }
    Some(used_ns)
}

/// What was counted of the members that are gone, by the nearest ancestor that is still there.
fn counted_of_gone(
    last: &HashMap<ProcessId, MemberCpu>,
    now: &HashMap<ProcessId, MemberCpu>,
) -> HashMap<ProcessId, u64> {
    let numbers: HashMap<u32, ProcessId> = last.keys().map(|id| (id.pid, *id)).collect();
    let parent = |id: &ProcessId| numbers.get(&last.get(id)?.parent).copied();
    let mut counted = HashMap::new();
    for (id, used) in last.iter().filter(|(id, _)| !now.contains_key(id)) {
        let mut ancestors = std::iter::successors(parent(id), parent).take(last.len());
        if let Some(heir) = ancestors.find(|id| now.contains_key(id)) {
            *counted.entry(heir).or_default() += used.own_ns + used.children_ns;
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

    /// Each the child of the one before it by number.
    fn look(members: &[(ProcessId, u64, u64)]) -> HashMap<ProcessId, MemberCpu> {
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

    /// What was used from look to look.
    fn used(looks: &[HashMap<ProcessId, MemberCpu>]) -> Vec<Option<u64>> {
        let mut owed_ns = HashMap::new();
        let pairs = looks.windows(2);
        pairs
            .map(|pair| used_between(&pair[0], &pair[1], |_| true, &mut owed_ns))
            .collect()
    }

    #[test]
    fn a_child_counts_once_whether_it_was_seen_or_not() {
        let before = look(&[(PARENT, 100, 0)]);
        let unseen = look(&[(PARENT, 110, 500)]);
        assert_eq!(used(&[before.clone(), unseen]), [Some(510)]);

        let seen = look(&[(PARENT, 100, 0), (CHILD, 300, 0)]);
        let reaped = look(&[(PARENT, 110, 500)]);
        assert_eq!(
            used(&[before, seen.clone(), reaped]),
            [Some(300), Some(210)]
        );
        let never_waited_for = look(&[(PARENT, 110, 0)]);
        assert_eq!(used(&[seen, never_waited_for]), [Some(10)]);
    }

    #[test]
    fn a_child_that_ended_during_the_look_counts_once_too() {
        let seen = look(&[(PARENT, 100, 0), (CHILD, 300, 0)]);
        let in_between = look(&[(PARENT, 110, 0)]);
        let then = look(&[(PARENT, 120, 340)]);
        let later = look(&[(PARENT, 120, 440)]);
        assert_eq!(
            used(&[seen.clone(), in_between.clone(), then, later.clone()]),
            [Some(10), Some(50), Some(100)]
        );
        // What nobody waited for is not held against others for ever.
        let never = look(&[(PARENT, 110, 0)]);
        assert_eq!(
            used(&[seen, in_between, never, later]),
            [Some(10), Some(0), Some(450)]
        );
    }

    #[test]
    fn what_was_counted_of_a_line_that_ended_is_set_off_where_it_arrives() {
        let all = look(&[(PARENT, 0, 0), (CHILD, 10, 5), (GRANDCHILD, 100, 0)]);
        let alone = look(&[(PARENT, 0, 120)]);
        assert_eq!(used(&[all, alone]), [Some(5)]);
        let root_ended = look(&[(CHILD, 10, 5)]);
        let both = look(&[(PARENT, 900, 0), (CHILD, 10, 0)]);
        assert_eq!(used(&[both, root_ended]), [Some(5)]);
    }

    #[test]
    fn a_member_that_was_there_before_brings_nothing_and_one_that_falls_says_nothing() {
        let before = look(&[(PARENT, 100, 0)]);
        let joined = look(&[(PARENT, 105, 0), (CHILD, 9000, 9000)]);
        let between = |now| used_between(&before, now, |_| false, &mut HashMap::new());
        assert_eq!(between(&joined), Some(5));
        let fell = look(&[(PARENT, 99, 0)]);
        assert_eq!(between(&fell), None);
    }
}
