//! Tests with a server that is killed under load.

use std::time::Duration;

use crate::common::{postgres, report, sweep};
use bench_report::{Status, StepEnd};
use test_support::{Ended, RunningProgram, TestDirectory, left_behind};

/// Kinds of failures that show that the server is gone.
const GONE: [&str; 7] = [
    "refused",
    "reset",
    "closed",
    "io",
    "sqlstate.57P01",
    "sqlstate.57P02",
    "timeout.checkout",
];

fn killed_under(driver: &str, throwaway: bool) -> (bench_report::Report, i32, String) {
    let mut server = postgres(&[]);
    let place = TestDirectory::new();
    let mut command = sweep(
        &place,
        "--pool-sizes 2 --warmup 0 --duration 1500ms --repeats 2 --checkout-timeout 500ms",
    );
    command
        .args(["--driver", driver])
        .env("DATABASE_URL", server.url());
    if throwaway {
        command.env(testbed::token::ENV, testbed::token::mark([server.url()]));
    }
    let mut running = RunningProgram::start(&mut command);
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(300));
    server.kill();
    let Ended { code, said, .. } = running.end();
    (report(&place), code.unwrap(), said)
}

fn assert_it_is_told(driver: &str, throwaway: bool) -> (bench_report::Report, i32) {
    let (report, code, said) = killed_under(driver, throwaway);
    let first = &report.steps[0];
    let kinds: Vec<&String> = first
        .operations
        .values()
        .flat_map(|o| o.errors.keys())
        .collect();
    assert!(!kinds.is_empty(), "{driver}: no error was counted: {said}");
    assert!(
        kinds.iter().all(|kind| GONE.contains(&kind.as_str())),
        "{driver}: {kinds:?}"
    );
    assert!(
        first
            .failures
            .iter()
            .all(|failure| !failure.message.is_empty())
    );
    let later = &report.steps[1];
    assert!(
        matches!(&later.end, StepEnd::Failed { reason } if reason.contains("cannot connect")),
        "{driver}: {:?}",
        later.end
    );
    let left = left_behind(&report).unwrap();
    assert!(
        left.contains("psql") && left.contains("DROP SCHEMA"),
        "{left}"
    );
    (report, code)
}

#[test]
fn errors_are_counted_by_kind_and_the_guard_of_the_users_server_ends_the_step() {
    let (report, code) = assert_it_is_told("deadpool", false);
    assert_eq!((report.status, code), (Status::Stopped, 3));
    assert!(matches!(&report.steps[0].end, StepEnd::Stopped { rule, .. } if rule == "errors>10%"));
    let figures = report.steps[0].server.as_ref().unwrap();
    assert!(figures.unavailable.contains_key("database"), "{figures:?}");
}

#[test]
fn without_a_guard_the_run_goes_on_and_tells_what_it_saw() {
    for driver in ["wire", "direct", "sqlx"] {
        let (report, code) = assert_it_is_told(driver, true);
        assert_eq!((report.status, code), (Status::Complete, 0), "{driver}");
        assert_eq!(report.steps[0].end, StepEnd::Completed, "{driver}");
    }
}
