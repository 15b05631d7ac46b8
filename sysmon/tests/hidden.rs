//! Tests of a recorder that cannot see everything and must report that: processes that `/proc`
//! hides, files that it may not read, and a machine without any figures.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use bench_report::{Report, Status, store};
use common::{Home, alone, series};

fn messages(report: &Report) -> Vec<&str> {
    report.warnings.iter().map(|w| w.message.as_str()).collect()
}

/// Returns the report of a recorder of user nobody, on a system where a process of root and one of
/// nobody are sleeping; `hidepid` is the mount option of `/proc`. `None` if the system does not
/// allow namespaces.
fn of_nobody(hidepid: &str) -> Option<Report> {
    let home = Home::new();
    let script = format!(
        "mount -t proc -o {hidepid} proc /proc && {{ sleep 60 & as_nobody sleep 61 & }} && \
         as_nobody \"$@\""
    );
    let args = [
        "--output",
        "tmp/r.json",
        "--processes",
        "all",
        "--fields",
        "io",
        "--duration",
        "1s",
    ];
    let recorder = home.command_of("record", &args);
    let mut recorder = alone(&home, &script, &recorder)?;
    let out = recorder.output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{stderr}");
    Some(store::load(&home.path().join("tmp/r.json")).unwrap())
}

fn sleepers(report: &Report) -> usize {
    let of_sleep = series(report, "process.rss_bytes").filter(|s| s.labels["name"] == "sleep");
    of_sleep.count()
}

#[test]
fn processes_that_are_invisible_are_told_of_with_the_option_that_hides_them() {
    let Some(report) = of_nobody("hidepid=2") else {
        return;
    };
    assert_eq!(sleepers(&report), 1, "one of two");
    let told = messages(&report);
    let told = told
        .iter()
        .find(|m| m.starts_with("processes of other users"));
    let told = told.unwrap_or_else(|| panic!("{:?}", report.warnings));
    for part in ["hidepid=", "cannot be known", "Try: run sysmon as root"] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn processes_of_which_only_the_number_shows_are_counted() {
    let Some(report) = of_nobody("hidepid=1") else {
        return;
    };
    assert_eq!(sleepers(&report), 1, "one of two");
    let told = messages(&report);
    // The shell, its sleeping child and the process that waits for the test's are root's.
    let counted = told
        .iter()
        .any(|m| m.starts_with("processes is absent for ") && m.contains("/stat: "));
    assert!(counted, "{told:?}");
    assert!(told.iter().any(|m| m.contains("hidepid=")), "{told:?}");
}

#[test]
fn where_nothing_is_hidden_nothing_is_told_and_what_is_denied_is_counted() {
    let Some(report) = of_nobody("hidepid=0") else {
        return;
    };
    assert_eq!(sleepers(&report), 2);
    let told = messages(&report);
    assert!(!told.iter().any(|m| m.starts_with("processes")), "{told:?}");
    let io = told
        .iter()
        .find(|m| m.starts_with("process.io is absent for "));
    let io = io.unwrap_or_else(|| panic!("{told:?}"));
    assert!(io.contains(" processes: cannot read /proc/"), "{io}");
    assert!(io.contains("Permission denied"), "{io}");
}

#[test]
fn a_machine_that_tells_nothing_is_a_failure_and_no_success_without_a_word() {
    let home = Home::new();
    let script = "mount -t tmpfs none /proc && mount -t tmpfs none /sys && exec \"$@\"";
    for (args, code) in [
        (&["--duration", "100ms"][..], 1),
        (&["--", "sh", "-c", "exit 7"], 7),
    ] {
        let Some(mut recorder) = alone(&home, script, &home.command(args)) else {
            return;
        };
        let out = recorder.output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{stderr}");
        let told = "nothing at all could be read, cpu for one: cannot read /proc/stat";
        assert!(
            stderr.contains(told) && stderr.contains("Try: "),
            "{stderr}"
        );
        assert_eq!(home.report().status, Status::Failed);
    }
}
