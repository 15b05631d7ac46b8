//! Processes that are followed during one recording or live view.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use host_metrics::rate_window::{FigureValue, tick_window_ns};
#[cfg(feature = "watch")]
use host_metrics::source::process::ProcessFields;
use host_metrics::source::process::{ProcessId, ProcessSample};

use super::cpu_tracker::CpuTracker;
use super::disk_use::DiskUse;
use super::followed_process::FollowedProcess;
use super::lookup::ProcessLookup;
use super::options::FollowOptions;
use super::process_recorder::ProcessRecorder;
use super::selection::{ProcessUse, select_top};
use super::target_trees::TargetTrees;
use crate::figure::Figures;

/// Largest number of followed processes, as a multiple of the number that is selected. If there are
/// more, those that used the least are dropped with their histories.
pub(super) const SLACK: usize = 4;
/// Number of processes in the trees of all targets that are selected by CPU time; as many are
/// selected by memory.
pub(crate) const MOST_MEMBERS: usize = 128;

/// Follower of the processes of one recording, with a history `H` of each.
///
/// A few numbers are stored of every live process. A history is stored only of the pinned process,
/// of processes in the trees of targets, and of those that ranked among the first by CPU time,
/// memory or disk transfers in some sample. The number of histories is limited: processes that fall
/// far behind are dropped.
#[derive(Debug)]
pub(crate) struct Follower<H = ()> {
    options: FollowOptions,
    tick_ns: u64,
    least_window_ns: u64,
    pinned: Option<u32>,
    trees: TargetTrees,
    cpu: CpuTracker,
    disk: DiskUse,
    followed: BTreeMap<ProcessId, FollowedProcess<H>>,
    left_out: usize,
}

impl<H: ProcessRecorder> Follower<H> {
    /// Creates a follower without processes. A process cannot use more than all `cores`; a figure
    /// above that is absent. The kernel counts CPU time in ticks of `tick_ns` nanoseconds; it is
    /// read every `interval_ns` nanoseconds.
    pub(crate) fn new(
        options: &FollowOptions,
        cores: Option<u64>,
        tick_ns: u64,
        interval_ns: u64,
    ) -> Self {
        let cores = cores.map(|cores| cores as f64);
        Self {
            trees: TargetTrees::new(&options.targets, cores, tick_ns, interval_ns),
            cpu: CpuTracker::new(cores, tick_ns, interval_ns),
            disk: DiskUse::default(),
            options: options.clone(),
            tick_ns,
            least_window_ns: tick_window_ns(interval_ns),
            pinned: None,
            followed: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// Sets the groups of figures that are read in addition to CPU time and memory, from the next
    /// sample on.
    #[cfg(feature = "watch")]
    pub(crate) fn set_fields(&mut self, fields: ProcessFields) {
        self.options.fields = fields;
    }

    /// Selects the process `pid` in every sample, whatever it uses.
    pub(crate) fn pin(&mut self, pid: u32) {
        self.pinned = Some(pid);
    }

    /// Adds all processes of the sample that ended at `at_ns`, in nanoseconds of the monotonic
    /// clock. Reads further figures of followed processes through `lookup`, and adds the figures of
    /// the targets' trees to `out`.
    pub(crate) fn observe(
        &mut self,
        at_ns: u64,
        samples: &[ProcessSample],
        lookup: &mut dyn ProcessLookup,
        out: &mut Figures,
    ) {
        if self.options.fields.io && !self.options.live {
            self.disk.look(at_ns, samples, lookup);
        }
        let uses = samples.iter().map(|sample| {
            let (cpu_ns, cores) = self.cpu.update(at_ns, sample);
            let (id, rss_bytes) = (sample.id, sample.rss_bytes);
            let used = ProcessUse {
                id,
                cpu_ns,
                rss_bytes,
                disk_bytes: self.disk.moved_bytes(id),
            };
            (used, cores)
        });
        let (uses, cores): (Vec<ProcessUse>, Vec<_>) = uses.unzip();
        self.cpu.retain(at_ns, samples);
        let members = self.trees.members(at_ns, samples, lookup);
        let selected = if self.options.live {
            vec![true; samples.len()]
        } else {
            self.select(self.options.most, &uses)
        };
        let all = uses.iter().zip(cores).zip(selected);
        let mut left_out = 0;
        for (sample, ((used, cores), is_selected)) in samples.iter().zip(all) {
            let target = members.get(&sample.id).copied();
            let is_followed = is_selected || self.followed.contains_key(&sample.id);
            if is_followed || target.is_some() {
                self.record(at_ns, sample, (used, cores), target, lookup);
            } else {
                left_out += 1;
            }
        }
        self.left_out = self.left_out.max(left_out);
        let starts = self.cpu.starts();
        self.trees
            .finish_tick(starts, |_, figures, _| out.extend(figures));
        self.forget_surplus();
        self.cpu.finish_tick(at_ns, samples);
    }

    /// Returns the followed processes, also those that have ended, in descending order of CPU time,
    /// then of memory.
    pub(crate) fn ranked(&self) -> Vec<(ProcessId, &FollowedProcess<H>)> {
        let mut all: Vec<_> = self.followed.iter().map(|(id, f)| (*id, f)).collect();
        all.sort_by_key(|(_, f)| Reverse((f.used_ns, f.rss_max_bytes)));
        all
    }

    /// Iterates over those followed processes that are in the last sample, in the order of their
    /// process ids.
    pub(crate) fn live(&self) -> impl Iterator<Item = (ProcessId, &FollowedProcess<H>)> {
        let all = self.followed.iter().map(|(id, f)| (*id, f));
        all.filter(|(id, _)| self.cpu.is_live(*id))
    }

    /// Iterates over the histories of the processes that rank first over the whole recording by CPU
    /// time, memory or disk transfers, in descending order of CPU time. Empty in a live view.
    pub(crate) fn ranked_histories(&self) -> impl Iterator<Item = &H> {
        let kept = self.first_followed(self.most_kept());
        self.ranked()
            .into_iter()
            .filter(move |(id, _)| kept.contains(id))
            .filter_map(|(_, followed)| followed.history())
    }

    /// Iterates over the histories of all followed processes, in the order of their process ids.
    /// Empty in a live view.
    pub(crate) fn histories(&self) -> impl Iterator<Item = &H> {
        self.followed.values().filter_map(FollowedProcess::history)
    }

    /// Iterates mutably over the histories of all followed processes, in the order of their process
    /// ids. Empty in a live view.
    pub(crate) fn histories_mut(&mut self) -> impl Iterator<Item = &mut H> {
        let all = self.followed.values_mut();
        all.filter_map(FollowedProcess::history_mut)
    }

    /// Iterates over the labels of the targets of which no process has been seen so far.
    pub(crate) fn unfound(&self) -> impl Iterator<Item = &str> {
        self.trees.unfound().map(|target| target.label.as_str())
    }

    /// Returns the largest number of processes in one sample that were left out although all were
    /// requested, followed by the number of processes that are selected by CPU time and by memory
    /// each. `None` if not all were requested, or if none was left out.
    pub(crate) fn left_out(&self) -> Option<(usize, usize)> {
        let is_any = self.options.all && self.left_out > 0;
        is_any.then_some((self.left_out, self.options.most))
    }

    /// Iterates over the process ids of the pinned process and of the outermost process of each
    /// target. Their control groups limit their descendants, too.
    pub(crate) fn root_pids(&self) -> impl Iterator<Item = u32> {
        self.pinned.into_iter().chain(self.trees.root_pids())
    }

    fn record(
        &mut self,
        at_ns: u64,
        sample: &ProcessSample,
        (used, cores): (&ProcessUse, Option<FigureValue>),
        target: Option<usize>,
        lookup: &mut dyn ProcessLookup,
    ) {
        let fields = self.options.fields;
        let detail = lookup.detail(sample.id, fields);
        if let Some(target) = target {
            self.trees.add(target, sample, &detail);
        }
        let (followed, is_new) = match self.followed.entry(sample.id) {
            Entry::Occupied(known) => (known.into_mut(), false),
            Entry::Vacant(entry) => {
                let keeps_history = !self.options.live;
                let followed = FollowedProcess::new(sample, keeps_history, self.least_window_ns);
                (entry.insert(followed), true)
            }
        };
        if is_new || !followed.is_named(&sample.name) {
            followed.rename(&sample.name);
            let asked = self.options.command_lines;
            if let Some(line) = asked.then(|| lookup.command_line(sample.id.pid)).flatten() {
                followed.set_command(&line);
            }
        }
        if !self.options.live && followed.is_group_due() {
            followed.set_cgroup(lookup.cgroup(sample.id.pid));
        }
        let target = target.filter(|_| is_new);
        if let Some(label) = target.and_then(|target| self.trees.label(target)) {
            followed.set_target(label);
        }
        followed.used_ns = used.cpu_ns;
        followed.disk_bytes = used.disk_bytes;
        followed.rss_max_bytes = followed.rss_max_bytes.max(sample.rss_bytes);
        followed.record(at_ns, sample, cores, detail, (fields, self.tick_ns));
    }

    fn most_kept(&self) -> usize {
        let members = if self.trees.is_empty() {
            0
        } else {
            MOST_MEMBERS
        };
        self.options.most.max(members)
    }

    fn forget_surplus(&mut self) {
        if self.options.live {
            let cpu = &self.cpu;
            self.followed.retain(|id, _| cpu.is_live(*id));
            return;
        }
        let most = self.most_kept();
        if self.followed.len() > 2 * SLACK * most + 1 {
            let kept = self.first_followed(2 * most);
            self.followed.retain(|id, _| kept.contains(id));
        }
    }

    fn first_followed(&self, most: usize) -> BTreeSet<ProcessId> {
        let all = self.followed.iter().map(|(id, followed)| ProcessUse {
            id: *id,
            cpu_ns: followed.used_ns,
            rss_bytes: followed.rss_max_bytes,
            disk_bytes: followed.disk_bytes,
        });
        let all: Vec<ProcessUse> = all.collect();
        let selected = self.select(most, &all);
        let kept = all.iter().zip(selected).filter(|(_, selected)| *selected);
        kept.map(|(used, _)| used.id).collect()
    }

    /// Selects the first `most` of `all` by CPU time, as many by memory and by disk transfers each, and
    /// the pinned process. The result is true at the index of each selected process.
    fn select(&self, most: usize, all: &[ProcessUse]) -> Vec<bool> {
        let mut selected = select_top(all, most);
        for (selected, used) in selected.iter_mut().zip(all) {
            *selected |= Some(used.id.pid) == self.pinned;
        }
        selected
    }

    #[cfg(test)]
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.followed.len(), self.cpu.len())
    }
}
