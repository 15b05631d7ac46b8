//! Tests of `observe`: reading a server under a load that another program creates.

use std::process::Command;
use std::time::Duration;

use crate::common::{PASSWORD, Talk, postgres};
use bench_report::{EvidenceRow, Report, Status};
use nix::sys::signal::Signal;
use test_support::{RunningProgram, TestDirectory};

const REPORT: &str = "run/db-pool-bench.observe.json";
/// Secret value in the statements of the planted sessions, which the report must not contain.
const VALUE: &str = "Zq7secretqZ";

fn observe(place: &TestDirectory, args: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_db-pool-bench");
    let mut command = place.command(program, &["observe", "--run-dir", "run"]);
    command.args(args.split_whitespace());
    command
}

fn table<'a>(report: &'a Report, name: &str) -> &'a [EvidenceRow] {
    let tables = &report.steps[0].server.as_ref().unwrap().tables;
    tables.get(name).map_or(&[], Vec::as_slice)
}

/// Creates a table, and two sessions on it: `shop` leaves a transaction open that has changed a
/// row, and `job` waits for the lock on that row for about 4 s. Returns the thread that commits and
/// ends both.
fn planted(url: &str) -> std::thread::JoinHandle<()> {
    let shop = Talk::to(url);
    shop.execute(
        "CREATE TABLE stock (id int, n int, note text); INSERT INTO stock VALUES (1, 0, '')",
    );
    shop.execute("SET application_name = 'shop'");
    shop.execute(&format!(
        "BEGIN; UPDATE stock SET n = 1, note = '{VALUE}' WHERE id = 1"
    ));
    let job = Talk::to(url);
    job.execute("SET application_name = 'job'");
    std::thread::spawn(move || {
        let waiting = std::thread::spawn(move || {
            job.execute(&format!(
                "UPDATE stock SET n = 2, note = '{VALUE}' WHERE id = 1"
            ));
        });
        std::thread::sleep(Duration::from_secs(4));
        shop.execute("COMMIT");
        waiting.join().unwrap();
    })
}

#[test]
fn what_was_planted_is_seen_without_values_and_nothing_is_written() {
    let server = postgres(&[]);
    let load = planted(server.url());
    let place = TestDirectory::new();
    let url = format!(
        "{}?options=-c%20default_transaction_read_only%3Don",
        server.url()
    );
    let output = observe(&place, "--duration 3s --interval 1s")
        .args(["--url", &url])
        .output()
        .unwrap();
    load.join().unwrap();
    let said =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = std::fs::read_to_string(place.path().join(REPORT)).unwrap();
    for secret in [VALUE, PASSWORD] {
        assert!(!text.contains(secret) && !said.contains(secret), "{said}");
    }

    let report = place.report(REPORT);
    assert_eq!(
        (report.status, report.scenario.as_str()),
        (Status::Complete, "observe")
    );
    let shop = table(&report, "connections")
        .iter()
        .find(|row| row.labels["application"] == "shop");
    let shop = shop.unwrap();
    assert_eq!(shop.labels["state"], "idle in transaction");
    assert!(
        (shop.figures["sessions_mean"] - 1.0).abs() < 0.05,
        "{shop:?}"
    );
    let pair = &table(&report, "blocking")[0].labels;
    assert_eq!(
        (pair["waiting"].as_str(), pair["blocking"].as_str()),
        ("job", "shop")
    );
    assert_eq!(
        pair["waiting_statement"],
        "UPDATE stock SET n = ?, note = ? WHERE id = ?"
    );
    let running = &table(&report, "running")[0];
    assert!(running.figures["longest_s"] > 1.0, "{running:?}");
    let figures = &report.steps[0].server.as_ref().unwrap().figures;
    assert!(figures["sessions.lock_mean"] > 0.9 && figures["waits.Lock.transactionid_mean"] > 0.9);
    assert!(report.summary.figures["connections.headroom"] > 90.0);
    let lock = report
        .series
        .iter()
        .find(|s| s.name == "server.sessions.lock_mean")
        .unwrap();
    assert!(lock.len() >= 2 && lock.mean[0] > Some(0.5), "{lock:?}");
    assert!(
        said.contains("longest wait") && said.contains("Lock.transactionid"),
        "{said}"
    );
    assert!(said.contains("Who holds up whom"), "{said}");
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn a_role_that_may_not_see_others_is_told_so_and_sees_what_it_may() {
    let server = postgres(&[]);
    let load = planted(server.url());
    Talk::to(server.url()).execute(&format!("CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'"));
    let place = TestDirectory::new();
    let url = server.url().replace("//plimsoll:", "//guest:");
    let output = observe(&place, "--duration 1s")
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    load.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report = place.report(REPORT);
    let evidence = report.steps[0].server.as_ref().unwrap();
    assert!(
        evidence.unavailable["sessions"].contains("pg_read_all_stats"),
        "{evidence:?}"
    );
    assert!(evidence.figures["database.commits"] > 0.0, "{evidence:?}");
    let hidden = table(&report, "connections")
        .iter()
        .find(|row| row.labels["application"] == "shop");
    assert_eq!(hidden.unwrap().labels["state"], "hidden");
}

#[test]
fn a_signal_ends_it_with_what_was_seen_and_without_a_server_there_is_nothing_to_see() {
    let place = TestDirectory::new();
    let output = observe(&place, "").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--url"));

    let server = postgres(&[]);
    let mut running =
        RunningProgram::start(observe(&place, "--duration 1h").env("DATABASE_URL", server.url()));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(500));
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().code, Some(130));
    let report = place.report(REPORT);
    assert_eq!(report.status, Status::Interrupted);
    let figures = &report.steps[0].server.as_ref().unwrap().figures;
    assert!(figures["sessions.samples"] >= 1.0);
}
