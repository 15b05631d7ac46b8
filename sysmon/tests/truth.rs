//! Tests with known loads on this machine: a recording must agree with what the loads counted
//! themselves, and with the kernel's own counters.
//!
//! A load does a fixed amount of work, however long that takes, and every counter is read before
//! and after each sample. A machine that is busy with other things therefore changes nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use bench_report::{Report, Series, WarningCode};
use common::beside::{Beside, Counter, agrees, total};
use common::counters::{
    bytes_written_to_disks, cpu_clock_s, file, number_after, stalled_s, ticks, wall_s,
};
use common::load::{self, Load};
use common::{Home, series};
use host_metrics::source::process::ProcessFields;
use sysmon::settings::SamplingSettings;

/// Error of recorded CPU time in seconds: it is counted in ticks of 10 ms, user and system time
/// separately.
const TICKS_S: f64 = 0.02;

fn of_process<'a>(report: &'a Report, name: &str, load: &Load) -> &'a Series {
    let pid = load.pid().to_string();
    series(report, name)
        .find(|s| s.labels.get("pid") == Some(&pid))
        .unwrap_or_else(|| panic!("no {name} of {pid}"))
}

fn of_machine<'a>(report: &'a Report, name: &str) -> &'a Series {
    series(report, name).find(|s| s.labels.is_empty()).unwrap()
}

#[test]
fn a_burnt_core_is_a_core_and_is_put_on_the_process_that_burnt_it() {
    let mut burner = Load::prepare(&["burn", "2000"]);
    let idle = Load::start(&["idle"]);
    let is_busy = |state: usize| [0, 1, 2, 5, 6].contains(&state);
    let counters = vec![
        cpu_clock_s(&burner),
        wall_s(),
        ticks(is_busy),
        ticks(|_| true),
    ];
    let mut settings =
        SamplingSettings::following(&[burner.pid(), idle.pid()], ProcessFields::default());
    settings.cores = Some(4096);
    let mut beside = Beside::begin(&settings, counters);
    burner.go();
    let told = beside.until(|| burner.done());
    assert!(told[0] >= 2e9);

    let report = beside.report();
    let cores = of_process(&report, "process.cpu_cores", &burner);
    let used_s = beside.grown(0);
    agrees("CPU time, s", total(cores), used_s.clone(), 0.03, 0.0);
    let idle_s = total(of_process(&report, "process.cpu_cores", &idle));
    assert!(idle_s <= TICKS_S, "{idle_s} s put on one that slept");
    // Each reading is within the error that the recording states.
    let error = cores.error_max.unwrap();
    let readings = cores.at_ns.windows(2).zip(&cores.mean[1..]);
    for ((at, cores), used) in readings.zip(beside.steps(0)) {
        let length_s = (at[1] - at[0]) as f64 / 1e9;
        let (seen_s, error_s) = (cores.unwrap() * length_s, error * length_s);
        assert!(
            used.start() - error_s <= seen_s && seen_s <= used.end() + error_s,
            "{seen_s} s of {used:?}, stated error {error_s} s"
        );
    }
    // The mean is over time; while the machine gave the process a core, it is one.
    let wall_s = beside.grown(1);
    let own = used_s.start() / wall_s.end()..=used_s.end() / wall_s.start();
    let seen = cores.mean_between(0, u64::MAX).unwrap();
    agrees("cores", seen, own, 0.03, 0.0);

    let (busy, all) = (beside.grown(2), beside.grown(3));
    let busy = busy.start() / all.end()..=busy.end() / all.start();
    let seen = of_machine(&report, "cpu.busy_ratio").mean_between(0, u64::MAX);
    agrees("busy share", seen.unwrap(), busy, 0.03, 0.0);
}

#[test]
fn megabytes_written_are_seen_by_the_process_and_by_the_disk() {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = home.path().join("written");
    let mut writer = Load::prepare(&["write", path.to_str().unwrap(), "100"]);
    let io = format!("/proc/{}/io", writer.pid());
    let mut counters = vec![
        number_after(&io, "wchar:"),
        number_after(&io, "\nwrite_bytes:"),
        bytes_written_to_disks(),
    ];
    if Path::new("/proc/pressure/io").exists() {
        counters.push(stalled_s("io"));
    }
    let fields = ProcessFields {
        io: true,
        ..ProcessFields::default()
    };
    let mut beside = Beside::begin(
        &SamplingSettings::following(&[writer.pid()], fields),
        counters,
    );
    writer.go();
    let told = beside.until(|| writer.done());
    let [bytes, waited_ns] = told[..] else {
        panic!("{told:?}")
    };

    let report = beside.report();
    let of_writer = |name: &str| total(of_process(&report, name, &writer));
    let written = of_writer("process.write_bytes_per_s");
    // The load also writes a line to its stdout.
    agrees("bytes written", written, bytes..=bytes + 100.0, 1e-9, 0.0);
    agrees("wchar", written, beside.grown(0), 1e-9, 0.0);
    let on_a_disk = nix::sys::stat::major(fs::metadata(home.path()).unwrap().dev()) > 0;
    if !on_a_disk {
        println!("left out: {} is on no disk", home.path().display());
        return;
    }
    let to_disk = of_writer("process.disk_write_bytes_per_s");
    agrees("bytes to disk", to_disk, bytes..=bytes, 0.05, 0.0);
    agrees("write_bytes", to_disk, beside.grown(1), 1e-9, 0.0);
    let disks = series(&report, "disk.write_bytes_per_s").map(total).sum();
    // Other programs write to the same disks.
    assert!(disks >= 0.95 * bytes, "{disks} of {bytes}");
    agrees("diskstats", disks, beside.grown(2), 1e-9, 0.0);
    println!(
        "{:.0} MB/s, {:.0} % of the time waiting for the disk",
        bytes / 1e6 / length_s(&report),
        waited_ns / 1e7 / length_s(&report)
    );
    pressure(&report, &beside, 3, "io");
}

fn length_s(report: &Report) -> f64 {
    let at_ns = &of_machine(report, "memory.total_bytes").at_ns;
    (at_ns[at_ns.len() - 1] - at_ns[0]) as f64 / 1e9
}

/// Asserts that the recorded pressure of `resource` agrees with the counter of that index. If the
/// kernel has no such pressure, a warning of the report must say so.
fn pressure(report: &Report, beside: &Beside, counter: usize, resource: &str) {
    if !Path::new("/proc/pressure").join(resource).exists() {
        let absent = format!("pressure.{resource} is absent: cannot read /proc/pressure");
        let missing = report.warnings.iter();
        let mut missing = missing.filter(|w| w.code == WarningCode::EvidenceMissing);
        assert!(missing.any(|w| w.message.starts_with(&absent)));
        return;
    }
    let name = format!("pressure.{resource}.some_ratio");
    let seen_s = total(of_machine(report, &name));
    let stalled_s = beside.grown(counter);
    if *stalled_s.start() <= 0.0 {
        println!("{name}: the kernel counted no stall");
        assert!(seen_s <= *stalled_s.end());
        return;
    }
    agrees(&name, seen_s, stalled_s, 0.05, 1e-3);
}

#[test]
fn megabytes_over_loopback_are_seen_both_ways() {
    let mut sender = Load::prepare(&["loopback", "100"]);
    let lo = |column: usize| {
        file("/proc/net/dev", move |text| {
            let lo = text
                .lines()
                .find_map(|l| l.trim_start().strip_prefix("lo:"));
            let number = lo.unwrap().split_whitespace().nth(column);
            number.unwrap().parse().unwrap()
        })
    };
    let mut beside = Beside::begin(&SamplingSettings::host(), vec![lo(0), lo(8), lo(1)]);
    sender.go();
    let bytes = beside.until(|| sender.done())[0];
    assert!(bytes >= 100e6);

    let report = beside.report();
    for (counter, name) in [
        "network.receive_bytes_per_s",
        "network.transmit_bytes_per_s",
        "network.receive_packets_per_s",
    ]
    .into_iter()
    .enumerate()
    {
        let all = series(&report, name);
        let lo = all.filter(|s| s.labels["interface"] == "lo").map(total);
        let seen: f64 = lo.sum();
        agrees(name, seen, beside.grown(counter), 1e-9, 0.0);
        // Headers are counted in addition, and what other programs send.
        assert!(counter == 2 || seen >= bytes, "{seen} of {bytes}");
        println!("{name}: {seen} beside {bytes} bytes that were sent");
    }
}

#[test]
fn allocated_memory_is_seen_by_the_process_and_by_the_machine() {
    const SIZE: f64 = 500e6;
    let mut load = Load::prepare(&["allocate", "500"]);
    let meminfo = |key| number_after("/proc/meminfo", key);
    let (all, available) = (meminfo("MemTotal:"), meminfo("MemAvailable:"));
    let used: Counter = Box::new(move || (all() - available()) * 1024.0);
    let statm = format!("/proc/{}/statm", load.pid());
    let page_bytes = host_metrics::source::KernelUnits::host().page_bytes as f64;
    let resident = file(statm, move |text| {
        let pages: f64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
        pages * page_bytes
    });
    let settings = SamplingSettings::following(&[load.pid()], ProcessFields::default());
    let mut beside = Beside::begin(&settings, vec![resident, used]);
    load.go();
    assert_eq!(beside.until(|| load.done()), [SIZE]);

    let report = beside.report();
    let held = &of_process(&report, "process.rss_bytes", &load).mean;
    let more = held[held.len() - 1].unwrap() - held[0].unwrap();
    agrees("resident bytes", more, SIZE..=SIZE, 0.01, 0.0);
    agrees("statm", more, beside.grown(0), 0.01, 0.0);
    let used = &of_machine(&report, "memory.used_bytes").mean;
    let seen = used[used.len() - 1].unwrap() - used[0].unwrap();
    // The memory of other processes changes, so the value need not lie between two readings.
    let grown = beside.grown(1);
    let (least, most) = (
        grown.start().min(*grown.end()),
        grown.end().max(*grown.start()),
    );
    println!("memory in use: {seen} more, {least} to {most} by meminfo");
    assert!(least - 0.05 * SIZE <= seen && seen <= most + 0.05 * SIZE);
}

#[test]
fn short_lived_children_are_counted_with_their_parent() {
    const CHILDREN: f64 = 200.0;
    let mut parent = Load::prepare(&["parent", "200", "8"]);
    let fields = ProcessFields {
        children: true,
        ..ProcessFields::default()
    };
    let mut settings = SamplingSettings::following(&[parent.pid()], fields);
    settings.cores = Some(4096);
    let forks = number_after("/proc/stat", "\nprocesses ");
    let mut beside = Beside::begin(&settings, vec![forks, cpu_clock_s(&parent)]);
    parent.go();
    let told = beside.until(|| parent.done());
    let children_s = told[0] / 1e9;
    assert!(children_s >= CHILDREN * 0.008);

    let report = beside.report();
    let seen_s = total(of_process(&report, "process.children_cpu_cores", &parent));
    let exactly = children_s..=children_s;
    agrees("children, s", seen_s, exactly, 0.0, TICKS_S);
    let parent_s = beside.grown(1);
    let all_s = children_s + parent_s.start()..=children_s + parent_s.end();
    let label = format!("pid:{}", parent.pid());
    let tree = series(&report, "tree.cpu_cores").find(|s| s.labels["follow"] == label);
    agrees("tree, s", total(tree.unwrap()), all_s, 0.0, 2.0 * TICKS_S);
    let forks = total(of_machine(&report, "scheduler.forks_per_s"));
    agrees("forks", forks, beside.grown(0), 1e-9, 0.0);
    assert!(forks >= CHILDREN, "{forks}");
}

#[test]
fn waiting_for_memory_and_for_a_processor_is_seen_as_pressure() {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = home.path().join("thrashed");
    let mut thrasher = Load::prepare(&["thrash", path.to_str().unwrap(), "16"]);
    let resources = ["memory", "cpu"];
    let counted = resources
        .into_iter()
        .filter(|resource| Path::new("/proc/pressure").join(resource).exists());
    let counters = counted.map(stalled_s).collect();
    let mut beside = Beside::begin(&SamplingSettings::host(), counters);
    thrasher.go();
    let again = beside.until(|| thrasher.done())[0];
    let report = beside.report();
    println!("{again} bytes put out of memory and read anew");
    for (counter, resource) in resources.into_iter().enumerate() {
        pressure(&report, &beside, counter, resource);
    }
}

#[test]
fn what_a_command_used_is_told_with_its_code() {
    let home = Home::new();
    let mut recorder = home.command(&["--quiet", "--"]);
    let status = recorder
        .arg(load::example("known_load"))
        .args(["burn-and-end", "1000"]);
    assert!(status.status().unwrap().success());
    let used_ns = home.report().summary.figures["command.cpu_ns"];
    // Starting the command also takes some CPU time.
    agrees("command, ns", used_ns, 1e9..=1.03e9, 0.03, 0.0);
}

#[test]
fn every_time_is_of_the_monotonic_clock_so_that_a_stepped_wall_clock_changes_none() {
    use bench_report::clock::monotonic_ns;
    let before_ns = monotonic_ns();
    let load = Load::start(&["idle"]);
    let fields = ProcessFields {
        io: true,
        scheduler: true,
        children: true,
        ..ProcessFields::default()
    };
    let mut beside = Beside::begin(
        &SamplingSettings::following(&[load.pid()], fields),
        Vec::new(),
    );
    let begun_ns = monotonic_ns();
    beside.sample();
    let report = beside.report();
    let after_ns = monotonic_ns();
    let recorded = before_ns..=after_ns;
    assert!(report.series.len() > 20);
    for series in &report.series {
        let inside = series.at_ns.iter().all(|at_ns| recorded.contains(at_ns));
        assert!(
            inside,
            "{}: {:?} in {recorded:?}",
            series.name, series.at_ns
        );
        assert!(series.at_ns.is_sorted(), "{}", series.name);
        assert!(*series.at_ns.last().unwrap() > begun_ns, "{}", series.name);
    }
    assert!(recorded.contains(&report.clock.monotonic_ns));
    assert!(report.duration_ns <= after_ns - before_ns);
}
