//! Exported metrics of processes: of those that use the most, and of the trees of followed
//! processes.
//!
//! The number of processes on a page is limited, because each adds series to Prometheus. A page
//! contains those that used the most CPU time recently, those with the most memory, and the
//! followed processes with their descendants, which have a limit of their own. A process that has
//! exited is missing on the next page.

use std::collections::{BTreeSet, HashMap};

use host_metrics::source::process::{ProcessDetail, ProcessFields, ProcessId, ProcessSample};

use super::exposition::Families;
use crate::follow::{
    FaultCounters, FollowOptions, MOST_MEMBERS, ProcessLookup, ProcessUse, StartTracker,
    TargetTrees, select_top,
};
use crate::metric::process;

/// Half-life, in seconds, with which the CPU time that counts as recent decays: a process that is
/// busy now ranks above one that was busy earlier.
const HALF_LIFE_S: f64 = 60.0;

/// Exporter that selects processes in each sample and adds their metrics to the page.
#[derive(Debug)]
pub(crate) struct ProcessExporter {
    following: FollowOptions,
    trees: TargetTrees,
    uses: HashMap<ProcessId, RecentUse>,
    starts: StartTracker,
    last_ns: Option<u64>,
}

/// CPU time of one process, in nanoseconds: in total since its start, and recently, with decay.
#[derive(Debug, Clone, Copy)]
struct RecentUse {
    cpu_ns: u64,
    of_late: f64,
}

impl ProcessExporter {
    /// Creates an exporter for the processes that `following` selects. The kernel counts CPU time
    /// in ticks of `tick_ns` nanoseconds; it is read every `interval_ns` nanoseconds.
    pub(crate) fn new(following: &FollowOptions, tick_ns: u64, interval_ns: u64) -> Self {
        Self {
            trees: TargetTrees::new(&following.targets, None, tick_ns, interval_ns),
            following: following.clone(),
            uses: HashMap::new(),
            starts: StartTracker::default(),
            last_ns: None,
        }
    }

    /// Selects the processes of the sample that ended at `at_ns`, in nanoseconds of the monotonic
    /// clock, and adds their metrics and those of the trees to `out`. Reads further figures of
    /// selected processes through `details`.
    pub(crate) fn families(
        &mut self,
        at_ns: u64,
        samples: &[ProcessSample],
        details: &mut dyn ProcessLookup,
        out: &mut Families,
    ) {
        self.note_uses(at_ns, samples);
        let members = self.trees.members(at_ns, samples, details);
        let fields = self.following.fields;
        let mut shown = self.first(self.following.most, samples.iter());
        let asked_for = samples.iter().filter(|s| members.contains_key(&s.id));
        shown.extend(self.first(MOST_MEMBERS, asked_for));
        for sample in samples {
            let target = members.get(&sample.id).copied();
            let is_shown = shown.contains(&sample.id);
            if !is_shown && target.is_none() {
                continue;
            }
            let detail = details.detail(sample.id, fields);
            if let Some(target) = target {
                self.trees.add(target, sample, &detail);
            }
            if is_shown {
                let follow = target.and_then(|target| self.trees.label(target));
                of_process(sample, &detail, follow, fields, out);
            }
        }
        self.trees.finish_tick(self.starts, |label, _, totals| {
            out.table(process::TREE, &totals, &[("follow", label)]);
        });
        self.starts.finish_sample(samples);
    }

    /// Iterates over the process ids of the outermost process of each followed target that is in
    /// the last sample. The control groups of these processes are exported, too.
    pub(crate) fn root_pids(&self) -> impl Iterator<Item = u32> {
        self.trees.root_pids()
    }

    /// Updates the CPU time that each process used recently; `at_ns` is the time of the sample on
    /// the monotonic clock. A process that started after the last sample used all of its CPU time
    /// since then. For an older process that is seen for the first time, the recent CPU time is 0.
    fn note_uses(&mut self, at_ns: u64, samples: &[ProcessSample]) {
        let since_s = self
            .last_ns
            .map_or(0.0, |last_ns| at_ns.saturating_sub(last_ns) as f64 / 1e9);
        self.last_ns = Some(at_ns);
        let kept = (-since_s / HALF_LIFE_S).exp2();
        let before = std::mem::take(&mut self.uses);
        let uses = samples.iter().map(|sample| {
            let cpu_ns = sample.cpu_ns;
            let before = before.get(&sample.id).copied().unwrap_or(RecentUse {
                cpu_ns: if self.starts.is_new(sample.id) {
                    0
                } else {
                    cpu_ns
                },
                of_late: 0.0,
            });
            let used_ns = cpu_ns.saturating_sub(before.cpu_ns);
            let of_late = before.of_late * kept + used_ns as f64;
            (sample.id, RecentUse { cpu_ns, of_late })
        });
        self.uses = uses.collect();
    }

    /// Returns the `most` processes with the most recent CPU time, leaving out those without any,
    /// and the `most` processes with the most resident memory. At most twice `most` processes
    /// result.
    fn first<'a>(
        &self,
        most: usize,
        samples: impl Iterator<Item = &'a ProcessSample>,
    ) -> BTreeSet<ProcessId> {
        let uses = samples.map(|sample| {
            let recent = self.uses.get(&sample.id);
            ProcessUse {
                id: sample.id,
                cpu_ns: recent.map_or(0, |recent| recent.of_late as u64),
                rss_bytes: sample.rss_bytes,
                // A page is limited to those two, so that the transfers of all need not be read.
                disk_bytes: 0,
            }
        });
        let uses: Vec<ProcessUse> = uses.collect();
        let selected = select_top(&uses, most);
        let first = uses.iter().zip(selected).filter(|(_, selected)| *selected);
        first.map(|(used, _)| used.id).collect()
    }
}

/// Adds the metrics of one process to `out`: those that every process has, and those of the groups
/// in `fields`. `follow` is the label of its target, if it belongs to one.
fn of_process(
    sample: &ProcessSample,
    detail: &ProcessDetail,
    follow: Option<&str>,
    fields: ProcessFields,
    out: &mut Families,
) {
    let pid = sample.id.pid.to_string();
    let labels = [
        ("pid", pid.as_str()),
        ("name", &sample.name),
        ("follow", follow.unwrap_or_default()),
    ];
    let labels = if follow.is_some() {
        &labels[..]
    } else {
        &labels[..2]
    };
    out.table(process::ALWAYS, sample, labels);
    if fields.children {
        out.table(process::CHILDREN, sample, labels);
    }
    if fields.threads {
        out.table(process::THREADS, sample, labels);
    }
    if fields.faults {
        out.table(process::FAULTS, &FaultCounters::of(sample), labels);
    }
    // Details that were not requested are absent.
    if let Some(io) = &detail.io {
        out.table(process::IO, &io.value, labels);
    }
    if let Some(waiting) = &detail.scheduler {
        out.table(process::SCHEDULER, &waiting.value, labels);
    }
    out.table(process::DETAIL, detail, labels);
}
