//! Pages of a made-up machine: what is missing, odd or falls.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use bench_report::Tool;
use sysmon::export::exporter::Exporter;
use sysmon::export::exposition::Format;
use sysmon::export::shelf::Shelf;
use sysmon::follow::Following;
use sysmon::recording::Settings;
use sysmon::source::{Roots, Units};

use crate::page::Page;

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

fn exporter(root: &Path, following: Option<Following>) -> Exporter {
    let settings = Settings {
        roots: Roots::under(root),
        units: Units {
            tick_ns: 10_000_000,
            page_bytes: 4096,
        },
        follow: following,
        ..Settings::host()
    };
    let tool = Tool {
        name: "sysmon".to_owned(),
        version: "1".to_owned(),
        commit: None,
    };
    Exporter::new(&settings, tool)
}

fn read(exporter: &mut Exporter) -> Page {
    let body = exporter
        .page(&Shelf::default())
        .body(Format::Text, &AtomicU64::new(0));
    Page::read(std::str::from_utf8(&body).unwrap(), false)
}

#[test]
fn what_cannot_be_read_is_absent_and_not_zero() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "proc/stat", "cpu  1 2 3 4\ncpu0 1 2 3 4\n");
    put(root.path(), "proc/meminfo", "MemTotal: 1000 kB\n");
    let mut exporter = exporter(root.path(), Some(Following::default()));
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
    let following = Following {
        most: 2,
        ..Following::default()
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
