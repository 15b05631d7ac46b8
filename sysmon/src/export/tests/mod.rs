//! Tests of pages about a made-up machine: values that are missing, odd, or that fall.

mod page;

use std::path::Path;
use std::sync::atomic::AtomicU64;

use bench_report::Tool;
use host_metrics::source::{KernelUnits, Roots};

use self::page::Page;
use crate::export::exporter::Exporter;
use crate::export::exposition::{Families, Page as Tested, PageFormat};
use crate::export::host;
use crate::export::page_store::PageStore;
use crate::follow::FollowOptions;
use crate::gpu::{GpuError, GpuSample};
use crate::settings::SamplingSettings;

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn process(root: &Path, pid: u32, name: &str, ticks: u64, pages: u64) {
    let text =
        format!("{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 99 100 {pages} 0\n");
    put(root, &format!("proc/{pid}/stat"), &text);
}

fn settings(root: &Path, following: Option<FollowOptions>) -> SamplingSettings {
    SamplingSettings {
        roots: Roots::under(root),
        units: KernelUnits {
            tick_ns: 10_000_000,
            page_bytes: 4096,
        },
        follow: following,
        ..SamplingSettings::host()
    }
}

fn tool() -> Tool {
    Tool {
        name: "sysmon".to_owned(),
        version: "1".to_owned(),
        commit: None,
    }
}

fn exporter(root: &Path, following: Option<FollowOptions>) -> Exporter {
    Exporter::new(&settings(root, following), tool())
}

fn read(exporter: &mut Exporter) -> Page {
    let body = exporter
        .page(&PageStore::default())
        .body(PageFormat::Text, &AtomicU64::new(0));
    Page::read(std::str::from_utf8(&body).unwrap(), false)
}

#[test]
fn what_cannot_be_read_is_absent_and_not_zero() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "proc/stat", "cpu  1 2 3 4\ncpu0 1 2 3 4\n");
    put(root.path(), "proc/meminfo", "MemTotal: 1000 kB\n");
    let mut exporter = exporter(root.path(), Some(FollowOptions::default()));
    let page = read(&mut exporter);
    let modes = page.all("sysmon_cpu_seconds_total");
    let modes: Vec<_> = modes.map(|(labels, _)| labels["mode"].clone()).collect();
    assert_eq!(modes, ["idle", "nice", "system", "user"]);
    let of_machine = page
        .families
        .keys()
        .filter(|name| name.starts_with("sysmon_"));
    let of_machine: Vec<_> = of_machine.map(String::as_str).collect();
    assert_eq!(
        of_machine,
        [
            "sysmon_build_info",
            "sysmon_cpu_seconds_total",
            "sysmon_memory_total_bytes",
            "sysmon_missed_samples_total",
            "sysmon_pages_written_total",
            "sysmon_sample_timestamp_seconds",
            "sysmon_samples_total",
            "sysmon_sampling_cpu_seconds_total",
            "sysmon_scrapes_total",
        ]
    );
    assert!(exporter.gaps().iter().any(|(what, _)| what == "network"));
}

#[test]
fn a_guess_that_falls_is_held_and_sensors_of_one_name_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    for disk in ["hwmon0", "hwmon1"] {
        put(
            root.path(),
            &format!("sys/class/hwmon/{disk}/name"),
            "nvme\n",
        );
        put(
            root.path(),
            &format!("sys/class/hwmon/{disk}/temp1_input"),
            "40000\n",
        );
    }
    let stat = |iowait: u64| {
        let text =
            format!("cpu  9 0 9 900 {iowait} 0 0 0 0 0\ncpu0 9 0 9 900 {iowait} 0 0 0 0 0\n");
        put(root.path(), "proc/stat", &text);
    };
    let mut exporter = exporter(root.path(), None);
    let mut iowait = |ticks| {
        stat(ticks);
        let page = read(&mut exporter);
        let mut all = page.all("sysmon_cpu_seconds_total");
        let told = all
            .find(|(labels, _)| labels["mode"] == "iowait")
            .unwrap()
            .1;
        (told, page.all("sysmon_temperature_celsius").count())
    };
    assert_eq!(iowait(5000), (50.0, 2));
    assert_eq!(iowait(4990), (50.0, 2));
    assert_eq!(iowait(5010), (50.1, 2));
    assert_eq!(iowait(10), (0.1, 2));
}

#[test]
fn a_page_has_the_busiest_of_late_and_the_largest_and_no_more() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "proc/stat", "cpu  1 2 3 4\n");
    let (busy, large, odd) = (7, 9, 11);
    for pid in 1..100 {
        process(root.path(), pid, "idle", 1000, 10);
    }
    process(root.path(), large, "large", 1, 1000);
    process(root.path(), odd, "a) R 1 (b\"\n", 1, 999);
    let following = FollowOptions {
        most: 2,
        ..FollowOptions::default()
    };
    let mut exporter = exporter(root.path(), Some(following));
    let mut pids = || {
        let page = read(&mut exporter);
        let all = page.all("sysmon_process_cpu_seconds_total");
        let mut pids: Vec<u32> = all.map(|(l, _)| l["pid"].parse().unwrap()).collect();
        pids.sort_unstable();
        let named = page.all("sysmon_process_resident_bytes");
        let odd_named = named.filter(|(labels, _)| labels["name"] == "a) R 1 (b\"\n");
        (pids, odd_named.count())
    };
    assert_eq!(
        pids(),
        (vec![large, odd], 1),
        "what was used before is not of late"
    );
    process(root.path(), busy, "idle", 1100, 10);
    assert_eq!(pids(), (vec![busy, large, odd], 1));
    std::fs::remove_dir_all(root.path().join(format!("proc/{odd}"))).unwrap();
    let (now, odd_named) = pids();
    assert!(!now.contains(&odd) && odd_named == 0, "{now:?}");
    assert!(now.len() <= 4);
}

#[test]
fn a_group_tells_what_it_uses_and_what_it_may_use() {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        "sys/fs/cgroup/cgroup.controllers",
        "cpu io memory\n",
    );
    let web = |file: &str, text: &str| put(root.path(), &format!("sys/fs/cgroup/web/{file}"), text);
    let periods = "nr_periods 9\nnr_throttled 4\nthrottled_usec 250000\n";
    web("cpu.stat", &format!("usage_usec 1500000\n{periods}"));
    web("cpu.max", "150000 100000\n");
    web("memory.current", "4096\n");
    web("memory.max", "max\n");
    web("io.stat", "8:0 rbytes=1 wbytes=2\n");
    let settings = SamplingSettings {
        cgroups: vec!["web".to_owned()],
        ..settings(root.path(), None)
    };
    let page = read(&mut Exporter::new(&settings, tool()));
    let of_web = |name: &str| {
        let (labels, value) = page.all(name).next()?;
        assert_eq!(labels["cgroup"], "web");
        Some(value)
    };
    assert_eq!(of_web("sysmon_cgroup_cpu_seconds_total"), Some(1.5));
    assert_eq!(of_web("sysmon_cgroup_cpu_quota_cores"), Some(1.5));
    let throttled = of_web("sysmon_cgroup_cpu_throttled_seconds_total");
    assert_eq!(throttled, Some(0.25));
    assert_eq!(of_web("sysmon_cgroup_memory_used_bytes"), Some(4096.0));
    assert_eq!(of_web("sysmon_cgroup_written_bytes_total"), Some(2.0));
    assert_eq!(of_web("sysmon_cgroup_memory_limit_bytes"), None);
}

#[test]
fn a_gpu_tells_what_it_can() {
    let broken = GpuError::Driver("it fell off the bus".to_owned());
    let partly = GpuSample {
        power_watts: Ok(70.5),
        ..GpuSample::lost(0, "H200 \"x\"".into(), &broken)
    };
    let lost = GpuSample::lost(1, "H200".into(), &broken);
    let mut families = Families::default();
    host::gpus(&[partly, lost], &mut families);
    let body = Tested::new(families).body(PageFormat::OpenMetrics, &AtomicU64::new(0));
    let page = Page::read(std::str::from_utf8(&body).unwrap(), true);
    assert_eq!(page.samples.len(), 1);
    let (labels, watts) = page.all("sysmon_gpu_power_watts").next().unwrap();
    assert_eq!((labels["name"].as_str(), watts), ("H200 \"x\"", 70.5));
}
