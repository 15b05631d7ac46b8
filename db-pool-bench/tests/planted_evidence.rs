//! Tests with causes that are planted on a real server of any version: the step's evidence must
//! name each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    clippy::print_stdout
)]

mod common;
#[path = "common/scripting.rs"]
mod scripting;
#[path = "common/under_load.rs"]
mod under_load;

use std::time::Duration;

use bench_report::EvidenceRow;
use common::{PASSWORD, Talk, postgres};
use under_load::{STOCK, row, table, under_load, version};

/// A session outside the load holds a row lock in an idle transaction.
#[test]
fn the_root_of_a_queue_is_told_with_its_own_state_and_age() {
    let server = postgres(&[]);
    let shop = Talk::to(server.url());
    shop.execute(STOCK);
    shop.execute("SET application_name = 'shop'");
    let script = "UPDATE stock SET n = n + 1 WHERE id = 1;";
    let evidence = under_load(server.url(), script, || {
        shop.execute("BEGIN; UPDATE stock SET n = 0 WHERE id = 1");
        std::thread::sleep(Duration::from_millis(1_800));
        shop.execute("COMMIT");
    });
    let root = row(&evidence, "blockers", "blocking_application", "shop");
    assert_eq!(root.labels["lock"], "transactionid");
    assert_eq!(root.labels["relation"], "stock");
    assert_eq!(root.labels["blocking_state"], "idle in transaction");
    assert_eq!(root.labels["blocking_event"], "Client.ClientRead");
    assert_eq!(root.labels["ours"], "false");
    assert_eq!(
        root.labels["waiting_statement"],
        "UPDATE stock SET n = n + ? WHERE id = ?"
    );
    let age = root.figures["transaction_age_max_s"];
    assert!((0.2..10.0).contains(&age), "{age}");
    let (looks, waiting) = (root.figures["looks"], root.figures["waiting_mean"]);
    assert!(looks >= 1.0 && looks <= evidence.figures["locks.looks"]);
    assert!(waiting > 0.0 && waiting <= 4.0, "{waiting}");
    let waits = row(&evidence, "waiting_statements", "event", "Lock.");
    assert!(
        waits.labels["statement"].starts_with("UPDATE stock"),
        "{waits:?}"
    );
    assert!(evidence.figures["transactions.oldest_age_s"] >= age.min(1.0));
}

/// No session holds the row lock: it belongs to a prepared transaction.
#[test]
fn a_prepared_transaction_is_told_as_the_root() {
    let server = postgres(&[("max_prepared_transactions", "5")]);
    let talk = Talk::to(server.url());
    talk.execute(STOCK);
    let script = "UPDATE stock SET n = n + 1 WHERE id = 1;";
    let evidence = under_load(server.url(), script, || {
        talk.execute("BEGIN; UPDATE stock SET n = 0 WHERE id = 1; PREPARE TRANSACTION 'left'");
        std::thread::sleep(Duration::from_millis(1_500));
        talk.execute("ROLLBACK PREPARED 'left'");
        talk.execute("BEGIN; INSERT INTO stock VALUES (0, 0); PREPARE TRANSACTION 'still'");
    });
    let root = row(
        &evidence,
        "blockers",
        "blocking_state",
        "prepared transaction",
    );
    assert_eq!(
        root.labels["blocking_application"],
        "a prepared transaction"
    );
    assert!(root.figures["transaction_age_max_s"] > 0.0);
    assert_eq!(evidence.figures["transactions.prepared"], 1.0);
}

#[test]
fn an_advisory_lock_is_told_by_its_key() {
    let server = postgres(&[]);
    let script = "BEGIN; SELECT pg_advisory_xact_lock(7, 4711); SELECT pg_sleep(0.02); COMMIT;";
    let evidence = under_load(server.url(), script, || {});
    let root = row(&evidence, "blockers", "lock", "advisory");
    assert_eq!(root.labels["key"], "7:4711");
    assert_eq!(root.labels["blocking_application"], "ours");
    assert_eq!(root.labels["ours"], "true");
    assert!(evidence.figures["waits.Lock.advisory_mean"] > 1.0);
    let cost = evidence.figures["watch.cpu_ratio"];
    assert!(cost <= 0.01, "looking at locks as well: {cost}");
}

#[test]
fn a_sleeping_statement_is_told_with_its_event() {
    let server = postgres(&[]);
    let evidence = under_load(server.url(), "SELECT pg_sleep(0.05);", || {});
    let sleeps = row(&evidence, "waiting_statements", "event", "Timeout.PgSleep");
    assert_eq!(sleeps.labels["statement"], "SELECT pg_sleep(?)");
    let mean = sleeps.figures["sessions_mean"];
    assert!(mean > 2.0, "{mean}");
    assert!((mean - evidence.figures["waits.Timeout.PgSleep_mean"]).abs() < 1e-6);
}

/// CPU time must be assigned to the sessions that used it: those of the load, and a report in the
/// same server at the same time.
#[test]
fn cpu_time_is_told_by_application_and_with_it_the_time_without_a_cpu() {
    let server = postgres(&[]);
    let burner = Talk::to(server.url());
    burner.execute("SET application_name = 'report'");
    let script = "SELECT sum(i) FROM generate_series(1, 3000) i;";
    let evidence = under_load(server.url(), script, || {
        burner.execute("SELECT sum(i % 7) FROM generate_series(1, 1500000) i");
    });
    let of = |application: &str| row(&evidence, "processes", "application", application);
    assert!(of("report").figures["cpu_ns"] > 20e6, "{:?}", of("report"));
    assert_eq!(of("report").labels["backend_type"], "client backend");
    let load = &of("ours").figures;
    assert!(load["cpu_ns"] > 0.0 && load["ready_ns"] > 0.0, "{load:?}");
    assert!(load["count"] >= 4.0, "{load:?}");
    assert_eq!(evidence.figures["server.load_cpu_ns"], load["cpu_ns"]);
    assert_eq!(evidence.figures["server.load_ready_ns"], load["ready_ns"]);
    let (server, either) = (
        evidence.figures["cores_allowed"],
        evidence.figures["cores_allowed_either"],
    );
    let all = std::thread::available_parallelism().unwrap().get() as f64;
    assert!(
        server >= 1.0 && either >= all,
        "{server} and {either} of {all}"
    );
    let all: f64 = table(&evidence, "processes")
        .iter()
        .map(|row| row.figures["cpu_ns"])
        .sum();
    assert!((all / evidence.figures["server.cpu_ns"] - 1.0).abs() < 1e-9);
    let burning = row(&evidence, "backends", "application", "report");
    assert!(burning.figures["sessions_mean"] > 0.0);
    assert!(of("watch").figures["cpu_ns"] > 0.0);
}

/// Sessions that lasted for one statement leave no process to read; their CPU time must still be
/// part of the server's.
#[test]
fn the_time_of_sessions_that_are_gone_is_not_lost() {
    let server = postgres(&[]);
    let evidence = under_load(server.url(), "SELECT pg_sleep(0.1);", || {
        for _ in 0..5 {
            let report = Talk::to(server.url());
            report.execute("SELECT sum(i % 7) FROM generate_series(1, 500000) i");
        }
    });
    let ended = row(&evidence, "processes", "backend_type", "ended");
    let (ended, all) = (ended.figures["cpu_ns"], evidence.figures["server.cpu_ns"]);
    assert!(ended > 0.5 * all, "{ended} of {all}");
    assert!(evidence.unavailable["server.load_cpu_ns"].contains("ended"));
}

#[test]
fn tables_triggers_functions_and_keys_without_an_index_are_told() {
    let server = postgres(&[("track_functions", "all")]);
    let talk = Talk::to(server.url());
    talk.execute(STOCK);
    talk.execute(
        "CREATE TABLE lines (id int PRIMARY KEY, \"Stock\" int REFERENCES stock);
         CREATE TABLE indexed (id int PRIMARY KEY, stock int REFERENCES stock);
         CREATE INDEX ON indexed (stock);
         INSERT INTO lines SELECT i, 1 FROM generate_series(1, 2000) i;
         CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
           $$BEGIN PERFORM count(*) FROM generate_series(1, 100); RETURN new; END$$;
         CREATE TRIGGER slow BEFORE UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION slow();",
    );
    let script = "\\set id random(2, 5000)
        UPDATE stock SET n = n + 1 WHERE id = :id;
        DELETE FROM stock WHERE id = :id;";
    let evidence = under_load(server.url(), script, || {});
    let stock = &row(&evidence, "tables", "relation", "stock").figures;
    assert!(
        stock["updated"] > 0.0 && stock["deleted"] > 0.0,
        "{stock:?}"
    );
    assert!(stock["dead"] > 0.0 && stock["idx_scan"] > 0.0, "{stock:?}");
    assert!(
        stock["pages"] > 1.0 && stock["seconds_since_analyze"] > 0.0,
        "{stock:?}"
    );
    let lines = &row(&evidence, "tables", "relation", "lines").figures;
    let scans = lines["seq_scan"];
    assert_eq!(lines["seq_tup_read"], 2_000.0 * scans, "{lines:?}");
    assert!((scans / stock["deleted"] - 1.0).abs() < 0.05, "{scans}");
    let keys = table(&evidence, "unindexed_foreign_keys");
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(keys[0].labels["child"], "lines");
    assert_eq!(keys[0].labels["columns"], "\"Stock\"");
    assert_eq!(keys[0].labels["parent"], "stock");
    let trigger = row(&evidence, "triggers", "relation", "stock");
    assert_eq!(trigger.labels["function"], "slow");
    let slow = row(&evidence, "functions", "function", "public.slow");
    assert!(slow.figures["total_ns"] > 0.0 && slow.figures["calls"] > 0.0);
    assert!(
        evidence.tables.contains_key("slru"),
        "{:?}",
        evidence.unavailable
    );
}

#[test]
fn subtransactions_beyond_what_a_snapshot_holds_show_in_the_small_caches() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute(STOCK);
    talk.execute(
        "CREATE FUNCTION nested() RETURNS void LANGUAGE plpgsql AS $$BEGIN
           FOR i IN 1..100 LOOP
             BEGIN INSERT INTO stock VALUES (-i - 1000 * pg_backend_pid(), 0); EXCEPTION WHEN unique_violation THEN NULL; END;
           END LOOP; PERFORM pg_sleep(0.01); DELETE FROM stock WHERE id < 0; END$$",
    );
    let script = "SELECT nested();";
    let evidence = under_load(server.url(), script, || {});
    let rows = table(&evidence, "slru");
    let named = |row: &&EvidenceRow| row.labels["name"].to_lowercase().starts_with("subtrans");
    let subtransactions = rows.iter().find(named);
    assert!(subtransactions.is_some(), "{rows:?}");
}

/// Statements within a function must have rows of their own, and must not be counted twice in the
/// sums.
#[test]
fn statements_have_the_figures_that_this_version_counts() {
    let server = postgres(&[("pg_stat_statements.track", "all")]);
    let talk = Talk::to(server.url());
    let version = version(&talk);
    talk.execute(STOCK);
    talk.execute(
        "CREATE FUNCTION many(a int) RETURNS bigint LANGUAGE plpgsql AS
           $$BEGIN RETURN (SELECT count(*) FROM stock WHERE n <> a); END$$",
    );
    let evidence = under_load(
        server.url(),
        "\\set a random(1, 9)\nSELECT many(:a);",
        || {},
    );
    if !evidence.tables.contains_key("statements") {
        assert!(evidence.unavailable["statements"].contains("pg_stat_statements"));
        return;
    }
    let outer = row(&evidence, "statements", "statement", "SELECT many(");
    let inner = row(&evidence, "statements", "statement", "FROM stock");
    for name in [
        "calls",
        "exec_ns",
        "blocks_hit",
        "rows",
        "wal_fpi",
        "stddev_exec_ns",
    ] {
        assert!(outer.figures.contains_key(name), "{version}: no {name}");
    }
    assert_eq!(outer.figures.contains_key("jit_ns"), version >= 15);
    assert_eq!(outer.figures.contains_key("temp_ns"), version >= 15);
    let planned = &evidence.unavailable["statements.plan_ns"];
    assert!(planned.contains("track_planning is off"), "{planned}");
    if version >= 14 {
        assert_eq!(outer.labels["toplevel"], "true");
        assert_eq!(inner.labels["toplevel"], "false");
        let sum = evidence.figures["statements.exec_ns"];
        assert!(sum < outer.figures["exec_ns"] * 1.2, "{sum}");
        assert_eq!(evidence.figures["statements.dealloc"], 0.0);
    }
}

/// An extension keeps its version when a server is upgraded; its columns then have old names.
#[test]
fn an_extension_of_an_older_version_is_read_by_the_columns_that_it_has() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    let installed = "SELECT version FROM pg_available_extension_versions
                      WHERE name = 'pg_stat_statements' AND version = '1.4'";
    if talk.names(installed).is_empty() {
        println!("the extension is not installed here: nothing to try");
        return;
    }
    talk.execute(STOCK);
    talk.execute(
        "DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements VERSION '1.4'",
    );
    let script = "UPDATE stock SET n = n + 1 WHERE id = 1;";
    let evidence = under_load(server.url(), script, || {});
    let update = row(&evidence, "statements", "statement", "UPDATE stock");
    assert!(update.figures["exec_ns"] > 0.0 && update.figures["calls"] > 0.0);
    assert!(!update.labels.contains_key("toplevel"));
    let wal = &evidence.unavailable["statements.wal_bytes"];
    assert!(wal.contains("does not count"), "{wal}");
}

/// A schema change locks a table until after the step; the collector of the evidence must not wait
/// for that lock.
#[test]
fn a_table_that_is_locked_all_along_does_not_hold_up_the_watch() {
    let server = postgres(&[]);
    let migration = Talk::to(server.url());
    migration.execute(STOCK);
    migration.execute("CREATE TABLE busy (n int)");
    migration.execute("SET application_name = 'migration'; BEGIN; LOCK TABLE stock");
    let evidence = under_load(server.url(), "INSERT INTO busy VALUES (1);", || {});
    assert!(evidence.figures["sessions.samples"] >= 10.0);
    assert!(row(&evidence, "tables", "relation", "busy").figures["inserted"] > 0.0);
    assert!(evidence.figures["transactions.oldest_age_s"] > 1.0);
}

/// Statements in another database may have another encoding than the observed database.
#[test]
fn a_statement_in_another_encoding_does_not_blind_the_watch() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute(STOCK);
    talk.execute(
        "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
    );
    let url = server.url();
    let latin = format!("{}/latin", url.rsplit_once('/').unwrap().0);
    let other = Talk::to(&latin);
    let script = "UPDATE stock SET n = n + 1 WHERE id = 1;";
    let evidence = under_load(url, script, || {
        talk.execute("BEGIN; LOCK TABLE stock");
        other.execute("SELECT 'caf\u{e9} Zq7secretqZ', pg_sleep(1)");
        talk.execute("COMMIT");
    });
    assert!(
        !evidence.unavailable.contains_key("sessions"),
        "{:?}",
        evidence.unavailable
    );
    assert!(
        !evidence.unavailable.contains_key("locks"),
        "{:?}",
        evidence.unavailable
    );
    assert!(evidence.figures["waits.Lock.relation_mean"] > 0.0);
    assert!(!format!("{evidence:?}").contains("Zq7secretqZ"));
}

#[test]
fn a_role_without_pg_monitor_has_its_own_evidence_and_reasons_for_the_rest() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute(&format!(
        "CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; {STOCK};
         GRANT ALL ON stock TO app; REVOKE ALL ON pg_prepared_xacts FROM PUBLIC"
    ));
    talk.execute("SET application_name = 'shop'");
    let url = server.url().replace("//plimsoll:", "//app:");
    let script = "UPDATE stock SET n = n + 1 WHERE id = 1;";
    let evidence = under_load(&url, script, || {
        talk.execute("BEGIN; UPDATE stock SET n = 0 WHERE id = 1");
        std::thread::sleep(Duration::from_millis(1_200));
        talk.execute("COMMIT");
    });
    let root = row(&evidence, "blockers", "blocking_application", "shop");
    assert_eq!(root.labels["blocking_state"], "hidden");
    assert!(evidence.unavailable["backends"].contains("pg_read_all_stats"));
    assert!(evidence.unavailable["transactions.prepared"].contains("permission denied"));
    assert!(evidence.figures["waits.Lock.transactionid_mean"] > 0.0);
    let hidden = row(&evidence, "processes", "backend_type", "hidden");
    assert!(hidden.figures["count"] >= 1.0);
    assert!(evidence.figures["server.load_cpu_ns"] > 0.0);
}
