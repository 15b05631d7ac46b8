//! Tests of control groups of either version on made-up trees. Use is a share of the limit, a
//! parent's limit applies, and missing figures are absent and reported once.

use std::path::Path;

use bench_report::Report;
use host_metrics::source::Roots;

use super::tree::{put, report_of, sample_later};
use crate::follow::FollowOptions;
use crate::recording::LiveRecording;
use crate::render;
use crate::settings::SamplingSettings;

pub(super) const MIB: u64 = 1 << 20;

pub(super) fn record(
    root: &Path,
    named: &[&str],
    change: impl FnOnce(&Path),
) -> (LiveRecording, Report) {
    put(root, "proc/meminfo", "MemTotal: 1048576 kB\n");
    let mut recording = LiveRecording::begin(&SamplingSettings {
        roots: Roots::under(root),
        cores: Some(4),
        cgroups: named.iter().map(|name| (*name).to_owned()).collect(),
        ..SamplingSettings::host()
    });
    change(root);
    sample_later(&mut recording);
    let report = report_of(&recording);
    (recording, report)
}

pub(super) fn last(report: &Report, name: &str, group: &str) -> Option<f64> {
    let mut all = report.series.iter();
    let found = all.find(|s| s.name == name && s.labels["cgroup"] == group);
    found?.mean.iter().rev().flatten().next().copied()
}

pub(super) fn gaps(report: &Report) -> Vec<&str> {
    let all = report.warnings.iter().map(|w| w.message.as_str());
    all.filter(|message| message.starts_with("cgroup"))
        .collect()
}

/// Writes the files of the version 2 control group `group` under `root`, without limits, and puts
/// the recorder into it.
pub(super) fn version_two(root: &Path, group: &str) {
    let own = |file: &str| format!("sys/fs/cgroup/{group}/{file}");
    put(root, "sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
    put(root, "proc/self/cgroup", format!("0::/{group}\n"));
    let cpu = "usage_usec 1000000\nnr_periods 10\nnr_throttled 1\nthrottled_usec 500\n";
    put(root, &own("cpu.stat"), cpu);
    put(root, &own("cpu.max"), "max 100000\n");
    put(root, &own("memory.current"), format!("{}\n", 600 * MIB));
    let stat = format!("anon 1\ninactive_file {}\n", 88 * MIB);
    put(root, &own("memory.stat"), &stat);
    put(root, &own("memory.max"), "max\n");
    put(root, &own("memory.events"), "max 3\noom_kill 0\n");
    put(root, &own("io.stat"), "8:0 rbytes=0 wbytes=0\n");
    for resource in ["cpu", "memory", "io"] {
        let text = "some avg10=0.00 total=0\nfull avg10=0.00 total=0\n";
        put(root, &own(&format!("{resource}.pressure")), text);
    }
}

/// Records with the control groups `named`, which are searched at each sample: one sample at the
/// beginning, and one after each of `changes` to the tree `root`. Returns the report.
pub(super) fn after_each(root: &Path, named: &[&str], changes: &[&dyn Fn(&Path)]) -> Report {
    following(root, None, named, changes)
}

/// Records as [`after_each`] does, and follows processes as `follow` says.
pub(super) fn following(
    root: &Path,
    follow: Option<FollowOptions>,
    named: &[&str],
    changes: &[&dyn Fn(&Path)],
) -> Report {
    put(root, "proc/meminfo", "MemTotal: 1048576 kB\n");
    let mut recording = LiveRecording::begin(&SamplingSettings {
        roots: Roots::under(root),
        cores: Some(4),
        cgroups: named.iter().map(|name| (*name).to_owned()).collect(),
        slow_max_age_ns: 0,
        follow,
        ..SamplingSettings::host()
    });
    for change in changes {
        change(root);
        sample_later(&mut recording);
    }
    report_of(&recording)
}

pub(super) fn uses(root: &Path, group: &str, usec: u64) {
    let stat = format!("usage_usec {usec}\n");
    put(root, &format!("sys/fs/cgroup/{group}/cpu.stat"), &stat);
}

#[test]
fn in_version_two_the_tightest_limit_on_the_way_is_what_use_is_a_share_of() {
    let root = tempfile::tempdir().unwrap();
    version_two(root.path(), "pod/app");
    put(root.path(), "sys/fs/cgroup/pod/cpu.max", "50000 100000\n");
    let limit = format!("{}\n", 640 * MIB);
    put(root.path(), "sys/fs/cgroup/pod/memory.max", &limit);
    let (recording, report) = record(root.path(), &[], |root| {
        let cpu = "usage_usec 1030000\nnr_periods 14\nnr_throttled 4\nthrottled_usec 30500\n";
        put(root, "sys/fs/cgroup/pod/app/cpu.stat", cpu);
        put(
            root,
            "sys/fs/cgroup/pod/app/memory.events",
            "max 5\noom_kill 1\n",
        );
        put(
            root,
            "sys/fs/cgroup/pod/app/io.stat",
            "8:0 rbytes=4096 wbytes=8192\n",
        );
        let text = "some avg10=0.00 total=20000\nfull avg10=0.00 total=10000\n";
        put(root, "sys/fs/cgroup/pod/app/cpu.pressure", text);
    });
    let own = |name| last(&report, name, "own");
    assert_eq!(own("cgroup.cpu.quota_cores"), Some(0.5));
    let ratio = own("cgroup.cpu.used_ratio").unwrap() / own("cgroup.cpu_cores").unwrap();
    assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
    assert_eq!(own("cgroup.cpu.throttled_periods_ratio"), Some(0.75));
    assert_eq!(own("cgroup.memory.used_ratio"), Some(0.8));
    assert_eq!(own("cgroup.memory.limit_hits"), Some(2.0));
    assert_eq!(own("cgroup.memory.oom_kills"), Some(1.0));
    let write = own("cgroup.io.write_bytes_per_s").unwrap();
    assert!((write / own("cgroup.io.read_bytes_per_s").unwrap() - 2.0).abs() < 1e-9);
    assert_eq!(own("cgroup.pressure.io.full_ratio"), Some(0.0));
    let stalled = own("cgroup.pressure.cpu.some_ratio").unwrap();
    assert!((stalled / own("cgroup.pressure.cpu.full_ratio").unwrap() - 2.0).abs() < 1e-9);
    assert_eq!(gaps(&report), Vec::<&str>::new());
    let headline = render::headline(&report, recording.series_store());
    assert!(
        headline.contains("of the limit of 0.50 cores"),
        "{headline}"
    );
    assert!(headline.contains("of the limit of 640 MiB"), "{headline}");
}

#[test]
fn in_version_one_each_controller_has_its_own_directory() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let membership = "4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n2:blkio:/\n";
    put(root, "proc/self/cgroup", membership);
    let memory = |file: &str| format!("sys/fs/cgroup/memory/docker/x/{file}");
    let cpu = |file: &str| format!("sys/fs/cgroup/cpu/docker/x/{file}");
    put(
        root,
        "sys/fs/cgroup/cpuacct/docker/x/cpuacct.usage",
        "1000\n",
    );
    put(root, &cpu("cpu.cfs_quota_us"), "150000\n");
    put(root, &cpu("cpu.cfs_period_us"), "100000\n");
    put(
        root,
        &cpu("cpu.stat"),
        "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
    );
    put(
        root,
        &memory("memory.usage_in_bytes"),
        format!("{}\n", 256 * MIB),
    );
    put(
        root,
        &memory("memory.stat"),
        "inactive_file 9\ntotal_inactive_file 0\n",
    );
    // The group has no limit of its own, so the machine's gibibyte is the limit.
    put(
        root,
        &memory("memory.limit_in_bytes"),
        "9223372036854771712\n",
    );
    put(root, &memory("memory.oom_control"), "oom_kill 0\n");
    let (_, report) = record(root, &[], |root| {
        put(
            root,
            "sys/fs/cgroup/cpuacct/docker/x/cpuacct.usage",
            "60001000\n",
        );
    });
    let own = |name| last(&report, name, "own");
    assert_eq!(own("cgroup.cpu.quota_cores"), Some(1.5));
    let ratio = own("cgroup.cpu_cores").unwrap() / own("cgroup.cpu.used_ratio").unwrap();
    assert!((ratio - 1.5).abs() < 1e-9, "{ratio}");
    assert_eq!(own("cgroup.memory.limit_bytes"), None);
    assert_eq!(own("cgroup.memory.used_ratio"), Some(0.25));
    assert_eq!(own("cgroup.io.read_bytes_per_s"), None);
    assert_eq!(gaps(&report), Vec::<&str>::new());
}

#[test]
fn a_container_whose_path_is_the_hosts_is_found_at_its_mount() {
    let root = tempfile::tempdir().unwrap();
    version_two(root.path(), "");
    put(root.path(), "proc/self/cgroup", "0::/kubepods/pod7/abc\n");
    put(root.path(), "sys/fs/cgroup/cpu.max", "200000 100000\n");
    let (_, report) = record(root.path(), &[], |_| {});
    assert_eq!(last(&report, "cgroup.cpu.quota_cores", "own"), Some(2.0));
}

#[test]
fn the_machine_itself_is_no_group() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "sys/fs/cgroup/cgroup.controllers", "cpu\n");
    put(root.path(), "sys/fs/cgroup/cpu.stat", "usage_usec 5\n");
    put(root.path(), "proc/self/cgroup", "0::/\n");
    let (_, report) = record(root.path(), &[], |_| {});
    assert!(report.series.iter().all(|s| !s.name.starts_with("cgroup.")));
    assert_eq!(gaps(&report), Vec::<&str>::new());
}

#[test]
fn a_group_without_a_memory_controller_is_a_group_and_one_that_cannot_be_read_is_told_of() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "sys/fs/cgroup/cgroup.controllers", "cpu\n");
    put(root.path(), "proc/self/cgroup", "0::/job\n");
    put(root.path(), "sys/fs/cgroup/job/cgroup.type", "domain\n");
    put(root.path(), "sys/fs/cgroup/job/cpu.max", "50000 100000\n");
    let (_, report) = record(root.path(), &[], |_| {});
    assert_eq!(last(&report, "cgroup.cpu.quota_cores", "own"), Some(0.5));

    std::fs::remove_dir_all(root.path().join("sys")).unwrap();
    let (_, report) = record(root.path(), &[], |_| {});
    let told = gaps(&report);
    assert!(
        matches!(told[..], [one] if one.starts_with("cgroup own is absent: no control groups")),
        "{told:?}"
    );
}

#[test]
fn named_groups_are_read_too_and_those_that_are_not_there_are_named() {
    let root = tempfile::tempdir().unwrap();
    version_two(root.path(), "system.slice/db.service");
    put(root.path(), "proc/self/cgroup", "0::/\n");
    let named = ["system.slice/db.service", "no/such", "../../etc"];
    let (_, report) = record(root.path(), &named, |_| {});
    let seen = last(&report, "cgroup.memory.used_bytes", named[0]);
    assert_eq!(seen, Some((600 * MIB) as f64));
    let missing = gaps(&report);
    for (told, name) in missing.iter().zip(["../../etc", "no/such"]) {
        assert!(
            told.starts_with(&format!("cgroup {name} is absent")),
            "{told}"
        );
    }
    assert_eq!(missing.len(), 2, "{missing:?}");
}

#[test]
fn cut_odd_and_missing_files_take_no_others_along() {
    let files = [
        "cpu.stat",
        "cpu.max",
        "memory.current",
        "memory.stat",
        "memory.max",
    ];
    let files = files
        .iter()
        .chain(&["memory.events", "io.stat", "io.pressure"]);
    for file in files {
        for text in [
            "",
            "\n",
            "max\n",
            "x y\n",
            "usage_usec",
            "8:0 rbytes=x\n",
            "-1 -1\n",
        ] {
            let root = tempfile::tempdir().unwrap();
            version_two(root.path(), "a");
            put(root.path(), &format!("sys/fs/cgroup/a/{file}"), text);
            let (_, report) = record(root.path(), &[], |_| {});
            assert!(
                gaps(&report).len() <= 1,
                "{file} {text:?}: {:?}",
                gaps(&report)
            );
            let own = |name| last(&report, name, "own");
            for (other, figure) in [
                ("cpu.stat", "cgroup.cpu_cores"),
                ("memory.current", "cgroup.memory.used_bytes"),
                ("io.stat", "cgroup.io.read_bytes_per_s"),
            ] {
                assert!(
                    other == *file || own(figure).is_some(),
                    "{file} took {figure}"
                );
            }
        }
    }
}

/// Writes the tree of systemd's `hybrid` mode under `root`: the group `/job` is in version 1 for
/// the CPU, and in version 2 for the other controllers.
fn both_versions(root: &Path) {
    let membership = "2:cpu,cpuacct:/job\n1:name=systemd:/job\n0::/job\n";
    put(root, "proc/self/cgroup", membership);
    put(root, "sys/fs/cgroup/cpuacct/job/cpuacct.usage", "1000\n");
    let quota = "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us";
    put(root, quota, "150000\n");
    put(root, &quota.replace("quota", "period"), "100000\n");
    version_two(root, "job");
    put(root, "proc/self/cgroup", membership);
    let all_of_two = root.join("sys/fs/cgroup/job");
    std::fs::create_dir(root.join("sys/fs/cgroup/unified")).unwrap();
    for (from, to) in [
        (all_of_two, "job"),
        (
            root.join("sys/fs/cgroup/cgroup.controllers"),
            "cgroup.controllers",
        ),
    ] {
        std::fs::rename(from, root.join("sys/fs/cgroup/unified").join(to)).unwrap();
    }
    let limit = format!("{}\n", 1000 * MIB);
    put(root, "sys/fs/cgroup/unified/job/memory.max", &limit);
}

#[test]
fn of_a_machine_with_both_versions_each_controller_is_read_where_it_is() {
    let root = tempfile::tempdir().unwrap();
    both_versions(root.path());
    let own_and_named = |changes: &[&dyn Fn(&Path)]| {
        let report = after_each(root.path(), &["job"], changes);
        for group in ["own", "job"] {
            let of = |name| last(&report, name, group);
            assert_eq!(of("cgroup.cpu.quota_cores"), Some(1.5), "{group}");
            assert!(of("cgroup.cpu_cores").unwrap() > 0.0, "{group}");
            assert_eq!(of("cgroup.memory.used_ratio"), Some(0.512), "{group}");
            assert_eq!(of("cgroup.memory.limit_hits"), Some(0.0), "{group}");
            assert!(of("cgroup.io.write_bytes_per_s").is_some(), "{group}");
            assert!(of("cgroup.pressure.memory.some_ratio").is_some(), "{group}");
        }
        assert_eq!(gaps(&report), Vec::<&str>::new());
    };
    own_and_named(&[&|root| {
        put(
            root,
            "sys/fs/cgroup/cpuacct/job/cpuacct.usage",
            "60001000\n",
        );
    }]);
}

#[test]
fn a_controller_whose_hierarchy_is_mounted_elsewhere_is_told_of() {
    // Version 2 is mounted at its usual place; memory is in version 1, as some container runtimes do it.
    let root = tempfile::tempdir().unwrap();
    version_two(root.path(), "job");
    std::fs::remove_file(root.path().join("sys/fs/cgroup/job/memory.current")).unwrap();
    put(root.path(), "sys/fs/cgroup/job/cgroup.type", "domain\n");
    put(root.path(), "proc/self/cgroup", "3:memory:/job\n0::/job\n");
    let (_, report) = record(root.path(), &[], |root| uses(root, "job", 1_030_000));
    assert!(last(&report, "cgroup.cpu_cores", "own").is_some());
    let told = "cgroup.memory is absent: the control groups of memory are not at /sys/fs/cgroup";
    assert_eq!(gaps(&report), [told]);

    // Version 1 is mounted at its usual place; version 2, which has the memory, is not.
    let root = tempfile::tempdir().unwrap();
    both_versions(root.path());
    let unified = root.path().join("sys/fs/cgroup/unified");
    std::fs::rename(unified, root.path().join("elsewhere")).unwrap();
    let (_, report) = record(root.path(), &[], |_| {});
    assert_eq!(last(&report, "cgroup.cpu.quota_cores", "own"), Some(1.5));
    let gaps = gaps(&report);
    for what in ["cgroup.memory is absent: ", "cgroup.io is absent: "] {
        assert!(gaps.iter().any(|gap| gap.starts_with(what)), "{gaps:?}");
    }
}
