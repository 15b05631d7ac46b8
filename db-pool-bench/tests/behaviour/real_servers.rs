//! Tests of every scenario on servers in realistic states: with TLS verified in full, SCRAM and a
//! role without `pg_monitor`; with no connection free; restarted during the run.

use crate::common::{PASSWORD, Talk, bench, complete, postgres};
use crate::tls_server::tls_server;
use bench_report::{Report, Status, WarningCode};
use pg_evidence::failure::is_server_gone;
use test_support::{Certificates, Ended, RunningProgram, TestDirectory, eventually};
use testbed::Postgres;

/// Scenarios, each with flags that make its run short.
const SCENARIOS: [(&str, &str); 5] = [
    (
        "sweep",
        "--driver wire,direct,deadpool --pool-sizes 2 --users 2 --repeats 1 --warmup 0 --duration 300ms",
    ),
    (
        "scale",
        "--driver deadpool --pool-size 2 --users 1,3 --repeats 1 --warmup 0 --duration 300ms",
    ),
    (
        "exhaust",
        "--driver deadpool --pool-size 2 --users 3 --holder slow-query --keep 300ms --duration 300ms",
    ),
    (
        "lifecycle",
        "--driver deadpool --pool-size 2 --peak-rate 40 --duration 300ms --idle 300ms",
    ),
    ("observe", "--duration 1s"),
];

fn succeeded(report: &Report) -> u64 {
    let operations = report
        .steps
        .iter()
        .flat_map(|step| step.operations.values());
    operations.map(|operation| operation.succeeded).sum()
}

/// The connection requires channel binding, which proves that the login uses SCRAM over TLS.
#[test]
fn by_scram_over_verified_tls_a_role_without_pg_monitor_can_do_everything() {
    let place = TestDirectory::new();
    let certificates = Certificates::made_in(place.path());
    let server = tls_server(&certificates);
    let talk = Talk::to(server.url());
    talk.execute(&format!(
        "CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}'; GRANT CREATE ON DATABASE plimsoll TO shop"
    ));
    let is_monitor = "SELECT pg_has_role('shop', 'pg_monitor', 'member')::text";
    assert_eq!(talk.names(is_monitor), ["false"]);
    let url = format!(
        "postgres://shop:{PASSWORD}@localhost:{}/plimsoll?sslmode=verify-full&sslrootcert={}&channel_binding=require",
        server.port(),
        certificates.authority.display()
    );
    for (scenario, args) in SCENARIOS {
        let ran = complete(&url, scenario, args);
        let ended = (ran.code, ran.report.status);
        assert_eq!(ended, (0, Status::Complete), "{scenario}: {}", ran.said);
        // What observe sees is of others.
        let loaded = scenario == "observe" || succeeded(&ran.report) > 0;
        assert!(loaded, "{scenario}: {}", ran.said);
        if scenario == "lifecycle" {
            let figures = &ran.report.summary.figures;
            assert!(figures["connect.tls_ns"] > 0.0, "{}", ran.said);
            assert!(ran.said.contains("TLS "), "{}", ran.said);
        }
        let mut seen = ran
            .report
            .steps
            .iter()
            .filter_map(|step| step.server.as_ref());
        // lifecycle counts connections by itself.
        assert!(
            scenario == "lifecycle"
                || seen.any(|evidence| evidence.figures.contains_key("database.commits")),
            "{scenario}: {}",
            ran.said
        );
        talk.assert_nothing_is_left();
    }
}

#[test]
fn a_server_without_a_free_connection_is_told_as_such_by_every_scenario() {
    let server = postgres(&[
        ("max_connections", "5"),
        ("superuser_reserved_connections", "0"),
    ]);
    let _others: Vec<Talk> = (0..5).map(|_| Talk::to(server.url())).collect();
    for (scenario, args) in SCENARIOS {
        let output = bench(&TestDirectory::new(), scenario, args)
            .env("DATABASE_URL", server.url())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{scenario}: {said}");
        assert!(said.contains("too many clients"), "{scenario}: {said}");
    }
}

/// Scenarios with flags that make the run long enough for a restart of the server and for requests
/// after it.
const LONGER: [(&str, &str); 2] = [
    (
        "scale",
        "--driver deadpool --pool-size 2 --users 1,3 --repeats 1 --warmup 0 --duration 3s",
    ),
    ("observe", "--duration 5s"),
];

/// The server does not count as a throwaway one, as for a user who examines the effect of a
/// restart, so the rules that protect a server are in force.
#[test]
fn a_restart_in_the_course_of_a_pool_is_a_gap_after_which_its_connections_are_established_again() {
    let mut server = postgres(&[]);
    let place = TestDirectory::new();
    let args = "--driver deadpool --pool-size 4 --peak-rate 50 --spike 2 --duration 4s --idle 500ms \
                --idle-timeout 1m --workload point-select";
    let mut command = bench(&place, "lifecycle", args);
    let running = RunningProgram::start(command.env("DATABASE_URL", server.url()));
    let talk = Talk::to(server.url());
    // Only a pool's connections last, and one of this age has been counted long since.
    let pool = "SELECT pid::text FROM pg_stat_activity WHERE application_name ~ '^plimsoll_[^.]*$'
                AND backend_start < clock_timestamp() - interval '1 second'";
    eventually("the pool has connections", || !talk.names(pool).is_empty());
    drop(talk);
    server.restart().unwrap();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let report = place.report("run/db-pool-bench.lifecycle.json");
    assert_eq!(report.status, Status::Complete, "{said}");
    let figures = &report.summary.figures;
    let figure = |name: &str| figures[&format!("deadpool.{name}")];
    assert!(figure("uncounted_ns") > 0.0, "{said}");
    assert!((1.0..=4.0).contains(&figure("lost")), "{figures:?}: {said}");
    assert!(
        (1.0..=figure("lost")).contains(&figure("reestablished")),
        "{figures:?}: {said}"
    );
    let text = said.replace("\n  ", " ");
    assert!(
        text.contains("the server could not be asked for") && text.contains("re-established"),
        "{said}"
    );
    assert!(casts_doubt(&report, "/operations"), "{said}");
    // The course went on to its end, and its end was counted.
    let last = report.steps.last().unwrap();
    assert!(last.is_with(&[("part", "spike after idle")]), "{said}");
    assert!(last.throughput_per_s() > 0.0 && last.figures.contains_key("server.open_at_end"));
    let seen = last.server.as_ref().unwrap();
    assert!(
        seen.figures.contains_key("sessions.cpu_mean"),
        "the watch is back too: {:?}",
        seen.unavailable
    );
    assert!(
        seen.unavailable.contains_key("database"),
        "counters of before mean nothing: {:?}",
        seen.unavailable
    );
    Talk::to(server.url()).assert_nothing_is_left();
}

/// Returns true if the report warns that the server was away, and that warning puts a value of some
/// step in doubt whose JSON pointer ends with `what`.
fn casts_doubt(report: &Report, what: &str) -> bool {
    let mut doubts = report.warnings.iter();
    let doubt = doubts.find(|warning| warning.code == WarningCode::TargetAway);
    doubt.is_some_and(|doubt| doubt.spoils.iter().any(|pointer| pointer.ends_with(what)))
}

#[test]
fn a_restart_under_an_exhausted_pool_is_a_gap_and_no_reason_to_end() {
    let mut server = postgres(&[]);
    let place = TestDirectory::new();
    // Users go on beside the one holder, so that far more than a tenth of them meet the restart.
    let args = "--driver deadpool --pool-size 3 --holders 1 --users 6 --holder slow-query \
                --keep 4s --duration 1500ms --workload point-select --stop-on errors>2%";
    let mut command = bench(&place, "exhaust", args);
    let running = RunningProgram::start(command.env("DATABASE_URL", server.url()));
    let talk = Talk::to(server.url());
    let held = "SELECT pid::text FROM pg_stat_activity WHERE application_name LIKE 'plimsoll%'
                AND wait_event = 'PgSleep'";
    eventually("a connection is kept", || !talk.names(held).is_empty());
    drop(talk);
    server.restart().unwrap();
    let Ended { code, said, .. } = running.end();
    let report = place.report("run/db-pool-bench.exhaust.json");
    assert_eq!((code, report.status), (Some(0), Status::Complete), "{said}");
    let [before, held, after] = &report.steps[..] else {
        panic!("{said}");
    };
    assert!(!before.figures.contains_key("server.uncounted_ns"));
    let figure = |name: &str| held.figures[name];
    assert!(figure("server.uncounted_ns") > 0.0, "{said}");
    assert!((1.0..=3.0).contains(&figure("server.lost")), "{said}");
    assert!(figure("server.reestablished") >= 1.0, "{said}");
    assert!(figure("holders.kept") >= 2.0, "it asked again: {said}");
    let errors = held.operations.values().flat_map(|o| &o.errors);
    let of_absence = errors.filter(|(kind, _)| is_server_gone(kind));
    assert!(
        of_absence.map(|(_, count)| count).sum::<u64>() >= 20,
        "enough for a rule to judge by: {said}"
    );
    assert!(after.throughput_per_s() > 0.0, "{said}");
    for what in ["/operations", "/figures/wait.longest_ns"] {
        assert!(casts_doubt(&report, what), "{what}: {said}");
    }
    let text = said.replace("\n  ", " ");
    assert!(text.contains("the server could not be asked for"), "{said}");
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn a_restart_in_the_middle_costs_some_requests_and_no_run() {
    std::thread::scope(|scope| {
        for (scenario, args) in LONGER {
            scope.spawn(move || restarted(scenario, args));
        }
    });
}

fn restarted(scenario: &str, args: &str) {
    let mut server: Postgres = postgres(&[]);
    let place = TestDirectory::new();
    let mut command = bench(&place, scenario, args);
    command.env("DATABASE_URL", server.url());
    command.env(testbed::token::ENV, testbed::token::mark([server.url()]));
    let mut running = RunningProgram::start(&mut command);
    let begun = if scenario == "observe" {
        running.wait_for("phase: measure");
        "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'plimsoll%.watch'"
    } else {
        "SELECT 1 FROM pg_stat_user_tables WHERE relname = 'pgbench_accounts' AND idx_scan > 0"
    };
    let talk = Talk::to(server.url());
    let begun = format!("SELECT CASE WHEN EXISTS ({begun}) THEN 'yes' ELSE 'no' END");
    eventually("the load has begun", || talk.names(&begun) == ["yes"]);
    drop(talk);
    server.restart().unwrap();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{scenario}: {said}");
    let report = place.report(format!("run/db-pool-bench.{scenario}.json"));
    assert_eq!(report.status, Status::Complete, "{scenario}: {said}");
    assert!(scenario == "observe" || succeeded(&report) > 0, "{said}");
    let mut evidence = report.steps.iter().filter_map(|step| step.server.as_ref());
    assert!(
        evidence.any(|evidence| !evidence.unavailable.is_empty()),
        "{scenario}: what was lost is told: {said}"
    );
    Talk::to(server.url()).assert_nothing_is_left();
}
