//! A target and all its descendants as one.
//!
//! A child that ends is added by the kernel to what its parent's children used, once the parent
//! has waited for it. So the CPU time of a tree is what its members used, plus what their ended
//! children did, less what was counted of those while they lived. That way children that live and
//! die between two looks count too.

use std::collections::HashMap;

use crate::derive::{LEAST_TICK_WINDOW_NS, Window};
use crate::figure::{Figures, Reading};
use crate::source::process::{Detail, ProcessId, ProcessSample};

/// What a tree used when it was last looked at.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    used_ns: u64,
    last: HashMap<ProcessId, Used>,
    at_ns: Option<u64>,
    slack_ns: u64,
    sum: Sum,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    own_ns: u64,
    children_ns: u64,
}

/// What the members hold now.
#[derive(Debug, Default)]
struct Sum {
    now: HashMap<ProcessId, Used>,
    rss_bytes: u64,
    threads: Option<u64>,
    descriptors: Option<u64>,
    pss_bytes: Option<u64>,
    span: Option<(u64, u64)>,
}

impl Tree {
    /// Takes in one member of this tick.
    pub(crate) fn add(&mut self, sample: &ProcessSample, detail: &Detail) {
        let sum = &mut self.sum;
        let used = Used {
            own_ns: sample.cpu_ns,
            children_ns: sample.children_cpu_ns.unwrap_or(0),
        };
        sum.now.insert(sample.id, used);
        sum.rss_bytes += sample.rss_bytes;
        let more = |total: &mut Option<u64>, part: Option<u64>| {
            if let Some(part) = part {
                *total = Some(total.unwrap_or(0) + part);
            }
        };
        more(&mut sum.threads, sample.threads);
        more(&mut sum.descriptors, detail.descriptors);
        more(&mut sum.pss_bytes, detail.pss_bytes);
        let (begin, end) = (sample.span.begin_ns, sample.span.end_ns);
        let (first, last) = sum.span.unwrap_or((begin, end));
        sum.span = Some((first.min(begin), last.max(end)));
    }

    /// CPU time that the tree used since it was first looked at, in nanoseconds; never falls.
    pub(crate) fn used_ns(&self) -> u64 {
        self.used_ns
    }

    /// Says what the members of this tick are and did together. A process for which `born` holds
    /// came up since the last look, so all that it shows was used since.
    pub(crate) fn close(
        &mut self,
        label: &str,
        tick_ns: u64,
        born: impl Fn(ProcessId) -> bool,
        out: &mut Figures,
    ) {
        let sum = std::mem::take(&mut self.sum);
        let labels = [("follow", label)];
        let count = sum.now.len() as u64;
        out.put_labelled("tree.processes", &labels, Some(count));
        let Some((begin_ns, end_ns)) = sum.span else {
            (self.last, self.at_ns) = (HashMap::new(), None);
            return;
        };
        out.put_labelled("tree.rss_bytes", &labels, Some(sum.rss_bytes));
        out.put_labelled("tree.threads", &labels, sum.threads);
        out.put_labelled("tree.descriptors", &labels, sum.descriptors);
        out.put_labelled("tree.pss_bytes", &labels, sum.pss_bytes);
        let now_ns = u64::midpoint(begin_ns, end_ns);
        let slack_ns = (end_ns - begin_ns).div_ceil(2);
        if let Some(at_ns) = self.at_ns {
            let window = Window {
                ns: now_ns.saturating_sub(at_ns),
                slack_ns: slack_ns + self.slack_ns,
            };
            if window.ns < LEAST_TICK_WINDOW_NS {
                return;
            }
            let used_ns = used_between(&self.last, &sum.now, born);
            self.used_ns += used_ns.unwrap_or(0);
            // Two counters of each member are rounded to a tick.
            let quantum_ns = 2 * tick_ns * count;
            let cores: Option<Reading> = window.mean(Some(0), used_ns, quantum_ns);
            out.put_labelled("tree.cpu_cores", &labels, cores);
        }
        (self.last, self.at_ns, self.slack_ns) = (sum.now, Some(now_ns), slack_ns);
    }
}

/// CPU time used between two looks; `None` when a counter fell.
fn used_between(
    last: &HashMap<ProcessId, Used>,
    now: &HashMap<ProcessId, Used>,
    born: impl Fn(ProcessId) -> bool,
) -> Option<u64> {
    let (mut own_ns, mut reaped_ns) = (0_u64, 0_u64);
    for (id, used) in now {
        let before = match last.get(id) {
            Some(before) => *before,
            None if born(*id) => Used {
                own_ns: 0,
                children_ns: 0,
            },
            None => *used,
        };
        own_ns += used.own_ns.checked_sub(before.own_ns)?;
        reaped_ns += used.children_ns.checked_sub(before.children_ns)?;
    }
    let gone = last.iter().filter(|(id, _)| !now.contains_key(id));
    let counted_ns: u64 = gone.map(|(_, used)| used.own_ns + used.children_ns).sum();
    Some(own_ns + reaped_ns.saturating_sub(counted_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: ProcessId = ProcessId { pid: 1, started: 1 };
    const CHILD: ProcessId = ProcessId { pid: 2, started: 9 };

    fn look(members: &[(ProcessId, u64, u64)]) -> HashMap<ProcessId, Used> {
        let used = |own_ns, children_ns| Used {
            own_ns,
            children_ns,
        };
        let members = members.iter();
        members
            .map(|(id, own, children)| (*id, used(*own, *children)))
            .collect()
    }

    #[test]
    fn a_child_counts_once_whether_it_was_seen_or_not() {
        let before = look(&[(PARENT, 100, 0)]);
        let unseen = look(&[(PARENT, 110, 500)]);
        assert_eq!(used_between(&before, &unseen, |_| true), Some(510));

        let seen = look(&[(PARENT, 100, 0), (CHILD, 300, 0)]);
        assert_eq!(used_between(&before, &seen, |_| true), Some(300));
        let reaped = look(&[(PARENT, 110, 500)]);
        assert_eq!(used_between(&seen, &reaped, |_| true), Some(210));
        let never_waited_for = look(&[(PARENT, 110, 0)]);
        assert_eq!(used_between(&seen, &never_waited_for, |_| true), Some(10));
    }

    #[test]
    fn a_member_that_was_there_before_brings_nothing_and_one_that_falls_says_nothing() {
        let before = look(&[(PARENT, 100, 0)]);
        let joined = look(&[(PARENT, 105, 0), (CHILD, 9000, 9000)]);
        assert_eq!(used_between(&before, &joined, |_| false), Some(5));
        let fell = look(&[(PARENT, 99, 0)]);
        assert_eq!(used_between(&before, &fell, |_| false), None);
    }
}
