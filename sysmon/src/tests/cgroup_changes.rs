//! Tests of control groups that are created or removed, or between which processes move, during a
//! recording.

use std::path::Path;

use bench_report::Report;

use super::cgroups::{MIB, after_each, following, gaps, last, record, uses, version_two};
use super::tree::put;
use crate::follow::FollowOptions;
use crate::masking::target;

/// Returns the readings of the figure `name` of the control group `group`, in order of time, `None`
/// at points without one; empty if the report lacks the series.
fn all(report: &Report, name: &str, group: &str) -> Vec<Option<f64>> {
    let mut all = report.series.iter();
    let found = all.find(|s| s.name == name && s.labels["cgroup"] == group);
    found.map(|series| series.mean.clone()).unwrap_or_default()
}

#[test]
fn a_group_that_is_made_late_is_recorded_from_then_on_and_no_gap_any_more() {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        "sys/fs/cgroup/cgroup.controllers",
        "cpu io memory\n",
    );
    put(root.path(), "proc/self/cgroup", "0::/\n");
    let report = after_each(
        root.path(),
        &["late.slice"],
        &[&|_| {}, &|root| version_two(root, "late.slice"), &|root| {
            uses(root, "late.slice", 1_030_000);
        }],
    );
    let used = last(&report, "cgroup.memory.used_bytes", "late.slice");
    assert_eq!(used, Some((600 * MIB) as f64));
    assert!(last(&report, "cgroup.cpu_cores", "late.slice").unwrap() > 0.0);
    assert_eq!(gaps(&report), Vec::<&str>::new());
}

#[test]
fn a_group_that_is_made_again_is_another_and_its_counters_are_not_held_against_the_first() {
    let root = tempfile::tempdir().unwrap();
    version_two(root.path(), "db");
    put(root.path(), "proc/self/cgroup", "0::/\n");
    // The directory is kept, so that the system cannot give its inode number to the next one.
    let old = root.path().join("old");
    let again = |root: &Path| {
        std::fs::rename(root.join("sys/fs/cgroup/db"), &old).unwrap();
        version_two(root, "db");
        // The new group has already used more than the first one ever did.
        uses(root, "db", 9_000_000);
        put(root, "sys/fs/cgroup/db/cpu.max", "50000 100000\n");
    };
    let changes: [&dyn Fn(&Path); 3] = [&|root| uses(root, "db", 1_020_000), &again, &|root| {
        uses(root, "db", 9_010_000);
    }];
    let report = after_each(root.path(), &["db"], &changes);
    let cores = all(&report, "cgroup.cpu_cores", "db");
    assert!(
        matches!(cores[..], [None, Some(_), None, Some(_)]),
        "{cores:?}"
    );
    assert!(
        cores.iter().flatten().all(|cores| *cores < 0.2),
        "{cores:?}"
    );
    let quota = last(&report, "cgroup.cpu.quota_cores", "db");
    assert_eq!(quota, Some(0.5), "which the first did not have");
}

#[test]
fn in_version_one_a_group_may_be_under_one_controller_first_and_another_later() {
    let root = tempfile::tempdir().unwrap();
    let usage = |root: &Path, ns: u64| {
        let usage = format!("{ns}\n");
        put(root, "sys/fs/cgroup/cpuacct/db/cpuacct.usage", &usage);
    };
    usage(root.path(), 1000);
    std::fs::create_dir(root.path().join("sys/fs/cgroup/memory")).unwrap();
    let memory = |root: &Path| put(root, "sys/fs/cgroup/memory/db/memory.usage_in_bytes", "7\n");
    let report = after_each(
        root.path(),
        &["db"],
        &[
            &|root| usage(root, 2000),
            &|root| {
                usage(root, 3000);
                memory(root);
            },
            &|root| usage(root, 4000),
        ],
    );
    assert_eq!(last(&report, "cgroup.memory.used_bytes", "db"), Some(7.0));
    let cores = all(&report, "cgroup.cpu_cores", "db");
    assert!(cores.iter().flatten().count() >= 2, "{cores:?}");
}

#[test]
fn a_group_that_is_removed_ends_and_is_told_of() {
    let root = tempfile::tempdir().unwrap();
    version_two(root.path(), "db");
    put(root.path(), "proc/self/cgroup", "0::/\n");
    let removed = |root: &Path| std::fs::remove_dir_all(root.join("sys/fs/cgroup/db")).unwrap();
    let report = after_each(root.path(), &["db"], &[&|_| {}, &removed, &|_| {}]);
    let used = all(&report, "cgroup.memory.used_bytes", "db");
    assert!(
        matches!(used[..], [Some(_), Some(_), None, None]),
        "{used:?}"
    );
    let told = gaps(&report);
    assert!(
        matches!(told[..], [one] if one.starts_with("cgroup db is absent: ")),
        "{told:?}"
    );
}

#[test]
fn a_recorder_that_is_moved_tells_of_the_group_it_is_in() {
    let root = tempfile::tempdir().unwrap();
    version_two(root.path(), "first");
    version_two(root.path(), "second");
    put(root.path(), "proc/self/cgroup", "0::/\n");
    let memory = |root: &Path, mib: u64| {
        let used = format!("{}\n", mib * MIB);
        put(root, "sys/fs/cgroup/second/memory.current", &used);
    };
    let report = after_each(
        root.path(),
        &[],
        &[
            &|root| put(root, "proc/self/cgroup", "0::/first\n"),
            &|root| memory(root, 200),
            &|root| put(root, "proc/self/cgroup", "0::/second\n"),
        ],
    );
    let used = all(&report, "cgroup.memory.used_bytes", "own");
    let mib = |mib: u64| Some((mib * MIB) as f64);
    assert_eq!(used, [mib(600), mib(600), mib(200)]);
}

#[test]
fn the_group_of_a_process_that_is_followed_is_recorded_wherever_it_is_moved() {
    let root = tempfile::tempdir().unwrap();
    for group in ["app", "db/one", "db/two"] {
        version_two(root.path(), group);
    }
    let process = |pid: u32, name: &str, parent: u32| {
        let line =
            format!("{pid} ({name}) S {parent} 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 {pid} 0 9 ");
        put(
            root.path(),
            &format!("proc/{pid}/stat"),
            &(line + &"0 ".repeat(30) + "\n"),
        );
    };
    let is_in = |pid: u32, group: &str| {
        let text = format!("0::/{group}\n");
        put(root.path(), &format!("proc/{pid}/cgroup"), &text);
    };
    // The recorder is in `app`, together with a followed process, so that this group gets a name.
    put(root.path(), "proc/self/cgroup", "0::/app\n");
    for (pid, name, parent, group) in [
        (7, "postgres", 1, "db/one"),
        (8, "postgres", 7, "elsewhere"),
        (9, "web", 1, "app"),
    ] {
        process(pid, name, parent);
        is_in(pid, group);
    }
    let follow = FollowOptions {
        targets: ["postgres", "web"]
            .map(|name| target(name).unwrap())
            .to_vec(),
        ..FollowOptions::default()
    };
    let stays = |_: &Path| {};
    let moves = |_: &Path| is_in(7, "db/two");
    let report = following(root.path(), Some(follow), &[], &[&stays, &moves, &stays]);
    let mut seen: Vec<(&str, usize)> = Vec::new();
    for series in &report.series {
        if series.name == "cgroup.memory.used_bytes" {
            let read = series.mean.iter().flatten().count();
            seen.push((&series.labels["cgroup"], read));
        }
    }
    assert_eq!(seen, [("db/one", 1), ("db/two", 2), ("own", 4)]);
    assert_eq!(gaps(&report), Vec::<&str>::new());
}

#[test]
fn a_limit_that_cannot_be_read_is_not_the_same_as_none() {
    for (file, told, ratio) in [
        (
            "cpu.max",
            "cgroup.cpu.quota is absent",
            "cgroup.cpu.used_ratio",
        ),
        (
            "memory.max",
            "cgroup.memory.limit is absent",
            "cgroup.memory.used_ratio",
        ),
    ] {
        let root = tempfile::tempdir().unwrap();
        version_two(root.path(), "pod/app");
        put(root.path(), &format!("sys/fs/cgroup/pod/{file}"), "?\n");
        let (_, report) = record(root.path(), &[], |_| {});
        assert_eq!(last(&report, ratio, "own"), None, "a share of what?");
        let gaps = gaps(&report);
        assert!(
            matches!(gaps[..], [one] if one.starts_with(told)),
            "{gaps:?}"
        );
    }
}
