//! From made-up counters at made-up times to figures: what was planted must come out, and what
//! cannot be known must not.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::BTreeMap;

use host_metrics::derive::Derivation;
use host_metrics::source::cgroup::{CgroupCpu, CgroupSample};
use host_metrics::source::pressure::PressureSample;
use host_metrics::source::{
    HostSample, KernelUnits, ReadSpan, Timed, cpu, disk, memory, network, pressure, tcp,
};

const TICK_NS: u64 = 10_000_000;
const UNITS: KernelUnits = KernelUnits {
    tick_ns: TICK_NS,
    page_bytes: 4096,
};
const ALL: &str = "";

/// Content of the kernel's files at one instant; a file that is `None` could not be read.
#[derive(Default)]
struct Files {
    stat: Option<String>,
    dev: Option<String>,
    snmp: Option<String>,
    disks: Option<String>,
    vmstat: Option<String>,
    io: Option<String>,
}

/// Figures by name and label.
type Seen = BTreeMap<(&'static str, String), f64>;

fn at<T>(ms: u64, value: T) -> Timed<T> {
    Timed {
        span: span(ms),
        value,
    }
}

fn span(ms: u64) -> ReadSpan {
    // Reads take a while; their middle is what counts.
    let ns = ms * 1_000_000;
    ReadSpan {
        begin_ns: ns - 50_000,
        end_ns: ns + 50_000,
    }
}

fn sample(ms: u64, files: &Files) -> HostSample {
    let nowhere = std::path::Path::new("/nowhere");
    let mut filter = disk::DiskFilter::new(nowhere);
    let network = files.dev.as_deref().and_then(network::parse_dev);
    let io = files.io.as_deref().and_then(pressure::parse);
    let cpu = files.stat.as_deref();
    let vmstat = files.vmstat.as_deref();
    HostSample {
        span: span(ms),
        cpu: cpu.and_then(|t| cpu::parse(t, TICK_NS)).map(|v| at(ms, v)),
        paging: vmstat
            .and_then(|t| memory::parse_vmstat(t, 4096))
            .map(|v| at(ms, v)),
        disks: files
            .disks
            .as_deref()
            .map(|t| at(ms, disk::parse(t, &mut filter))),
        network: network.map(|v| at(ms, v)),
        tcp: files
            .snmp
            .as_deref()
            .and_then(tcp::parse_snmp)
            .map(|v| at(ms, v)),
        pressure: PressureSample {
            io: io.map(|v| at(ms, v)),
            ..PressureSample::default()
        },
        ..HostSample::default()
    }
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

#[test]
fn ten_milliseconds_say_nothing_about_a_counter_of_ten_millisecond_ticks() {
    let mut derivation = derivation_every(10);
    let files = |busy: u64, idle: u64, received| Files {
        stat: Some(format!("cpu  {busy} 0 0 {idle}\n")),
        dev: Some(dev([received, 0, 1, 0])),
        ..Files::default()
    };
    step(&mut derivation, 1000, &files(0, 0, 1000));
    let soon = step(&mut derivation, 1010, &files(2, 0, 1100));
    assert_eq!(figure(&soon, "cpu.busy_ratio", ALL), None);
    assert_eq!(
        figure(&soon, "network.receive_bytes_per_s", "lo"),
        Some(10_000.0)
    );
    // The window is held open, not thrown away: what was used at first is part of it.
    let later = step(&mut derivation, 1100, &files(5, 5, 1100));
    assert_eq!(figure(&later, "cpu.busy_ratio", ALL), Some(0.5));
}

/// Values of each of these series over ten seconds, whose samples come late by up to nearly half an
/// interval and by turns.
fn readings_in_ten_seconds(interval_ms: u64, names: [&'static str; 3]) -> [usize; 3] {
    let mut derivation = derivation_every(interval_ms);
    let ticks = 10_000 / interval_ms;
    let mut read = [0; 3];
    for tick in 0..=ticks {
        let late_ms = (interval_ms / 16) * (5 * tick % 8);
        let ms = 1000 + interval_ms * tick + late_ms;
        let files = Files {
            stat: Some(format!("cpu  {} 0 0 {}\n", ms / 20, ms / 20)),
            disks: Some(format!("8 0 sda {ms} 0 {ms} 0 20 0 200 0 0 {ms} 0\n")),
            ..Files::default()
        };
        let mut sample = sample(ms, &files);
        sample.cgroups = vec![CgroupSample {
            name: "own".to_owned(),
            cpu: Some(at(
                ms,
                CgroupCpu {
                    used_ns: ms * 500_000,
                },
            )),
            ..CgroupSample::default()
        }];
        for figure in derivation.figures(&mut sample) {
            let place = names.iter().position(|name| *name == figure.name);
            if let Some(place) = place.filter(|_| figure.labels.len() <= 1) {
                assert!(figure.reading.over.is_some(), "its window is told");
                read[place] += 1;
            }
        }
    }
    read
}

#[test]
fn no_interval_loses_rates_to_reads_that_come_a_little_late() {
    let names = ["cpu.busy_ratio", "disk.busy_ratio", "cgroup.cpu_cores"];
    for (interval_ms, intervals_each) in [
        (20, 5),
        (33, 3),
        (50, 2),
        (95, 1),
        (99, 1),
        (100, 1),
        (101, 1),
        (105, 1),
        (150, 1),
        (200, 1),
        (1000, 1),
    ] {
        let most = 10_000 / interval_ms / intervals_each;
        let read = readings_in_ten_seconds(interval_ms, names);
        // One window more or less may be open at the end.
        assert!(
            read.iter().all(|read| *read as u64 + 1 >= most),
            "{interval_ms} ms: {read:?} of {most}"
        );
    }
}

#[test]
fn after_a_failed_read_the_rate_spans_the_gap() {
    let mut derivation = derivation();
    let files = |received| Files {
        dev: Some(dev([received, 0, 1, 0])),
        ..Files::default()
    };
    step(&mut derivation, 1000, &files(1000));
    assert!(step(&mut derivation, 2000, &Files::default()).is_empty());
    let seen = step(&mut derivation, 3000, &files(2000));
    assert_eq!(
        figure(&seen, "network.receive_bytes_per_s", "lo"),
        Some(500.0)
    );
}

#[test]
fn an_interface_or_disk_that_appears_has_a_rate_from_its_second_reading() {
    let mut derivation = derivation();
    let files = |disks: &str| Files {
        disks: Some(disks.to_owned()),
        ..Files::default()
    };
    step(
        &mut derivation,
        1000,
        &files("8 0 sda 1 0 1 0 1 0 1 0 0 0 0\n"),
    );
    let hot = "8 0 sda 1 0 1 0 1 0 1 0 0 0 0\n8 16 sdb 9 0 9999999 0 1 0 1 0 0 0 0\n";
    let seen = step(&mut derivation, 2000, &files(hot));
    assert_eq!(figure(&seen, "disk.read_bytes_per_s", "sdb"), None);
    let seen = step(&mut derivation, 3000, &files(hot));
    assert_eq!(figure(&seen, "disk.read_bytes_per_s", "sdb"), Some(0.0));
}

#[test]
fn waiting_and_queue_of_a_disk_come_from_its_clock() {
    let mut derivation = derivation();
    let files = |line: &str| Files {
        disks: Some(format!("8 0 sda {line} 0 0\n")),
        ..Files::default()
    };
    step(
        &mut derivation,
        1000,
        &files("10 0 100 50 10 0 100 50 0 90 100"),
    );
    let seen = step(
        &mut derivation,
        2000,
        &files("30 0 500 150 10 0 100 50 3 590 1600"),
    );
    assert_eq!(figure(&seen, "disk.read_await_ns", "sda"), Some(5e6));
    assert_eq!(
        figure(&seen, "disk.write_await_ns", "sda"),
        None,
        "none ended"
    );
    assert_eq!(figure(&seen, "disk.queue_length", "sda"), Some(1.5));
    let wrapped = step(
        &mut derivation,
        3000,
        &files("40 0 600 3 10 0 100 50 0 10 7"),
    );
    for name in ["disk.read_await_ns", "disk.queue_length", "disk.busy_ratio"] {
        assert_eq!(figure(&wrapped, name, "sda"), None, "{name}");
    }
    assert_eq!(figure(&wrapped, "disk.reads_per_s", "sda"), Some(10.0));
}

#[test]
fn the_error_of_a_rate_holds_the_truth_whatever_the_tick_hides() {
    // A core is busy for 333 ms of a second; the counter shows whole ticks only.
    for begun_at_us in (0..10_000).step_by(700) {
        let ticks = |us: u64| (begun_at_us + us) / 10_000;
        let mut derivation = derivation();
        let files = |busy_us: u64, idle_us: u64| {
            let (busy, idle) = (ticks(busy_us), ticks(idle_us));
            stat(&[&format!("cpu  {busy} 0 0 {idle}"), "ctxt 5"])
        };
        step(&mut derivation, 1000, &files(0, 0));
        let figures = derivation.figures(&mut sample(2000, &files(333_000, 667_000)));
        let mut figures = figures.into_iter();
        let busy = figures
            .find(|f| f.name == "cpu.busy_ratio")
            .unwrap()
            .reading;
        assert!(busy.error > 0.0 && busy.error < 0.011, "{busy:?}");
        assert!((busy.value - 0.333).abs() <= busy.error, "{busy:?}");
    }
}

#[test]
fn a_rate_knows_how_long_its_reads_took() {
    let mut derivation = derivation();
    let files = |received| Files {
        dev: Some(dev([received, 0, 1, 0])),
        ..Files::default()
    };
    step(&mut derivation, 1000, &files(1000));
    let figures = derivation.figures(&mut sample(2000, &files(2000)));
    let mut figures = figures.into_iter();
    let rate = figures.find(|f| f.name == "network.receive_bytes_per_s");
    let rate = rate.unwrap().reading;
    // Each read took 100 µs, so the window may be 100 µs longer or shorter.
    assert!((rate.error - 0.1).abs() < 1e-9, "{rate:?}");
}

#[test]
fn context_switches_and_forks_are_rates_and_an_oom_kill_is_counted() {
    let mut derivation = derivation();
    let files = |ctxt: u64, forks: u64, kills: u64| Files {
        stat: Some(format!(
            "cpu  {ctxt} 0 0 {ctxt}\nctxt {ctxt}\nprocesses {forks}\n"
        )),
        vmstat: Some(format!("pgmajfault {forks}\noom_kill {kills}\n")),
        ..Files::default()
    };
    step(&mut derivation, 1000, &files(100, 10, 1));
    let seen = step(&mut derivation, 2000, &files(600, 30, 3));
    let rate = |name| figure(&seen, name, ALL);
    assert_eq!(rate("scheduler.context_switches_per_s"), Some(500.0));
    assert_eq!(rate("scheduler.forks_per_s"), Some(20.0));
    assert_eq!(rate("memory.major_faults_per_s"), Some(20.0));
    assert_eq!(rate("memory.oom_kills"), Some(2.0));
    let reset = step(&mut derivation, 3000, &files(700, 5, 0));
    assert_eq!(figure(&reset, "scheduler.forks_per_s", ALL), None);
    assert_eq!(figure(&reset, "memory.oom_kills", ALL), None);
}
