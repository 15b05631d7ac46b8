//! Tests of control groups that are named by a pattern or a unit, of their number of processes, and
//! of the groups of processes.

use std::path::Path;

use super::cgroups::{after_each, following, gaps, last, uses};
use super::tree::put;
use crate::follow::FollowOptions;

fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        "sys/fs/cgroup/cgroup.controllers",
        "cpu pids\n",
    );
    put(root.path(), "proc/self/cgroup", "0::/\n");
    root
}

fn group(root: &Path, name: &str) {
    uses(root, name, 1000);
    for (file, text) in [
        ("cgroup.type", "domain\n"),
        ("memory.current", "1\n"),
        ("memory.events", "high 1\nmax 0\noom_kill 0\n"),
        ("io.stat", ""),
    ] {
        put(root, &format!("sys/fs/cgroup/{name}/{file}"), text);
    }
}

#[test]
fn groups_that_match_a_pattern_are_recorded_also_those_that_come_later() {
    let root = tree();
    group(root.path(), "app.slice/app-1.scope");
    let named = ["app-*.scope", "nginx.service", "none-*"];
    let report = after_each(
        root.path(),
        &named,
        &[
            &|root| {
                group(root, "app.slice/app-2.scope");
                group(root, "system.slice/nginx.service");
                uses(root, "app.slice/app-1.scope", 5000);
            },
            &|root| {
                uses(root, "app.slice/app-2.scope", 3000);
                uses(root, "system.slice/nginx.service", 3000);
            },
        ],
    );
    for name in [
        "app.slice/app-1.scope",
        "app.slice/app-2.scope",
        "system.slice/nginx.service",
    ] {
        assert!(last(&report, "cgroup.cpu_cores", name).is_some(), "{name}");
    }
    let told = ["cgroup none-* is absent: no control group has this name"];
    assert_eq!(gaps(&report), told, "what was found later is no gap");
}

#[test]
fn a_group_that_a_pattern_found_may_go_without_a_warning() {
    let root = tree();
    group(root.path(), "app-1");
    let report = after_each(
        root.path(),
        &["app-*"],
        &[&|root| group(root, "app-2"), &|root| {
            std::fs::remove_dir_all(root.join("sys/fs/cgroup/app-1")).unwrap();
        }],
    );
    assert_eq!(gaps(&report), Vec::<&str>::new());
}

#[test]
fn the_number_of_processes_is_judged_against_each_limit_on_the_way() {
    let root = tree();
    let pids = |root: &Path, name: &str, current: u64, max: &str, refused: u64| {
        let file = |file: &str| format!("sys/fs/cgroup/{name}/{file}");
        put(root, &file("pids.current"), format!("{current}\n"));
        put(root, &file("pids.max"), format!("{max}\n"));
        put(root, &file("pids.events"), format!("max {refused}\n"));
    };
    group(root.path(), "user/app");
    // The parent counts 90 of its 100, of which the group has 30 of 400.
    pids(root.path(), "user", 90, "100", 2);
    pids(root.path(), "user/app", 30, "400", 0);
    let report = after_each(
        root.path(),
        &["user/app"],
        &[&|root| pids(root, "user", 100, "100", 7)],
    );
    let of = |name| last(&report, name, "user/app");
    assert_eq!(of("cgroup.pids"), Some(30.0));
    assert_eq!(of("cgroup.pids_limit"), Some(100.0));
    assert_eq!(of("cgroup.pids.used_ratio"), Some(1.0));
    assert_eq!(of("cgroup.pids.refused"), Some(5.0));
    pids(root.path(), "user", 90, "max", 0);
    pids(root.path(), "user/app", 30, "max", 0);
    let report = after_each(root.path(), &["user/app"], &[&|_| ()]);
    let of = |name| last(&report, name, "user/app");
    assert_eq!(
        (of("cgroup.pids_limit"), of("cgroup.pids.used_ratio")),
        (None, None)
    );
    assert_eq!(gaps(&report), Vec::<&str>::new());
}

#[test]
fn a_process_is_recorded_with_its_group_also_after_it_was_moved() {
    let root = tree();
    let stat = |root: &Path, ticks: u64| {
        let text = format!("7 (app) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 99 100 50 0\n");
        put(root, "proc/7/stat", &text);
    };
    stat(root.path(), 1);
    put(root.path(), "proc/7/cgroup", "0::/\n");
    let follow = FollowOptions {
        most: 5,
        ..FollowOptions::default()
    };
    let report = following(
        root.path(),
        Some(follow),
        &[],
        &[&|root| {
            stat(root, 3);
            put(root, "proc/7/cgroup", "0::/app.slice/app-1.scope\n");
        }],
    );
    let mut series = report.series.iter();
    let process = series.find(|s| s.name == "process.rss_bytes").unwrap();
    assert_eq!(process.labels["cgroup"], "app.slice/app-1.scope");
}
