//! Metrics of processes: those that use the most, and the trees of followed ones.
//!
//! The number of processes on a page is bounded, because each makes series in Prometheus: those
//! that used the most CPU time recently, those that hold the most memory, and the followed ones
//! with their descendants, of which the same number is shown. A process that has exited is missing
//! from the next page.

use std::collections::{BTreeSet, HashMap};

use host_metrics::figure::Figures;
use host_metrics::follow::{
    FollowOptions, MOST_MEMBERS, ProcessLookup, ProcessUse, StartTracker, TargetTrees, select_top,
};
use host_metrics::source::process::{ProcessDetail, ProcessFields, ProcessId, ProcessSample};

use super::exposition::Families;

/// Half-life of used CPU time in seconds: a process that is busy now ranks above one that was busy
/// earlier.
const HALF_LIFE_S: f64 = 60.0;

/// Chooses and exports the processes of one exporter.
#[derive(Debug)]
pub struct ProcessExporter {
    following: FollowOptions,
    trees: TargetTrees,
    uses: HashMap<ProcessId, RecentUse>,
    starts: StartTracker,
    last_ns: Option<u64>,
}

/// CPU time of one process: total and recently used.
#[derive(Debug, Clone, Copy)]
struct RecentUse {
    cpu_ns: u64,
    of_late: f64,
}

impl ProcessExporter {
    /// Creates the exporter of processes that `following` selects. CPU time is counted in ticks of
    /// `tick_ns` and read every `interval_ns`.
    pub fn new(following: &FollowOptions, tick_ns: u64, interval_ns: u64) -> Self {
        Self {
            trees: TargetTrees::new(&following.targets, None, tick_ns, interval_ns),
            following: following.clone(),
            uses: HashMap::new(),
            starts: StartTracker::default(),
            last_ns: None,
        }
    }

    /// Adds the metrics of the chosen processes at the tick that ended at `at_ns`.
    pub fn families(
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
            let detail = if fields.need_detail() {
                details.detail(sample.id, fields)
            } else {
                ProcessDetail::default()
            };
            if let Some(target) = target {
                self.trees.add(target, sample, &detail);
            }
            if is_shown {
                let follow = target.and_then(|target| self.trees.label(target));
                of_process(sample, &detail, follow, fields, out);
            }
        }
        self.trees
            .finish_tick(self.starts, |label, figures, used_ns| {
                of_tree(label, figures, used_ns, out);
            });
        self.starts.finish_sample(samples);
    }

    /// Process ids of the first process of each followed target, whose control groups are read too.
    pub fn root_pids(&self) -> impl Iterator<Item = u32> {
        self.trees.root_pids()
    }

    /// Updates the CPU time that each process used recently. A process that started after the last
    /// sample used all of its time since then; of one that is merely seen for the first time
    /// nothing is known yet.
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

    /// Returns the first `most` by recently used CPU time that used any, and the first by memory.
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
            }
        });
        let uses: Vec<ProcessUse> = uses.collect();
        let selected = select_top(&uses, most);
        let first = uses.iter().zip(selected).filter(|(_, selected)| *selected);
        first.map(|(used, _)| used.id).collect()
    }
}

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
    let asked = |asked: bool, count: Option<u64>| count.filter(|_| asked);
    let (name, help) = (
        "sysmon_process_cpu_seconds",
        "CPU time, its threads included.",
    );
    out.seconds(name, help, labels, Some(sample.cpu_ns));
    let (name, help) = ("sysmon_process_resident_bytes", "Resident memory.");
    out.level(name, help, labels, Some(sample.rss_bytes));
    let (name, help) = (
        "sysmon_process_children_cpu_seconds",
        "CPU time of children that have ended and were waited for.",
    );
    let children_ns = asked(fields.children, sample.children_cpu_ns);
    out.seconds(name, help, labels, children_ns);
    let (name, help) = ("sysmon_process_threads", "Threads.");
    out.level(name, help, labels, asked(fields.threads, sample.threads));
    let (name, help) = ("sysmon_process_minor_faults", "Page faults without a disk.");
    let minor = asked(fields.faults, sample.minor_faults);
    out.counter(name, help, labels, minor);
    let (name, help) = (
        "sysmon_process_major_faults",
        "Page faults that waited for a disk.",
    );
    let major = asked(fields.faults, sample.major_faults);
    out.counter(name, help, labels, major);
    of_detail(detail, labels, out);
}

/// Adds the details that were requested and could be read.
fn of_detail(detail: &ProcessDetail, labels: &[(&str, &str)], out: &mut Families) {
    if let Some(io) = &detail.io {
        let io = io.value;
        let (name, help) = ("sysmon_process_disk_read_bytes", "Bytes from disks.");
        out.counter(name, help, labels, Some(io.disk_read_bytes));
        let (name, help) = (
            "sysmon_process_disk_written_bytes",
            "Bytes that went, or will go, to disks.",
        );
        out.counter(name, help, labels, Some(io.disk_written_bytes));
        let (name, help) = (
            "sysmon_process_read_bytes",
            "Bytes read by read(2) and its like; recv(2) does not count.",
        );
        out.counter(name, help, labels, Some(io.read_bytes));
        let (name, help) = (
            "sysmon_process_written_bytes",
            "Bytes written by write(2) and its like; send(2) does not count.",
        );
        out.counter(name, help, labels, Some(io.written_bytes));
    }
    if let Some(waiting) = &detail.scheduler {
        let waiting = waiting.value;
        let (name, help) = (
            "sysmon_process_waiting_seconds",
            "Time its threads were ready to run and had no CPU, since they were first seen.",
        );
        out.seconds(name, help, labels, Some(waiting.waited_ns));
        let (name, help) = (
            "sysmon_process_context_switches",
            "How often a thread of it was given a CPU, since it was first seen.",
        );
        out.counter(name, help, labels, Some(waiting.switches));
    }
    let (name, help) = ("sysmon_process_descriptors", "Open file descriptors.");
    out.level(name, help, labels, detail.descriptors);
    let (name, help) = ("sysmon_process_swap_bytes", "Memory in swap.");
    out.level(name, help, labels, detail.swap_bytes);
    let (name, help) = (
        "sysmon_process_pss_bytes",
        "Memory, what is shared divided among those who share it.",
    );
    out.level(name, help, labels, detail.pss_bytes);
}

/// Adds the sums over a followed tree. Its rates are left out: the counter of CPU time serves for
/// them.
fn of_tree(label: &str, figures: Figures, used_ns: u64, out: &mut Families) {
    let labels = &[("follow", label)];
    let (name, help) = (
        "sysmon_tree_cpu_seconds",
        "CPU time of the processes followed, their descendants and ended children included, since \
         they were first seen.",
    );
    out.seconds(name, help, labels, Some(used_ns));
    for figure in figures {
        let (name, help) = match figure.name {
            "tree.processes" => ("sysmon_tree_processes", "Processes of the tree."),
            "tree.rss_bytes" => (
                "sysmon_tree_resident_bytes",
                "Resident memory, what is shared counted for each that shares it.",
            ),
            "tree.threads" => ("sysmon_tree_threads", "Threads of the tree."),
            "tree.descriptors" => (
                "sysmon_tree_descriptors",
                "Open file descriptors of the tree.",
            ),
            "tree.pss_bytes" => (
                "sysmon_tree_pss_bytes",
                "Memory, what is shared divided among those who share it.",
            ),
            _ => continue,
        };
        out.gauge(name, help, labels, Some(figure.reading.value));
    }
}
