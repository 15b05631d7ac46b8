//! Tests with kernel files of arbitrary content: whatever bytes they contain, nothing may panic and
//! no figure may be impossible.

mod harm;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use harm::Harm;
use host_metrics::CommandLine;
use host_metrics::source::process::{ProcessDetail, ProcessFields, ProcessId};
use host_metrics::source::{
    Gaps, HostSample, HostSource, KernelUnits, ReadSpan, Roots, SourceOptions, Timed,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::files::{FILES, LATER_STAT, VERSION_ONE, VERSION_TWO};
use crate::derive::Derivation;
use crate::figure::{Figure, Figures};
use crate::follow::{FollowOptions, Follower, ProcessLookup};
use crate::masking::{MASKING, target};
use crate::process_history::{ProcessFollower, process_series};

const UNITS: KernelUnits = KernelUnits {
    tick_ns: 10_000_000,
    page_bytes: 4096,
};
const CORES: u64 = 4;
const SECOND_NS: u64 = 1_000_000_000;

fn put(root: &Path, path: &str, bytes: Option<&[u8]>) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let Some(bytes) = bytes else {
        std::fs::remove_file(path).unwrap_or_default();
        return;
    };
    // Some file systems write a file to disk at once if it is truncated first.
    let mut whole = File::options();
    let whole = whole.write(true).create(true).truncate(false);
    let file = whole.open(path).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// Reader of details of processes in the made-up tree; what cannot be read is added to the gaps.
struct Asked<'a>(&'a mut HostSource, &'a mut Gaps);

impl ProcessLookup for Asked<'_> {
    fn detail(&mut self, id: ProcessId, fields: ProcessFields) -> ProcessDetail {
        self.0.detail(id, fields, self.1)
    }

    fn command_line(&mut self, pid: u32) -> Option<CommandLine> {
        self.0.command_line(pid)
    }

    fn listeners(&mut self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        self.0.listeners(ports)
    }
}

/// Moves all times of a sample `by_ns` nanoseconds later, as if it had been taken later.
fn put_off(sample: &mut HostSample, by_ns: u64) {
    fn later(span: &mut ReadSpan, by_ns: u64) {
        span.begin_ns += by_ns;
        span.end_ns += by_ns;
    }
    fn timed<T>(read: &mut Option<Timed<T>>, by_ns: u64) {
        if let Some(read) = read {
            later(&mut read.span, by_ns);
        }
    }
    later(&mut sample.span, by_ns);
    timed(&mut sample.cpu, by_ns);
    timed(&mut sample.paging, by_ns);
    timed(&mut sample.disks, by_ns);
    timed(&mut sample.network, by_ns);
    timed(&mut sample.tcp, by_ns);
    timed(&mut sample.softnet, by_ns);
    timed(&mut sample.conntrack, by_ns);
    timed(&mut sample.udp, by_ns);
    timed(&mut sample.listen, by_ns);
    timed(&mut sample.pressure.cpu, by_ns);
    timed(&mut sample.pressure.memory, by_ns);
    timed(&mut sample.pressure.io, by_ns);
    for group in &mut sample.cgroups {
        timed(&mut group.cpu, by_ns);
        timed(&mut group.throttling, by_ns);
        timed(&mut group.io, by_ns);
        timed(&mut group.pids, by_ns);
        timed(&mut group.memory_events, by_ns);
    }
    for process in sample.processes.iter_mut().flatten() {
        later(&mut process.span, by_ns);
    }
}

/// Figures and processes that are derived from three samples of a tree whose files may be damaged.
struct Derived {
    figures: Vec<Figure>,
    follower: ProcessFollower,
}

/// Made-up tree of kernel files in a temporary directory. Damaged files are restored after each
/// use.
struct Tree {
    root: tempfile::TempDir,
    files: Vec<(&'static str, &'static str)>,
}

impl Tree {
    fn with(group: &[(&'static str, &'static str)]) -> Self {
        let tree = Self {
            root: tempfile::tempdir().unwrap(),
            files: FILES.iter().chain(group).copied().collect(),
        };
        tree.files.iter().for_each(|file| tree.mend(file));
        tree
    }

    fn mend(&self, (path, text): &(&str, &str)) {
        put(self.root.path(), path, Some(text.as_bytes()));
    }

    fn file(&self, number: usize) -> &(&'static str, &'static str) {
        &self.files[number % self.files.len()]
    }
}

fn derive(tree: &Tree, harms: &[(usize, bool, Harm)]) -> Derived {
    let root = tree.root.path();
    let harm = |at_first: bool| {
        for (file, first, harm) in harms {
            let (path, text) = tree.file(*file);
            if *first == at_first {
                put(root, path, harm.done_to(text).as_deref());
            }
        }
    };
    harm(true);
    let mut gaps = Gaps::default();
    let selection = SourceOptions {
        processes: Some(MASKING),
        cgroups: vec!["a".to_owned()],
        file_systems: false,
        socket_states: true,
        slow_max_age_ns: 0,
    };
    let mut source = HostSource::new(&Roots::under(root), UNITS, &selection, &mut gaps);
    let mut derivation = Derivation::new(UNITS, Some(CORES), SECOND_NS);
    let mut following = FollowOptions {
        most: 3,
        targets: ["port:5432", "pid:7"]
            .map(|it| target(it).unwrap())
            .to_vec(),
        fields: ProcessFields {
            children: true,
            faults: true,
            threads: true,
            io: true,
            descriptors: true,
            descriptors_if_cheap: true,
            scheduler: true,
            swap: true,
            pss: true,
        },
        ..FollowOptions::default()
    };
    following.command_lines = true;
    let mut follower = Follower::new(&following, Some(CORES), UNITS.tick_ns, SECOND_NS);
    let mut all = Vec::new();
    for tick in 0..3 {
        let mut sample = source.sample(&mut gaps);
        put_off(&mut sample, tick * SECOND_NS);
        let mut figures: Figures = derivation.figures(&mut sample);
        if let Some(processes) = &sample.processes {
            let mut asked = Asked(&mut source, &mut gaps);
            let at_ns = sample.span.end_ns;
            follower.observe(at_ns, processes, &mut asked, &mut figures);
        }
        all.extend(figures);
        put(root, "proc/stat", Some(LATER_STAT.as_bytes()));
        harm(false);
    }
    let harmed = harms.iter().map(|(file, ..)| tree.file(*file));
    harmed
        .chain(&tree.files[..1])
        .for_each(|file| tree.mend(file));
    Derived {
        figures: all,
        follower,
    }
}

/// Returns the reason why the figure `name` cannot have this value and error; `None` if it can.
fn nonsense(name: &str, value: f64, error: f64) -> Option<&'static str> {
    if !value.is_finite() || !error.is_finite() {
        return Some("it is no number");
    }
    if error < 0.0 || (value < 0.0 && name != "temperature.celsius") {
        return Some("it is negative");
    }
    // A group may use more than its limit, because limits can be lowered.
    let of_limit = name.starts_with("cgroup.") && name.ends_with("used_ratio");
    if name.ends_with("_ratio") && !of_limit && value > 1.0 {
        return Some("it is more than all");
    }
    // The whole CPU time of a child counts when it ends, however long ago it was used.
    let at_once = name.ends_with("children_cpu_cores");
    if name.ends_with("cpu_cores") && !at_once && value > CORES as f64 + error {
        return Some("there are not so many cores");
    }
    None
}

fn harms() -> impl Strategy<Value = Vec<(usize, bool, Harm)>> {
    prop::collection::vec((any::<usize>(), any::<bool>(), Harm::strategy()), 0..4)
}

#[test]
fn whatever_a_file_says_no_figure_is_nonsense() {
    let trees = [Tree::with(VERSION_ONE), Tree::with(VERSION_TWO)];
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(500)
    });
    let cases = (harms(), 0..trees.len());
    let tried = runner.run(&cases, |(harms, version)| {
        let derived = derive(&trees[version], &harms);
        for figure in derived.figures {
            let (value, error) = (figure.reading.value, figure.reading.error);
            let why = nonsense(figure.name, value, error);
            prop_assert_eq!(why, None, "{:?}", figure);
        }
        for series in process_series(&derived.follower) {
            let error = series.error_max.unwrap_or(0.0);
            for value in series.mean.iter().flatten() {
                let why = nonsense(&series.name, *value, error);
                prop_assert_eq!(why, None, "{} {}", series.name, value);
            }
        }
        Ok(())
    });
    tried.unwrap();
}

/// Each counter of a process's transfers, in turn, stands at the end of its range, so that any sum with
/// another one exceeds it.
#[test]
fn transfers_at_the_end_of_their_range_are_added_without_an_overflow() {
    let tree = Tree::with(VERSION_TWO);
    let mut files = tree.files.iter();
    let io = files.position(|(path, _)| *path == "proc/7/io").unwrap();
    for counter in 0..7 {
        for at_first in [true, false] {
            let most = Harm::HasNumber(counter, u64::MAX.to_string());
            let derived = derive(&tree, &[(io, at_first, most)]);
            for figure in derived.figures {
                let (value, error) = (figure.reading.value, figure.reading.error);
                assert_eq!(nonsense(figure.name, value, error), None, "{figure:?}");
            }
        }
    }
}

#[test]
fn a_tree_without_harm_has_every_kind_of_figure() {
    for version in [VERSION_ONE, VERSION_TWO] {
        let derived = derive(&Tree::with(version), &[]);
        let of_processes = process_series(&derived.follower).map(|series| series.name);
        let names = derived.figures.iter().map(|figure| figure.name.to_owned());
        let names: BTreeSet<String> = names.chain(of_processes).collect();
        for wanted in [
            "cpu.busy_ratio",
            "memory.used_ratio",
            "swap.in_bytes_per_s",
            "disk.queue_length",
            "network.drops_per_s",
            "tcp.retransmits_per_s",
            "tcp.listen_overflows_per_s",
            "tcp.sockets",
            "pressure.io.full_ratio",
            "temperature.celsius",
            "cpu.clock_hertz",
            "cgroup.cpu_cores",
            "cgroup.cpu.used_ratio",
            "cgroup.memory.used_ratio",
            "cgroup.memory.oom_kills",
            "cgroup.io.read_bytes_per_s",
            "tree.cpu_cores",
            "process.cpu_cores",
            "process.children_cpu_cores",
            "process.minor_faults_per_s",
            "process.write_bytes_per_s",
            "process.waiting_threads",
            "process.swap_bytes",
            "process.pss_bytes",
        ] {
            assert!(names.contains(wanted), "{wanted}: {names:?}");
        }
    }
}
