//! Tests with servers that run out of connections, or that come back after a crash, under load.

use crate::common::{PASSWORD, Ran, Talk, bench, complete, postgres, report, sweep};
use bench_report::{Report, Status, Step, StepEnd, WarningCode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::Postgres;

const SHORT: &str = "--driver deadpool --repeats 1 --warmup 0 --duration 200ms";

/// Returns the reason why the step with a pool of `size` connections failed. Panics unless it
/// failed and the report warns of too low a limit.
fn refusal(report: &Report, size: f64) -> &str {
    let step = report
        .steps
        .iter()
        .find(|s| s.parameter("pool_size") == Some(size))
        .unwrap();
    let StepEnd::Failed { reason } = &step.end else {
        panic!("{:?}", step.end);
    };
    assert!(
        report
            .warnings
            .iter()
            .any(|w| w.code == WarningCode::LimitTooLow)
    );
    reason
}

fn swept(url: &str, args: &str) -> (Report, i32, String) {
    let place = TestDirectory::new();
    let output = sweep(&place, &format!("{SHORT} {args}"))
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (report(&place), output.status.code().unwrap(), said)
}

#[test]
fn the_limits_of_role_and_database_and_the_bound_of_the_server_hold_before_a_step() {
    let server = postgres(&[("max_connections", "20")]);
    let talk = Talk::to(server.url());
    talk.execute(&format!(
        "CREATE ROLE app LOGIN CONNECTION LIMIT 6 PASSWORD '{PASSWORD}'; GRANT CREATE ON DATABASE plimsoll TO app"
    ));
    let url = server.url().replace("//plimsoll:", "//app:");
    let (limited, code, said) = swept(&url, "--pool-sizes 2,6");
    assert_eq!(code, 0, "{said}");
    assert!(
        refusal(&limited, 6.0).contains("the role is allowed 6 connections"),
        "{said}"
    );

    talk.execute("ALTER ROLE app CONNECTION LIMIT -1; ALTER DATABASE plimsoll CONNECTION LIMIT 8");
    let (limited, _, said) = swept(&url, "--pool-sizes 2,7");
    assert!(
        refusal(&limited, 7.0).contains("the database is allowed 8"),
        "{said}"
    );

    talk.execute("ALTER DATABASE plimsoll CONNECTION LIMIT -1");
    let (limited, _, said) = swept(&url, "--pool-sizes 2,14");
    assert!(
        refusal(&limited, 14.0).contains("80 % of max_connections"),
        "{said}"
    );
    let (all, code, said) = swept(server.url(), "--pool-sizes 14 --most-connections 100%");
    assert_eq!((code, all.status), (0, Status::Complete), "{said}");
}

#[test]
fn a_step_ends_when_others_need_the_connections() {
    let server = postgres(&[("max_connections", "20")]);
    let place = TestDirectory::new();
    let args = "--driver deadpool --pool-sizes 4 --repeats 1 --warmup 0 --duration 30s";
    let mut running = RunningProgram::start(sweep(&place, args).env("DATABASE_URL", server.url()));
    running.wait_for("phase: measure");
    let others: Vec<Talk> = (0..12).map(|_| Talk::to(server.url())).collect();
    let Ended { code, said, .. } = running.end();
    drop(others);
    let report = report(&place);
    assert_eq!((code, report.status), (Some(3), Status::Stopped), "{said}");
    let StepEnd::Stopped { rule, reason } = &report.steps[0].end else {
        panic!("{:?}", report.steps[0].end);
    };
    assert_eq!(rule, "connections>80%");
    assert!(
        reason.ends_with("of the server's 20 connections were in use"),
        "{reason}"
    );
    Talk::to(server.url()).assert_nothing_is_left();
}

/// Returns the last step, which a stop rule ended early, with the name of the rule and the reason.
/// Panics if no rule ended it.
fn stopped(report: &Report) -> (&Step, &str, &str) {
    let last = report.steps.last().unwrap();
    let StepEnd::Stopped { rule, reason } = &last.end else {
        panic!("{}: {:?}", last.name, last.end);
    };
    (last, rule, reason)
}

/// Scenarios and flags of runs of 20 s or more, which only a stop rule can end within the test's
/// time.
const COURSES: [(&str, &str); 2] = [
    (
        "exhaust",
        "--holder slow-query --pool-size 4 --duration 20s --keep 20s",
    ),
    (
        "lifecycle",
        "--driver deadpool --pool-size 4 --peak-rate 500 --duration 20s --idle 20s",
    ),
];

#[test]
fn a_course_ends_when_others_need_the_connections() {
    for (scenario, args) in COURSES {
        let server = postgres(&[("max_connections", "20")]);
        let place = TestDirectory::new();
        let mut running =
            RunningProgram::start(bench(&place, scenario, args).env("DATABASE_URL", server.url()));
        // The line with the run's name is printed before the run begins.
        running.wait_for("deadpool");
        let others: Vec<Talk> = (0..12).map(|_| Talk::to(server.url())).collect();
        let Ended { code, said, .. } = running.end();
        drop(others);
        let report = place.report(format!("run/db-pool-bench.{scenario}.json"));
        assert_eq!((code, report.status), (Some(3), Status::Stopped), "{said}");
        let (_, rule, reason) = stopped(&report);
        assert_eq!(rule, "connections>80%", "{scenario}");
        assert!(
            reason.ends_with("of the server's 20 connections were in use"),
            "{scenario}: {reason}"
        );
        Talk::to(server.url()).assert_nothing_is_left();
    }
}

/// Runs `scenario` on the server at `url` with a script of which half of the requests fail on the
/// server with a division by zero.
fn with_a_failing_script(url: &str, scenario: &str, args: &str) -> Ran {
    let place = TestDirectory::new();
    let script = place.path().join("half.sql");
    std::fs::write(&script, "\\set n random(0, 1)\nSELECT 1 / :n\n").unwrap();
    complete(
        url,
        scenario,
        &format!("{args} --script {}", script.display()),
    )
}

#[test]
fn a_course_ends_at_errors_of_the_server_and_keeps_what_was_measured() {
    let server = postgres(&[]);
    for (scenario, args) in COURSES {
        let ran = with_a_failing_script(server.url(), scenario, args);
        assert_eq!(
            (ran.code, ran.report.status),
            (3, Status::Stopped),
            "{}",
            ran.said
        );
        let (step, rule, reason) = stopped(&ran.report);
        assert_eq!(rule, "errors>10%", "{scenario}");
        assert!(reason.contains("requests failed"), "{scenario}: {reason}");
        let failed = &step.operations["half"];
        assert!(
            failed.errors["sqlstate.22012"] > 0 && failed.succeeded > 0,
            "{scenario}: {failed:?}"
        );
        // The part that was stopped may be too short for a sample on a slow machine, and says so.
        let seen = step.server.as_ref().unwrap();
        let mut reasons = seen.unavailable.values();
        let unseen = reasons.any(|why| why.contains("no sample was taken"));
        assert_eq!(
            seen.figures.contains_key("sessions.cpu_mean"),
            !unseen,
            "{scenario}: {seen:?}"
        );
        assert!(ran.said.contains("stopped by errors>10%"), "{}", ran.said);
        if scenario == "lifecycle" {
            let headline = &ran.report.summary.headline;
            assert!(
                headline.contains("whether every connection came back is not known"),
                "nobody looked: {headline}"
            );
        }
    }
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn a_rule_of_the_users_own_takes_the_place_of_ours() {
    let server = postgres(&[]);
    let ran = with_a_failing_script(
        server.url(),
        "exhaust",
        "--holder slow-query --pool-size 2 --duration 1s --keep 1s --stop-on errors>90%",
    );
    assert_eq!(
        (ran.code, ran.report.status),
        (0, Status::Complete),
        "{}",
        ran.said
    );
    assert_eq!(ran.report.steps.len(), 3, "{}", ran.said);
}

#[test]
fn a_server_without_a_free_connection_is_told_from_one_that_is_down() {
    let server = postgres(&[
        ("max_connections", "5"),
        ("superuser_reserved_connections", "0"),
    ]);
    let others: Vec<Talk> = (0..5).map(|_| Talk::to(server.url())).collect();
    let (report, code, said) = swept(server.url(), "--pool-sizes 1");
    assert_eq!((code, report.status), (1, Status::Failed), "{said}");
    assert!(
        said.contains("too many clients") && said.contains("raise max_connections"),
        "{said}"
    );
    drop(others);
}

/// Way in which a server goes away under load and comes back.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// The server is restarted: it closes every session in order, and refuses connections
    /// meanwhile.
    Restart,
    /// A backend is killed, and the server ends all others: it recovers, and then accepts clients
    /// again.
    Crash,
}

impl Loss {
    fn strike(self, server: &mut Postgres) {
        match self {
            Self::Restart => server.restart().unwrap(),
            Self::Crash => {
                let victim = Talk::to(server.url()).names(
                    "SELECT pid::text FROM pg_stat_activity WHERE application_name LIKE 'plimsoll%' LIMIT 1",
                );
                kill(Pid::from_raw(victim[0].parse().unwrap()), Signal::SIGKILL).unwrap();
            }
        }
    }
}

#[test]
fn after_a_loss_in_the_middle_the_errors_are_told_and_the_next_step_is_sound() {
    let losses = [
        ("wire", Loss::Restart),
        ("direct", Loss::Restart),
        ("deadpool", Loss::Restart),
        ("deadpool", Loss::Crash),
        ("sqlx", Loss::Restart),
    ];
    std::thread::scope(|scope| {
        for (driver, loss) in losses {
            scope.spawn(move || lost(driver, loss));
        }
    });
}

fn lost(driver: &str, loss: Loss) {
    let mut server = postgres(&[]);
    let place = TestDirectory::new();
    let args =
        "--pool-sizes 4 --users 4 --warmup 0 --duration 3s --repeats 2 --workload read-heavy";
    let mut command = sweep(&place, args);
    command
        .args(["--driver", driver])
        .env("DATABASE_URL", server.url());
    command.env(testbed::token::ENV, testbed::token::mark([server.url()]));
    let mut running = RunningProgram::start(&mut command);
    running.wait_for("phase: measure");
    loss.strike(&mut server);
    let Ended { code, said, .. } = running.end();
    let driver = format!("{driver}, {loss:?}");
    assert_eq!(code, Some(0), "{driver}: {said}");
    let report = report(&place);
    let [hit, next] = &report.steps[..] else {
        panic!("{driver}: {said}");
    };
    // sqlx checks each connection before it hands it out, so it may hide the lost ones completely.
    assert!(
        driver.starts_with("sqlx") || hit.error_ratio() > Some(0.0),
        "{driver}: the sessions were ended"
    );
    assert!(hit.throughput_per_s() > 0.0, "{driver}: and came back");
    let gone = &hit.server.as_ref().unwrap().unavailable;
    assert!(gone.contains_key("sessions"), "{driver}: {gone:?}");
    assert_eq!(
        next.error_ratio(),
        Some(0.0),
        "{driver}: {:?}",
        next.failures
    );
    let evidence = next.server.as_ref().unwrap();
    assert!(
        evidence.figures.contains_key("sessions.cpu_mean"),
        "{driver}: {evidence:?}"
    );
    Talk::to(server.url()).assert_nothing_is_left();
}
