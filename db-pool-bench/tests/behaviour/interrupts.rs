//! Tests of a signal in any phase of a run: the report must be valid, and nothing may remain on the
//! server.

use std::process::Command;

use crate::common::{Talk, bench, postgres, report, sweep};
use bench_report::{Report, Status};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory, eventually, left_behind};
use testbed::Postgres;

fn on(url: &str, place: &TestDirectory, args: &str) -> Command {
    let mut command = sweep(place, args);
    command.env("DATABASE_URL", url);
    command
}

/// Query that returns `yes` if a run has read its accounts table by an index, else `no`.
const AT_WORK: &str = "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_stat_user_tables
    WHERE relname = 'pgbench_accounts' AND idx_scan > 0) THEN 'yes' ELSE 'no' END";

/// Starts `command`, waits for the output `line`, sends `signal`, and asserts that the run ends
/// with the exit code of an interruption and a report of that status, which it returns.
fn interrupt(place: &TestDirectory, command: &mut Command, line: &str, signal: Signal) -> Report {
    let mut running = RunningProgram::start(command);
    running.wait_for(line);
    running.signal(signal);
    running
        .end()
        .assert_interrupted(&format!("{line} {signal}"));
    let report = report(place);
    assert_eq!(report.status, Status::Interrupted, "{line} {signal}");
    report
}

#[test]
fn in_every_phase_of_a_run_on_the_users_server_it_ends_in_order() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    for (line, args) in [
        ("phase: start", "--pool-sizes 2"),
        ("phase: connect", "--pool-sizes 2"),
        ("phase: prepare", "--pool-sizes 2 --scale 10"),
        (
            "phase: connect deadpool",
            "--pool-sizes 2 --driver deadpool",
        ),
        ("phase: warm-up", "--pool-sizes 4 --warmup 50s"),
        ("phase: measure", "--pool-sizes 4 --warmup 0 --duration 50s"),
        (
            "phase: measure sqlx",
            "--pool-sizes 4 --driver sqlx --warmup 0 --duration 50s --rate 500",
        ),
        (
            "phase: drain",
            "--pool-sizes 2 --warmup 0 --duration 100ms --repeats 1000",
        ),
    ] {
        std::thread::scope(|scope| {
            for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
                let url = server.url();
                scope.spawn(move || {
                    let place = TestDirectory::new();
                    interrupt(&place, &mut on(url, &place, args), line, signal);
                });
            }
        });
        talk.assert_nothing_is_left();
    }
}

/// Starts a run whose tables cannot be dropped while a reader holds a lock on them. Returns the
/// run, the name of its schema, and the connection of the reader, whose transaction is open.
fn held_up(server: &Postgres, place: &TestDirectory) -> (RunningProgram, String, Talk) {
    let args = "--driver direct --pool-sizes 1 --warmup 0 --duration 300ms --repeats 1";
    let mut running = RunningProgram::start(&mut on(server.url(), place, args));
    running.wait_for("phase: measure");
    let holder = Talk::to(server.url());
    let schema = holder.schemas()[0].clone();
    holder.execute(&format!(
        "BEGIN; SELECT count(*) FROM {schema}.pgbench_history"
    ));
    (running, schema, holder)
}

#[test]
fn while_it_cleans_up_a_signal_still_counts() {
    let server = postgres(&[]);
    let (talk, place) = (Talk::to(server.url()), TestDirectory::new());
    let (mut running, _, holder) = held_up(&server, &place);
    running.wait_for("phase: save");
    running.signal(Signal::SIGTERM);
    holder.execute("COMMIT");
    let Ended { code, said, .. } = running.end();
    let status = report(&place).status;
    assert_eq!((code, status), (Some(130), Status::Interrupted), "{said}");
    talk.assert_nothing_is_left();
}

#[test]
fn what_another_session_locks_is_listed_with_the_command_that_removes_it() {
    let server = postgres(&[]);
    let (talk, place) = (Talk::to(server.url()), TestDirectory::new());
    let (running, schema, _holder) = held_up(&server, &place);
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place);
    let left = left_behind(&report).unwrap();
    let command = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    assert!(left.contains(&command) && left.contains("psql"), "{left}");
    assert!(said.contains(&command), "{said}");
    assert_eq!(talk.schemas(), [schema]);
}

#[test]
fn what_was_left_behind_is_said_however_quiet_a_run_is_to_be() {
    let server = postgres(&[]);
    let (talk, place) = (Talk::to(server.url()), TestDirectory::new());
    let args = "--quiet --driver direct --pool-sizes 1 --warmup 0 --duration 1s --repeats 1";
    let running = RunningProgram::start(&mut on(server.url(), &place, args));
    eventually("its schema is there", || !talk.schemas().is_empty());
    let schema = talk.schemas()[0].clone();
    let holder = Talk::to(server.url());
    holder.execute(&format!(
        "BEGIN; SELECT count(*) FROM {schema}.pgbench_history"
    ));
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let command = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    assert!(said.contains(&command), "{said}");
    assert!(!said.contains("phase:"), "and nothing else: {said}");
}

#[test]
fn a_throwaway_server_ends_with_the_run_whenever_the_signal_comes() {
    for (line, signal) in [
        ("phase: start", Signal::SIGTERM),
        ("phase: prepare", Signal::SIGINT),
        ("phase: measure", Signal::SIGTERM),
    ] {
        let place = TestDirectory::new();
        let mut command = sweep(&place, "--pool-sizes 2 --warmup 0 --duration 50s");
        let report = interrupt(&place, &mut command, line, signal);
        if let Some(url) = report.config.get("url") {
            let place = url.as_str().unwrap().split_once('@').unwrap().1;
            let address = place.split_once('/').unwrap().0;
            assert!(
                std::net::TcpStream::connect(address).is_err(),
                "{address} still answers"
            );
        }
        assert_eq!(left_behind(&report), None);
    }
}

#[test]
fn a_server_that_stands_still_keeps_nobody_from_ending() {
    let scenarios = [
        (
            "sweep",
            "--driver deadpool,sqlx,direct --pool-sizes 4 --warmup 0 --duration 50s",
        ),
        (
            "scale",
            "--driver deadpool,sqlx --users 8 --warmup 0 --duration 50s",
        ),
        (
            "exhaust",
            "--driver deadpool,sqlx --holder nested --duration 50s",
        ),
        ("lifecycle", "--driver deadpool,sqlx --duration 50s"),
    ];
    std::thread::scope(|scope| {
        for (scenario, args) in scenarios {
            scope.spawn(move || stands_still(scenario, args));
        }
    });
}

fn stands_still(scenario: &str, args: &str) {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    let mut command = bench(&place, scenario, args);
    let running = RunningProgram::start(command.env("DATABASE_URL", server.url()));
    let talk = Talk::to(server.url());
    eventually("the load has begun", || talk.names(AT_WORK) == ["yes"]);
    drop(talk);
    server.pause();
    running.signal(Signal::SIGINT);
    let ended = running.end();
    server.resume();
    ended.assert_interrupted(scenario);
    let report = place.report(format!("run/db-pool-bench.{scenario}.json"));
    assert_eq!(report.status, Status::Interrupted);
    let left = left_behind(&report).unwrap();
    assert!(left.contains("DROP SCHEMA IF EXISTS plimsoll_"), "{left}");
}
