//! Tests of the evidence about a step that is read from the server, on a real server of any
//! version.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    clippy::print_stdout
)]

mod common;

use std::time::Duration;

use bench_report::{Report, ServerEvidence};
use common::{PASSWORD, Talk, postgres, report, sweep};
use test_support::{RunningProgram, TestDirectory};

/// Names of figures that every server from version 13 on reports to every role.
const ALWAYS: [&str; 9] = [
    "database.commits",
    "database.cache_hit_ratio",
    "database.rows_updated",
    "bgwriter.buffers_allocated",
    "checkpointer.requested",
    "sessions.cpu_mean",
    "connections.limit",
    "transactions.oldest_s",
    "deltas.span_s",
];
/// Major version of the server from which on a figure is reported, and the name of the figure.
const SINCE: [(i64, &str); 4] = [
    (14, "wal.bytes"),
    (14, "database.active_ns"),
    (16, "io.client_writes"),
    (18, "io.wal_writes"),
];

fn measured(url: &str, args: &str) -> (Report, String) {
    let place = TestDirectory::new();
    let output = sweep(&place, args)
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    (report(&place), said)
}

fn evidence(report: &Report) -> &ServerEvidence {
    report.steps[0].server.as_ref().unwrap()
}

fn version(talk: &Talk) -> i64 {
    let version = talk.names("SELECT current_setting('server_version_num')");
    version[0].parse::<i64>().unwrap() / 10_000
}

#[test]
fn a_step_has_all_that_this_version_tells_and_reasons_for_what_it_does_not() {
    let server = postgres(&[]);
    let version = version(&Talk::to(server.url()));
    let (report, _) = measured(
        server.url(),
        "--driver deadpool --pool-sizes 4 --users 4 --repeats 1 --warmup 0 --duration 1s --workload write-heavy",
    );
    let ServerEvidence {
        figures,
        tables,
        unavailable,
    } = evidence(&report);
    for name in ALWAYS {
        assert!(
            figures.contains_key(name),
            "{version}: no {name}: {figures:?} {unavailable:?}"
        );
    }
    for (since, name) in SINCE {
        assert_eq!(
            figures.contains_key(name),
            version >= since,
            "{version}: {name}"
        );
        let view = name.split_once('.').unwrap().0;
        let told = unavailable.contains_key(view)
            || name.starts_with("database.")
            || view == "io" && version >= 16;
        assert!(
            version >= since || told,
            "{version}: {name} is missing without a reason"
        );
    }
    assert!(unavailable.values().all(|reason| !reason.is_empty()));
    let rate = figures["sessions.samples_per_s"];
    assert!(
        rate <= 21.0,
        "at most 20 samples a second and one more: {rate}"
    );
    // If the extension is installed, the statements of the load come first, and none of the bench's own is
    // listed.
    if let Some(rows) = tables.get("statements") {
        let shapes: Vec<&str> = rows
            .iter()
            .map(|row| row.labels["statement"].as_str())
            .collect();
        assert!(
            shapes.iter().any(|s| s.starts_with("UPDATE plimsoll_")),
            "{shapes:?}"
        );
        assert!(!shapes.iter().any(|s| s.contains("pg_stat")), "{shapes:?}");
        assert!(figures["statements.calls"] >= report.steps[0].throughput_per_s());
    } else {
        assert!(
            unavailable["statements"].contains("pg_stat_statements"),
            "{unavailable:?}"
        );
    }
    let settings = &report.config["server_settings"];
    assert_eq!(settings["max_connections"], "100");
    assert_eq!(settings["shared_buffers"], "128MB");
}

#[test]
fn a_role_without_pg_monitor_sees_its_own_step_and_is_told_what_it_may_not_see() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    let role = format!(
        "CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; GRANT CREATE ON DATABASE plimsoll TO app"
    );
    talk.execute(&role);
    let url = server.url().replace("//plimsoll:", "//app:");
    let args = "--driver deadpool --pool-sizes 2 --users 2 --repeats 1 --warmup 0 --duration 500ms";
    let (first, _) = measured(&url, args);
    let own = evidence(&first);
    assert!(own.figures["sessions.cpu_mean"] >= 0.0 && own.figures["database.commits"] > 0.0);
    assert!(
        !own.unavailable.contains_key("sessions"),
        "{:?}",
        own.unavailable
    );
    if !own.tables.contains_key("statements") {
        assert!(own.unavailable.contains_key("statements"));
    }

    talk.execute("REVOKE SELECT ON pg_stat_database, pg_stat_bgwriter FROM PUBLIC");
    let (second, _) = measured(&url, args);
    let less = evidence(&second);
    for view in ["database", "bgwriter"] {
        assert!(
            less.unavailable[view].contains("permission denied"),
            "{:?}",
            less.unavailable
        );
        let zero = less
            .figures
            .keys()
            .find(|name| name.starts_with(&format!("{view}.")));
        assert_eq!(zero, None, "what was not read is no figure");
    }
    assert!(
        less.figures.contains_key("sessions.cpu_mean"),
        "the rest is there"
    );
}

#[test]
fn who_holds_up_whom_is_told_without_anybodys_values() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    let place = TestDirectory::new();
    let args = "--driver deadpool --pool-sizes 2 --users 2 --repeats 1 --warmup 0 --duration 2s --workload write-heavy";
    let mut running = RunningProgram::start(sweep(&place, args).env("DATABASE_URL", server.url()));
    running.wait_for("phase: measure");
    let schema = talk.schemas().remove(0);
    talk.execute(&format!(
        "BEGIN; LOCK TABLE {schema}.pgbench_accounts; SELECT 'Zq7secretqZ'; SELECT pg_sleep(1.2); COMMIT"
    ));
    assert_eq!(running.end().code, Some(0));
    let report = report(&place);
    let ServerEvidence {
        figures, tables, ..
    } = evidence(&report);
    assert!(figures["sessions.lock_mean"] > 0.0);
    assert!(figures["waits.Lock.relation_mean"] > 0.0, "{figures:?}");
    assert_eq!(figures["blocking.chain_max"], 2.0);
    let pair = &tables["blocking"][0].labels;
    assert!(pair["relation"].ends_with(".pgbench_accounts"), "{pair:?}");
    assert_eq!(pair["blocking"], "a_test", "{pair:?}");
    assert!(
        pair["blocking_statement"].starts_with("BEGIN; LOCK TABLE"),
        "{pair:?}"
    );
    assert!(
        !format!("{tables:?}").contains("Zq7secretqZ"),
        "a value was shown"
    );
}

/// Returns the CPU time that a process has used since its start, in nanoseconds, from the kernel.
fn cpu_ns(pid: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// Collecting evidence at the default rate must take at most a hundredth of a core of the server,
/// during a load that keeps all connections busy.
#[test]
fn looking_takes_at_most_a_hundredth_of_a_core_of_the_server() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    let place = TestDirectory::new();
    let args = "--driver deadpool --pool-sizes 16 --users 32 --repeats 1 --warmup 0 --duration 5s";
    let mut running = RunningProgram::start(sweep(&place, args).env("DATABASE_URL", server.url()));
    running.wait_for("phase: measure");
    let watching =
        "SELECT pid::text FROM pg_stat_activity WHERE application_name LIKE 'plimsoll%.watch'";
    let pid = talk.names(watching).remove(0);
    let (before, started) = (cpu_ns(&pid), std::time::Instant::now());
    std::thread::sleep(Duration::from_secs(4));
    let ratio = (cpu_ns(&pid) - before) as f64 / started.elapsed().as_nanos() as f64;
    assert_eq!(running.end().code, Some(0));
    println!(
        "the backend that looks took {:.2} % of a core",
        ratio * 100.0
    );
    assert!(ratio > 0.0 && ratio <= 0.01, "{ratio}");
    let told = evidence(&report(&place)).figures["watch.cpu_ratio"];
    assert!(
        (told / ratio - 1.0).abs() < 0.5,
        "told {told}, seen {ratio}"
    );
}
