//! Tests of figures from invented counters at invented times.

mod limits;
mod precision;

use std::collections::BTreeMap;
use std::path::Path;

use host_metrics::source::cgroup::{CgroupCpu, CgroupSample};
use host_metrics::source::{
    Gaps, HostSample, HostSource, KernelUnits, ReadSpan, Roots, SourceOptions, Timed,
};

use crate::derive::Derivation;

const TICK_NS: u64 = 10_000_000;
const UNITS: KernelUnits = KernelUnits {
    tick_ns: TICK_NS,
    page_bytes: 4096,
};
const ALL: &str = "";

/// Content of the kernel's files at one instant; a file that is `None` does not exist.
#[derive(Default)]
struct Files {
    stat: Option<String>,
    dev: Option<String>,
    snmp: Option<String>,
    disks: Option<String>,
    vmstat: Option<String>,
    io: Option<String>,
}

/// Figures by metric name and label value.
type Seen = BTreeMap<(&'static str, String), f64>;

fn at<T>(ms: u64, value: T) -> Timed<T> {
    Timed {
        span: span(ms),
        value,
    }
}

fn span(ms: u64) -> ReadSpan {
    // A read takes time; its middle is the instant of the reading.
    let ns = ms * 1_000_000;
    ReadSpan {
        begin_ns: ns - 50_000,
        end_ns: ns + 50_000,
    }
}

impl Files {
    /// Writes the files below `root`, at the paths at which the kernel shows them.
    fn write(&self, root: &Path) {
        for (path, text) in [
            ("proc/stat", &self.stat),
            ("proc/net/dev", &self.dev),
            ("proc/net/snmp", &self.snmp),
            ("proc/diskstats", &self.disks),
            ("proc/vmstat", &self.vmstat),
            ("proc/pressure/io", &self.io),
        ] {
            if let Some(text) = text {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
        }
    }
}

/// Reads the files as a sample, with `ms` milliseconds of the monotonic clock as the middle of each
/// read.
fn sample(ms: u64, files: &Files) -> HostSample {
    fn move_to<T>(ms: u64, read: &mut Option<Timed<T>>) {
        if let Some(read) = read {
            read.span = span(ms);
        }
    }
    let root = tempfile::tempdir().unwrap();
    files.write(root.path());
    let (roots, options) = (Roots::under(root.path()), SourceOptions::default());
    let mut gaps = Gaps::default();
    let mut sample = HostSource::new(&roots, UNITS, &options, &mut gaps).sample(&mut gaps);
    sample.span = span(ms);
    move_to(ms, &mut sample.cpu);
    move_to(ms, &mut sample.paging);
    move_to(ms, &mut sample.disks);
    move_to(ms, &mut sample.network);
    move_to(ms, &mut sample.tcp);
    move_to(ms, &mut sample.pressure.io);
    sample
}

fn derivation() -> Derivation {
    derivation_every(1000)
}

fn derivation_every(interval_ms: u64) -> Derivation {
    Derivation::new(UNITS, Some(2), interval_ms * 1_000_000)
}

fn step(derivation: &mut Derivation, ms: u64, files: &Files) -> Seen {
    let figures = derivation.figures(&mut sample(ms, files));
    let key = |labels: &[(&str, String)]| labels.iter().map(|(_, of)| of.as_str()).collect();
    figures
        .into_iter()
        .map(|f| ((f.name, key(&f.labels)), f.reading.value))
        .collect()
}

fn figure(seen: &Seen, name: &'static str, of: &str) -> Option<f64> {
    seen.get(&(name, of.to_owned())).copied()
}

fn stat(lines: &[&str]) -> Files {
    Files {
        stat: Some(lines.join("\n") + "\n"),
        ..Files::default()
    }
}

fn dev(lo: [u64; 4]) -> String {
    let [received, receive_drops, sent, send_errors] = lo;
    format!("a\nb\nlo: {received} 1 0 {receive_drops} 0 0 0 0 {sent} 1 {send_errors} 0 0 0 0 0\n")
}

#[test]
fn planted_work_comes_out_in_shares_and_rates() {
    let mut derivation = derivation();
    let before = Files {
        stat: Some("cpu  100 0 50 800 30 5 5 10 0 0\ncpu0 100 0 50 800 30 5 5 10 0 0\n".into()),
        dev: Some(dev([1000, 0, 500, 0])),
        snmp: Some("Tcp: RetransSegs\nTcp: 7\n".into()),
        disks: Some("8 0 sda 10 0 100 0 20 0 200 0 0 1000 0\n".into()),
        vmstat: Some("pswpin 10\npswpout 20\n".into()),
        io: Some("some total=1000000\nfull total=0\n".into()),
    };
    let after = Files {
        stat: Some("cpu  140 0 60 820 35 7 8 30 0 0\ncpu0 140 0 60 820 35 7 8 30 0 0\n".into()),
        dev: Some(dev([3000, 4, 1500, 2])),
        snmp: Some("Tcp: RetransSegs\nTcp: 17\n".into()),
        disks: Some("8 0 sda 30 0 1100 0 20 0 200 0 0 1500 0\n".into()),
        vmstat: Some("pswpin 10\npswpout 22\n".into()),
        io: Some("some total=1500000\nfull total=250000\n".into()),
    };
    assert!(step(&mut derivation, 10_000, &before).is_empty());
    let seen = step(&mut derivation, 12_000, &after);
    for (name, of, planted) in [
        ("cpu.busy_ratio", ALL, 0.55),
        ("cpu.busy_ratio", "0", 0.55),
        ("cpu.user_ratio", ALL, 0.40),
        ("cpu.system_ratio", ALL, 0.10),
        ("cpu.irq_ratio", ALL, 0.02),
        ("cpu.softirq_ratio", ALL, 0.03),
        ("cpu.idle_ratio", ALL, 0.20),
        ("cpu.iowait_ratio", ALL, 0.05),
        ("cpu.steal_ratio", ALL, 0.20),
        ("network.receive_bytes_per_s", "lo", 1000.0),
        ("network.transmit_bytes_per_s", "lo", 500.0),
        ("network.drops_per_s", "lo", 2.0),
        ("network.errors_per_s", "lo", 1.0),
        ("tcp.retransmits_per_s", ALL, 5.0),
        ("disk.read_bytes_per_s", "sda", 256_000.0),
        ("disk.reads_per_s", "sda", 10.0),
        ("disk.write_bytes_per_s", "sda", 0.0),
        ("disk.writes_per_s", "sda", 0.0),
        ("disk.busy_ratio", "sda", 0.25),
        ("swap.in_bytes_per_s", ALL, 0.0),
        ("swap.out_bytes_per_s", ALL, 4096.0),
        ("pressure.io.some_ratio", ALL, 0.25),
        ("pressure.io.full_ratio", ALL, 0.125),
    ] {
        assert_eq!(figure(&seen, name, of), Some(planted), "{name} {of}");
    }
}

#[test]
fn a_counter_that_falls_has_no_rate_and_the_others_keep_theirs() {
    let mut derivation = derivation();
    let files = |received, disk_reads, stalled| Files {
        dev: Some(dev([received, 0, received, 0])),
        disks: Some(format!("8 0 sda {disk_reads} 0 100 0 20 0 200 0 0 0 0\n")),
        io: Some(format!("some total={stalled}\n")),
        ..Files::default()
    };
    step(&mut derivation, 1000, &files(u64::from(u32::MAX), 10, 100));
    let wrapped = step(&mut derivation, 2000, &files(5, 20, 1));
    assert_eq!(figure(&wrapped, "network.receive_bytes_per_s", "lo"), None);
    assert_eq!(figure(&wrapped, "pressure.io.some_ratio", ALL), None);
    assert_eq!(figure(&wrapped, "disk.reads_per_s", "sda"), Some(10.0));
    let next = step(&mut derivation, 3000, &files(105, 10, 2));
    assert_eq!(
        figure(&next, "network.receive_bytes_per_s", "lo"),
        Some(100.0)
    );
    assert_eq!(figure(&next, "disk.reads_per_s", "sda"), None);
    assert_eq!(figure(&next, "disk.read_bytes_per_s", "sda"), Some(0.0));
}

#[test]
fn time_that_cannot_have_been_spent_is_absent() {
    let mut derivation = derivation();
    let stalled = |us: u64| Files {
        io: Some(format!("some total={us}\n")),
        ..Files::default()
    };
    step(&mut derivation, 1000, &stalled(0));
    let a_little_too_much = step(&mut derivation, 2000, &stalled(1_000_900));
    assert_eq!(
        figure(&a_little_too_much, "pressure.io.some_ratio", ALL),
        Some(1.0)
    );
    let hours = step(&mut derivation, 3000, &stalled(9_000_000_000));
    assert_eq!(figure(&hours, "pressure.io.some_ratio", ALL), None);
}

#[test]
fn waiting_for_io_may_fall_without_taking_the_rest_along() {
    let mut derivation = derivation();
    step(&mut derivation, 1000, &stat(&["cpu  0 0 0 0 50 0 0 0"]));
    let seen = step(&mut derivation, 2000, &stat(&["cpu  25 0 0 75 40 0 0 0"]));
    assert_eq!(figure(&seen, "cpu.busy_ratio", ALL), Some(0.25));
    assert_eq!(figure(&seen, "cpu.iowait_ratio", ALL), None);
    let idle_fell = step(&mut derivation, 3000, &stat(&["cpu  30 0 0 70 40 0 0 0"]));
    assert!(idle_fell.is_empty());
}

#[test]
fn a_core_that_goes_offline_has_no_figure_until_it_is_back() {
    let mut derivation = derivation();
    let both = ["cpu  0 0 0 0", "cpu0 0 0 0 0", "cpu1 0 0 0 0"];
    step(&mut derivation, 1000, &stat(&both));
    let one = ["cpu  50 0 0 50", "cpu0 50 0 0 50"];
    let seen = step(&mut derivation, 2000, &stat(&one));
    assert_eq!(figure(&seen, "cpu.busy_ratio", "0"), Some(0.5));
    assert_eq!(figure(&seen, "cpu.busy_ratio", "1"), None);
    let back = ["cpu  50 0 0 150", "cpu0 50 0 0 150", "cpu1 9 0 0 0"];
    let seen = step(&mut derivation, 3000, &stat(&back));
    assert_eq!(figure(&seen, "cpu.busy_ratio", "0"), Some(0.0));
    assert_eq!(figure(&seen, "cpu.busy_ratio", "1"), None);
    let on = ["cpu  60 0 0 150", "cpu0 50 0 0 160", "cpu1 19 0 0 0"];
    let seen = step(&mut derivation, 4000, &stat(&on));
    assert_eq!(figure(&seen, "cpu.busy_ratio", "1"), Some(1.0));
}
