//! Tests of workers of `db-pool-bench` that are started one by one with `--worker I/N --start-at
//! T`, as on several hosts, with one PostgreSQL server; and of the merge of their reports.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::common::{said, tool};
use bench_report::{Report, Status, StepEnd, WarningCode};
use test_support::{Ended, RunningProgram, TestDirectory, contention};
use testbed::{Postgres, PostgresOptions};

/// Arguments of two steps with a pool of 4 at 200 requests per second: half a second of warm-up and
/// half a second measured each.
const SWEEP: &str = "sweep --driver deadpool --pool-sizes 4 --workload point-select --rate 200 \
                     --warmup 500ms --duration 500ms --repeats 2";
/// Time after which a test stops waiting for a worker; longer than any schedule.
const LONGEST: Duration = Duration::from_mins(5);
const ZERO: &str = "0/db-pool-bench.sweep.json";
const ONE: &str = "1/db-pool-bench.sweep.json";

/// Returns the flags `--start-at` and `--prepare-time`. The time until the start is `patience`
/// times the time that the preparation takes on this machine under its present load.
fn schedule(patience: f64) -> String {
    let enough = Duration::from_secs(6).mul_f64(contention() * patience);
    let starts = SystemTime::now() + enough;
    let since_1970 = starts.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let prepare = Duration::from_secs(2).mul_f64(contention() * patience);
    format!(
        "--start-at {:.3} --prepare-time {}ms",
        since_1970.as_secs_f64(),
        prepare.as_millis()
    )
}

/// Starts one worker of a scenario; `worker` is its value of `--worker`, such as `0/2`. The worker
/// writes its report into `directory`.
fn start(
    (place, server): (&TestDirectory, &Postgres),
    schedule: &str,
    (worker, directory): (&str, &str),
    flags: &str,
) -> RunningProgram {
    let line = format!("{flags} --worker {worker} {schedule} --run-dir {directory}");
    let args: Vec<&str> = line.split_whitespace().collect();
    let mut command = tool(place, "db-pool-bench", &args);
    RunningProgram::start(command.env("DATABASE_URL", server.url()))
}

fn report(place: &TestDirectory, directory: &str) -> Report {
    place.report(format!("{directory}/db-pool-bench.sweep.json"))
}

fn is_late(report: &Report) -> bool {
    let mut warnings = report.warnings.iter();
    warnings.any(|warning| warning.code == WarningCode::WorkerLate)
}

/// Merges the reports in `files` into `whole.json`. Returns the exit code, and the text on stderr
/// and stdout.
fn merge(place: &TestDirectory, files: &[&str]) -> (Option<i32>, String) {
    let args = [&["merge", "--output", "whole.json"], files].concat();
    let output = tool(place, "bottleneck-analyzer", &args).output().unwrap();
    (output.status.code(), said(&output))
}

/// Returns the names of the schemas of runs that exist on the server, one on each line; empty if
/// there are none.
fn schemas(server: &Postgres) -> String {
    let query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'plimsoll%'";
    let mut psql = Command::new(server.bin_dir().join("psql"));
    let output = psql.args([server.url(), "-Atc", query]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Waits for the end of a worker, for up to five minutes, because on a busy machine its schedule
/// may last that long. Returns how it ended.
fn end_of(mut running: RunningProgram) -> Ended {
    let began = Instant::now();
    while running.runs() && began.elapsed() < LONGEST {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.end()
}

fn reads(report: &Report) -> Vec<u64> {
    let steps = report.steps.iter();
    steps
        .map(|step| step.operations["select"].attempted)
        .collect()
}

#[test]
fn two_workers_share_the_tables_that_the_first_makes_and_their_reports_add_up() {
    let server = Postgres::start(&PostgresOptions::default()).unwrap();
    let place = TestDirectory::new();
    let here = (&place, &server);
    let mut is_done = false;
    for patience in [1.0, 2.0, 4.0] {
        let schedule = schedule(patience);
        let one = start(here, &schedule, ("1/2", "1"), SWEEP);
        let zero = start(here, &schedule, ("0/2", "0"), SWEEP);
        let ended = [zero, one].map(end_of);
        assert_eq!(
            schemas(&server),
            "",
            "the first one removes the tables of all"
        );
        if ["0", "1"]
            .iter()
            .any(|directory| is_late(&report(&place, directory)))
        {
            continue;
        }
        for Ended { code, said, .. } in &ended {
            assert_eq!(*code, Some(0), "{said}");
            assert!(said.contains("bottleneck-analyzer merge"), "{said}");
        }
        is_done = true;
        break;
    }
    assert!(is_done, "a worker was late each time");
    let (zero, one) = (report(&place, "0"), report(&place, "1"));
    assert_eq!(
        zero.config["worker"]["plan_hash"],
        one.config["worker"]["plan_hash"]
    );
    let (code, told) = merge(&place, &[ONE, ZERO]);
    assert_eq!(code, Some(0), "{told}");
    let whole = place.report("whole.json");
    assert_eq!((whole.status, whole.steps.len()), (Status::Complete, 2));
    assert_eq!(reads(&zero), [50; 2]);
    assert_eq!(reads(&one), [50; 2]);
    assert_eq!(reads(&whole), [100; 2], "the load of one process");
    for ((whole, zero), one) in whole.steps.iter().zip(&zero.steps).zip(&one.steps) {
        assert_eq!(whole.end, StepEnd::Completed);
        let pools = [whole, zero, one].map(|step| step.pool.as_ref().unwrap().max_size);
        assert_eq!(pools, [4, 2, 2]);
        assert_eq!(whole.server, zero.server, "worker 0 watches the server");
        assert!(zero.server.is_some() && one.server.is_none());
        let is_share = |name: &String| name.starts_with("time.");
        assert!(
            !zero.figures.keys().any(is_share),
            "of all users it has a half"
        );
    }
    let (code, told) = merge(&place, &[ZERO]);
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("the report of worker 1/2 is missing"),
        "{told}"
    );
}

#[test]
fn a_worker_without_the_one_that_makes_the_tables_says_so_and_leaves_nothing() {
    let server = Postgres::start(&PostgresOptions::default()).unwrap();
    let place = TestDirectory::new();
    let soon = SystemTime::now() + Duration::from_secs(3);
    let soon = soon.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let schedule = format!("--start-at {:.3}", soon.as_secs_f64());
    let alone = start((&place, &server), &schedule, ("1/2", "1"), SWEEP);
    let Ended { code, said, .. } = alone.end();
    assert_eq!(code, Some(1), "{said}");
    for part in ["worker 0, which makes the tables of all", "start worker 0"] {
        assert!(said.contains(part), "{said}");
    }
    let report = report(&place, "1");
    assert_eq!((report.status, report.steps.len()), (Status::Failed, 0));
    assert_eq!(schemas(&server), "");
}
