//! Tests of `sysmon export` as a scraper sees it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::float_cmp,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;
mod exporter;
mod hostile;
#[path = "../../src/export/tests/page.rs"]
mod page;
mod scrapers;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::Home;
use exporter::{Answer, Exporter, hear};
use nix::sys::signal::Signal;
use page::Page;
use test_support::{RunningProgram, copy_program, eventually};

#[test]
fn both_formats_keep_to_their_rules_and_say_the_same() {
    let exporter = Exporter::start(&["--fields", "all", "--sockets", "--interval", "1h"]);
    let ask = |accept: &str| {
        exporter.ask(&format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
        ))
    };
    let text = ask("*/*");
    let open = ask("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3");
    let kind = |answer: &Answer| answer.header("content-type").unwrap().to_owned();
    assert_eq!(kind(&text), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(
        kind(&open),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let (text, open) = (Page::read(&text.body, false), Page::read(&open.body, true));
    assert_eq!(text.samples, open.samples);
    assert_eq!(open.families["sysmon_build"], "info");
    assert_eq!(text.value("sysmon_samples_total"), 1.0);
    let (build, one) = text.all("sysmon_build_info").next().unwrap();
    assert_eq!(build["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(one, 1.0);
    for family in ["sysmon_memory_total_bytes", "sysmon_process_threads"] {
        assert!(text.all(family).next().is_some(), "{family}");
    }
    assert_eq!(text.all("sysmon_tcp_sockets").count(), 12);
}

#[test]
fn a_hostile_name_is_told_as_it_is_and_gone_with_its_process() {
    let home = Home::new();
    let name = "a\"} 1\nb\\n{x=";
    let program = home.path().join(name);
    copy_program(Path::new("/bin/sleep"), &program);
    let mut sleeper = Command::new(&program).arg("600").spawn().unwrap();
    let pid = sleeper.id().to_string();
    let follow = format!("pid:{pid}");
    let exporter = Exporter::start(&["--follow", &follow, "--interval", "50ms"]);
    let told = |page: &Page| {
        let mut all = page.all("sysmon_process_resident_bytes");
        all.find(|(labels, _)| labels["pid"] == pid)
            .map(|(labels, _)| labels.clone())
    };
    let page = exporter.page();
    let labels = told(&page).unwrap();
    assert_eq!(labels["name"], name);
    assert_eq!(labels["follow"], follow);
    let members = |page: &Page| page.all("sysmon_tree_processes").next().unwrap().1;
    assert_eq!(members(&page), 1.0);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    eventually("the process is gone", || told(&exporter.page()).is_none());
    assert_eq!(members(&exporter.page()), 0.0);
    assert_eq!(exporter.page().all("sysmon_tree_resident_bytes").count(), 0);
}

/// Returns the CPU time of each core by core number and state, in seconds; the time of guests is
/// not part of user and nice.
fn proc_stat() -> BTreeMap<(String, &'static str), f64> {
    let text = std::fs::read_to_string("/proc/stat").unwrap();
    let mut times = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(cpu) = words.next().unwrap().strip_prefix("cpu") else {
            continue;
        };
        let t: Vec<f64> = words.map(|n| n.parse::<f64>().unwrap() / 100.0).collect();
        let states = [
            ("user", t[0] - t[8]),
            ("nice", t[1] - t[9]),
            ("system", t[2]),
            ("idle", t[3]),
            ("iowait", t[4]),
            ("irq", t[5]),
            ("softirq", t[6]),
            ("steal", t[7]),
            ("guest", t[8] + t[9]),
        ];
        if !cpu.is_empty() {
            times.extend(states.map(|(mode, s)| ((cpu.to_owned(), mode), s)));
        }
    }
    times
}

/// Tolerance of CPU times in seconds, five ticks: idle time is an estimate at the instant of
/// reading, and a guest's time is counted in two steps.
const TICKS: f64 = 0.05;

#[test]
fn counters_only_rise_and_cpu_seconds_are_those_of_proc_stat() {
    let before = proc_stat();
    let exporter = Exporter::start(&["--interval", "100ms", "--fields", "all"]);
    let first = exporter.page();
    let between = proc_stat();
    let burnt = Instant::now();
    while burnt.elapsed() < Duration::from_millis(500) {
        std::hint::spin_loop();
    }
    let samples = first.value("sysmon_samples_total");
    let second = exporter.page_after(samples + 5.0);
    let after = proc_stat();
    let mut both = 0;
    for (key, now) in second.counters() {
        if let Some(then) = first.samples.get(key) {
            assert!(now >= *then, "{key:?}: {then} to {now}");
            both += 1;
        }
    }
    assert!(both > 50, "{both}");
    for (page, from, to) in [(&first, &before, &between), (&second, &between, &after)] {
        for ((cpu, mode), from) in from {
            let mut all = page.all("sysmon_cpu_seconds_total");
            let told = all.find(|(labels, _)| labels["cpu"] == *cpu && labels["mode"] == *mode);
            let (told, to) = (told.unwrap().1, to[&(cpu.clone(), *mode)]);
            assert!(
                from - TICKS <= told && told <= to + TICKS,
                "{cpu} {mode}: {from} <= {told} <= {to}"
            );
        }
    }
    let told = second.all("sysmon_cpu_seconds_total").count();
    assert_eq!(told, after.len());
}

#[test]
fn a_signal_ends_it_and_frees_the_port() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let exporter = Exporter::start(&["--processes", "none"]);
        let address = exporter.address;
        let mut idle = exporter.connect();
        let pid = exporter.id();
        let ended = exporter.end(signal);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert!(hear(&mut idle).is_empty());
        TcpListener::bind(address).unwrap();
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new();
    let mut command = home.command_of("export", &["--listen", &address]);
    let out = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains(&format!("cannot listen on {address}")),
        "{stderr}"
    );
    assert!(stderr.contains("Try: --listen 127.0.0.1:0"), "{stderr}");
}

#[test]
fn only_who_writes_an_address_is_seen_from_outside() {
    let home = Home::new();
    for (args, sentence) in [
        (&["--listen", ":0"][..], "names no address"),
        (&["--listen", "*:0"], "names no address"),
        (&["--listen", "db.example:0"], "is a name"),
        (&["--listen", "0.0.0.0"], "no address to listen on"),
        (&["--listen"], "--listen"),
        (&["--follow", "a,b,a"], "--follow has a twice"),
        (&["--interval", "1ms"], "10ms is the shortest"),
    ] {
        let out = home.command_of("export", args).output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(sentence), "{args:?}: {stderr}");
    }

    // No environment variable makes it listen on other addresses: it serves on its own port, or finds it
    // taken.
    let mut command = home.command_of("export", &["--processes", "none"]);
    for variable in [
        "LISTEN",
        "SYSMON_LISTEN",
        "SYSMON_EXPORT_LISTEN",
        "PLIMSOLL_LISTEN",
    ] {
        command.env(variable, "0.0.0.0:0");
    }
    let mut running = RunningProgram::start(&mut command);
    let line = running.wait_for("s");
    assert!(line.contains("127.0.0.1:19178"), "{line}");
    if running.runs() {
        running.signal(Signal::SIGTERM);
    }
    running.end();

    let written = ["--listen", "0.0.0.0:0", "--processes", "none"];
    let mut exposed = RunningProgram::start(&mut home.command_of("export", &written));
    let warning = exposed.wait_for("warning: ");
    assert!(warning.contains("no authentication"), "{warning}");
    exposed.wait_for("serving http://0.0.0.0:");
    exposed.signal(Signal::SIGTERM);
    assert_eq!(exposed.end().code, Some(0));
}
