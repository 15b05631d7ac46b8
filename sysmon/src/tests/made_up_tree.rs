//! Tests of whole recordings of a made-up `/proc` and `/sys`: missing, truncated, odd and hostile
//! files.

use std::fmt::Write as _;
use std::path::Path;

use bench_report::{Report, WarningCode};
use host_metrics::source::{KernelUnits, Roots};

use super::tree::{put, report_of, sample_later};
use crate::follow::FollowOptions;
use crate::recording::LiveRecording;
use crate::settings::SamplingSettings;

const UNITS: KernelUnits = KernelUnits {
    tick_ns: 10_000_000,
    page_bytes: 4096,
};

/// Writes the kernel's files of a healthy machine under `root`.
fn healthy(root: &Path) {
    put(
        root,
        "proc/stat",
        "cpu  10 0 10 80 0 0 0 0 0 0\ncpu0 10 0 10 80 0 0 0 0 0 0\nctxt 1\nprocs_running 2\n",
    );
    put(
        root,
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemAvailable: 250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    );
    put(root, "proc/loadavg", "0.50 0.25 0.10 2/64 99\n");
    put(root, "proc/sys/fs/file-nr", "300 0 1000\n");
    let vmstat = "pswpin 0\npswpout 0\npgmajfault 0\noom_kill 0\n";
    put(root, "proc/vmstat", vmstat);
    put(
        root,
        "proc/diskstats",
        "8 0 sda 10 0 100 0 20 0 200 0 0 10 0\n8 1 sda1 10 0 100 0 20 0 200 0 0 10 0\n",
    );
    put(root, "sys/block/sda/stat", "");
    put(
        root,
        "proc/net/dev",
        "a\nb\n lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n",
    );
    put(root, "proc/net/snmp", "Tcp: RetransSegs\nTcp: 0\n");
    let netstat = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 0 0\n";
    put(root, "proc/net/netstat", netstat);
    put(root, "proc/net/sockstat", "TCP: inuse 1 orphan 0 tw 0\n");
    put(root, "proc/net/softnet_stat", "0a 00 00\n");
    let range = "proc/sys/net/ipv4/ip_local_port_range";
    put(root, range, "32768 60999\n");
    for resource in ["cpu", "memory", "io"] {
        let text = "some avg10=0.00 total=10\nfull avg10=0.00 total=10\n";
        put(root, &format!("proc/pressure/{resource}"), text);
    }
    process(root, 7, "a) R 1 (b", 40);
}

fn process(root: &Path, pid: u32, name: &str, ticks: u64) {
    let text =
        format!("{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 99 100 5 0 0 0\n");
    put(root, &format!("proc/{pid}/stat"), text);
}

fn of_tree(root: &Path) -> SamplingSettings {
    SamplingSettings {
        roots: Roots::under(root),
        units: UNITS,
        slow_max_age_ns: 0,
        ..SamplingSettings::host()
    }
}

/// Takes two samples of the tree `root`, with `change` between them, and returns the report. Up to
/// five processes of each ranking are recorded.
fn record(root: &Path, change: impl FnOnce(&Path)) -> Report {
    let mut recording = LiveRecording::begin(&SamplingSettings {
        cores: Some(1),
        follow: Some(FollowOptions {
            most: 5,
            ..FollowOptions::default()
        }),
        ..of_tree(root)
    });
    change(root);
    sample_later(&mut recording);
    report_of(&recording)
}

fn values(report: &Report, name: &str) -> Vec<Option<f64>> {
    let series = report.series.iter().find(|s| s.name == name);
    series.map(|s| s.mean.clone()).unwrap_or_default()
}

fn missing(report: &Report) -> Vec<&str> {
    let warnings = report.warnings.iter();
    let missing = warnings.filter(|w| w.code == WarningCode::EvidenceMissing);
    missing.map(|w| w.message.as_str()).collect()
}

#[test]
fn a_healthy_tree_is_read_whole() {
    let root = tempfile::tempdir().unwrap();
    healthy(root.path());
    let report = record(root.path(), |root| {
        put(
            root,
            "proc/stat",
            "cpu  20 0 10 90 0 0 0 0 0 0\ncpu0 20 0 10 90 0 0 0 0 0 0\nctxt 9\nprocs_running 3\n",
        );
        process(root, 7, "a) R 1 (b", 43);
    });
    assert_eq!(missing(&report), Vec::<&str>::new());
    assert_eq!(values(&report, "cpu.busy_ratio"), [None, Some(0.5)]);
    assert_eq!(values(&report, "load.runnable"), [Some(2.0), Some(3.0)]);
    assert_eq!(values(&report, "memory.used_ratio"), [Some(0.75); 2]);
    assert_eq!(values(&report, "process.rss_bytes"), [Some(20_480.0); 2]);
    let disks = report
        .series
        .iter()
        .filter(|s| s.name == "disk.reads_per_s");
    assert_eq!(
        disks.map(|s| &*s.labels["device"]).collect::<Vec<_>>(),
        ["sda"]
    );
    let process = report.series.iter().find(|s| s.name == "process.cpu_cores");
    assert_eq!(process.unwrap().labels["name"], "a) R 1 (b");
}

#[test]
fn an_empty_tree_names_each_absence_once_and_gives_no_figure() {
    let root = tempfile::tempdir().unwrap();
    let report = record(root.path(), |_| {});
    assert!(report.series.is_empty());
    let missing = missing(&report);
    for what in [
        "cpu",
        "memory",
        "disks",
        "network",
        "pressure.cpu",
        "pressure.io",
        "processes",
    ] {
        let named = missing
            .iter()
            .filter(|m| m.starts_with(&format!("{what} is absent")));
        assert_eq!(named.count(), 1, "{what}: {missing:?}");
    }
    assert!(
        missing.iter().all(|m| m.contains("No such file")),
        "{missing:?}"
    );
}

#[test]
fn each_file_may_be_missing_or_odd_without_taking_others_along() {
    let files = [
        ("proc/stat", "cpu.busy_ratio"),
        ("proc/loadavg", "load.average_1m"),
        ("proc/sys/fs/file-nr", "handles.open"),
        ("proc/meminfo", "memory.used_ratio"),
        ("proc/vmstat", "swap.in_bytes_per_s"),
        ("proc/net/dev", "network.receive_bytes_per_s"),
        ("proc/net/snmp", "tcp.retransmits_per_s"),
        ("proc/net/netstat", "tcp.listen_overflows_per_s"),
        ("proc/net/sockstat", "tcp.time_wait"),
        ("proc/net/softnet_stat", "network.softnet_packets_per_s"),
        (
            "proc/sys/net/ipv4/ip_local_port_range",
            "tcp.ephemeral_ports",
        ),
        ("proc/pressure/cpu", "pressure.cpu.some_ratio"),
        ("proc/pressure/memory", "pressure.memory.full_ratio"),
        ("proc/pressure/io", "pressure.io.full_ratio"),
    ];
    let odd: [&[u8]; 5] = [
        b"",
        b"\n",
        b"\xff\xfe\x00\n",
        b"cpu MemTotal pswpin lo: Tcp: TcpExt: TCP: some",
        b": : :\n",
    ];
    for (path, figure) in files {
        for text in odd {
            let root = tempfile::tempdir().unwrap();
            healthy(root.path());
            put(root.path(), path, text);
            let report = record(root.path(), |root| {
                if path != "proc/stat" {
                    put(
                        root,
                        "proc/stat",
                        "cpu  20 0 10 90 0 0 0 0 0 0\nctxt 9\nprocs_running 3\n",
                    );
                }
            });
            assert_eq!(values(&report, figure), [], "{path} {text:?}");
            assert_eq!(missing(&report).len(), 1, "{path}: {:?}", missing(&report));
            for (_, other) in files.iter().filter(|(other, _)| *other != path) {
                assert!(
                    !values(&report, other).is_empty(),
                    "{path} took {other} along"
                );
            }
        }
    }
}

#[test]
fn parts_that_a_kernel_lacks_are_named() {
    let root = tempfile::tempdir().unwrap();
    healthy(root.path());
    put(root.path(), "proc/stat", "cpu  1 2 3 4\n");
    put(root.path(), "proc/meminfo", "MemTotal: 1000 kB\n");
    put(root.path(), "proc/vmstat", "pswpin 0\npswpout 0\n");
    let report = record(root.path(), |_| {});
    for what in [
        "cpu.steal",
        "cpu.iowait",
        "load.runnable",
        "memory.available",
        "swap.used",
        "scheduler counters",
        "OOM kills",
    ] {
        let named = missing(&report)
            .iter()
            .any(|m| m.starts_with(&format!("{what} is absent")));
        assert!(named, "{what}: {:?}", missing(&report));
    }
}

#[test]
fn where_every_process_was_asked_for_those_left_out_are_told_of() {
    let root = tempfile::tempdir().unwrap();
    healthy(root.path());
    for pid in 11..20 {
        process(root.path(), pid, "one of many", 1);
    }
    for (all, told) in [(true, 1), (false, 0)] {
        let mut recording = LiveRecording::begin(&SamplingSettings {
            follow: Some(FollowOptions {
                most: 4,
                all,
                ..FollowOptions::default()
            }),
            ..of_tree(root.path())
        });
        sample_later(&mut recording);
        let report = report_of(&recording);
        // There are ten processes, of which four are recorded.
        let absent = missing(&report);
        let absent = absent
            .iter()
            .filter(|gap| gap.starts_with("process is absent for up to 6 processes at once"));
        assert_eq!(absent.count(), told, "{:?}", missing(&report));
    }
}

#[test]
fn processes_vanish_and_come_while_others_stay() {
    let root = tempfile::tempdir().unwrap();
    healthy(root.path());
    process(root.path(), 8, "gone", 1);
    put(root.path(), "proc/9/stat", "9 (cut) S 1");
    std::fs::create_dir_all(root.path().join("proc/10")).unwrap();
    let report = record(root.path(), |root| {
        std::fs::remove_dir_all(root.join("proc/8")).unwrap();
        process(root, 11, "new", 3);
    });
    assert!(missing(&report).is_empty());
    let rss = report
        .series
        .iter()
        .filter(|s| s.name == "process.rss_bytes");
    let mut seen: Vec<(&str, usize)> = rss.map(|s| (&*s.labels["name"], s.len())).collect();
    seen.sort_unstable();
    assert_eq!(seen, [("a) R 1 (b", 2), ("gone", 1), ("new", 1)]);
}

#[test]
fn counters_that_go_backwards_and_a_core_that_goes_offline_leave_no_figure() {
    let root = tempfile::tempdir().unwrap();
    healthy(root.path());
    let both = "cpu  10 0 10 80\ncpu0 5 0 5 40\ncpu1 5 0 5 40\nctxt 9\nprocesses 9\n";
    put(root.path(), "proc/stat", both);
    let report = record(root.path(), |root| {
        let one = "cpu  20 0 20 90\ncpu0 10 0 10 45\nctxt 3\nprocesses 3\n";
        put(root, "proc/stat", one);
        let disk = "8 0 sda 1 0 10 0 2 0 20 0 0 1 0\n";
        put(root, "proc/diskstats", disk);
        let lo = "a\nb\n lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n";
        put(root, "proc/net/dev", lo);
        let stalled = "some avg10=0.00 total=1\nfull avg10=0.00 total=1\n";
        put(root, "proc/pressure/io", stalled);
        process(root, 7, "a) R 1 (b", 3);
    });
    for name in [
        "scheduler.context_switches_per_s",
        "scheduler.forks_per_s",
        "disk.read_bytes_per_s",
        "disk.busy_ratio",
        "network.receive_bytes_per_s",
        "pressure.io.some_ratio",
        "process.cpu_cores",
    ] {
        assert_eq!(values(&report, name), [], "{name}");
    }
    assert_eq!(
        values(&report, "pressure.cpu.some_ratio"),
        [None, Some(0.0)]
    );
    let busy = report.series.iter().filter(|s| s.name == "cpu.busy_ratio");
    let cores: Vec<_> = busy.map(|s| s.labels.get("core").cloned()).collect();
    assert_eq!(cores, [None, Some("0".to_owned())]);
}

#[test]
fn every_cut_of_this_machines_own_files_is_survived() {
    let files = [
        "stat",
        "meminfo",
        "vmstat",
        "diskstats",
        "net/dev",
        "net/snmp",
        "net/netstat",
        "net/sockstat",
        "loadavg",
        "sys/fs/file-nr",
        "pressure/io",
    ];
    for file in files {
        let Ok(whole) = std::fs::read(Path::new("/proc").join(file)) else {
            continue;
        };
        let root = tempfile::tempdir().unwrap();
        let path = format!("proc/{file}");
        put(root.path(), &path, &whole);
        let mut recording = LiveRecording::begin(&of_tree(root.path()));
        for length in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            put(root.path(), &path, &whole[..length]);
            recording.sample();
        }
        for (name, _, spread) in recording.series_store().stats() {
            // The counters did not change, so all rates must be zero.
            if name.ends_with("_per_s") {
                assert_eq!(spread.max(), Some(0.0), "{name} from {file}");
            }
        }
    }
}

/// Writes a tree with `length` processes, each a child of the one before, and the first a child of
/// the last.
fn chain(root: &Path, length: u32) {
    for pid in 1..=length {
        let directory = root.join(format!("proc/{pid}"));
        std::fs::create_dir_all(&directory).unwrap();
        // The last process is the parent of the first, so that the chain is a ring.
        let parent = if pid == 1 { length } else { pid - 1 };
        let mut line = format!("{pid} (ring) S {parent}");
        line.push_str(&" 0".repeat(17));
        let _ = writeln!(line, " {pid} 0 5 0 0");
        std::fs::write(directory.join("stat"), line).unwrap();
    }
}

#[test]
fn a_ring_of_parents_is_a_tree_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    chain(root.path(), 3);
    let mut recording = LiveRecording::begin(&SamplingSettings {
        roots: host_metrics::source::Roots::under(root.path()),
        follow: Some(FollowOptions {
            targets: vec![crate::masking::target("ring").unwrap()],
            ..FollowOptions::default()
        }),
        ..SamplingSettings::host()
    });
    recording.sample();
    let mut stats = recording.series_store().stats();
    let (.., processes) = stats.find(|(name, ..)| *name == "tree.processes").unwrap();
    assert_eq!(processes.max(), Some(3.0));
}
