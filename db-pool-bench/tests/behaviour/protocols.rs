//! Tests of the three query protocols: each driver must leave the same rows as `pgbench --protocol`
//! with the same script.

use test_support::TestDirectory;

use crate::common::{Talk, postgres};
use crate::scripting::{pgbench, refused, run, write};

const DRIVERS: [&str; 4] = ["wire", "direct", "deadpool", "sqlx"];
/// Query of the compared rows; pgbench runs as many transactions as give these 40 rows.
const COMPARED: &str = "SELECT n || ': ' || t FROM log WHERE id <= 40 ORDER BY id";
const TABLE: &str = "DROP TABLE IF EXISTS log;
    CREATE TABLE log (id serial PRIMARY KEY, n numeric, t text)";

/// Script that runs under every protocol; commands are in capitals in part, as people write them.
const PLAIN: &str = "\\SET n 3
    \\Set half 0.5
    BEGIN;
    INSERT INTO log (n, t) VALUES (:n, 'plain');
    INSERT INTO log (n, t) VALUES (:n * 2 + (SELECT count(*) FROM log), 'more');
    END;
    \\Sleep 10 US
    \\IF :n > 2
    INSERT INTO log (n, t) VALUES (:half, 'taken');
    \\ELSE
    INSERT INTO log (n, t) VALUES (0, 'not taken');
    \\ENDIF
    INSERT INTO log (n, t) VALUES (:n::int, E'it''s \\'' || :n::text);";

/// Script that runs only under the simple protocol.
const TEXTUAL: &str = "\\set n -3
    BEGIN \\; INSERT INTO log (n, t) VALUES (:n, ':n of it') \\; END;
    SELECT count(*) AS rows, 'it is' AS word, NULL AS none FROM log WHERE n = :n \\GSET p_
    \\if :p_rows > 0
    INSERT INTO log (n, t) VALUES (:p_rows, ':p_word[:p_none] :unset');
    \\endif
    SELECT 7 AS a \\; SELECT 008 AS b, '007' AS c \\; SELECT 1 AS a WHERE false \\aset
    INSERT INTO log (n, t) VALUES (:a + :b, :c);
    SELECT 1;
    INSERT INTO log (n, t) VALUES (0, $$:c$$);";

#[test]
fn every_driver_leaves_by_every_protocol_the_rows_that_pgbench_leaves() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    let place = TestDirectory::new();
    write(&place, "plain.sql", PLAIN);
    write(&place, "textual.sql", TEXTUAL);
    for (script, protocol) in [
        ("plain.sql", "simple"),
        ("plain.sql", "extended"),
        ("plain.sql", "prepared"),
        ("textual.sql", "simple"),
    ] {
        talk.execute(TABLE);
        let file = place.path().join(script).display().to_string();
        pgbench(
            &server,
            &["-n", "-M", protocol, "-t", "12", "-f", &file, server.url()],
        );
        let by_pgbench = talk.names(COMPARED);
        assert_eq!(by_pgbench.len(), 40, "{script}: {by_pgbench:?}");
        // sqlx parses in one round trip and asks in the next.
        let able = |driver: &&str| (*driver, protocol) != ("sqlx", "extended");
        for driver in DRIVERS.into_iter().filter(able) {
            talk.execute(TABLE);
            let args = format!(
                "--script {script} --protocol {protocol} --driver {driver} --pool-sizes 1 --users 1 \
                 --repeats 1 --warmup 0 --duration 400ms"
            );
            let (report, said) = run(&place, &server, &args);
            let told = report.config.get("protocol").and_then(|told| told.as_str());
            assert_eq!(told.unwrap_or("prepared"), protocol);
            let step = &report.steps[0];
            assert_eq!(
                step.error_ratio(),
                Some(0.0),
                "{driver}: {:?}",
                step.failures
            );
            assert_eq!(
                talk.names(COMPARED),
                by_pgbench,
                "{driver} {protocol}: {said}"
            );
            let rows = talk.names("SELECT count(*)::text FROM log")[0].parse::<u64>();
            let operation = step.operations.values().next().unwrap();
            // One that the end of the step cut off may have been committed.
            let expected = operation.succeeded * 4;
            assert!(
                (expected..=expected + 4).contains(&rows.unwrap()),
                "{driver}"
            );
        }
    }
}

#[test]
fn a_query_that_gives_another_number_of_rows_than_gset_takes_is_a_failure_at_its_place() {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    write(
        &place,
        "many.sql",
        "SELECT g AS x FROM generate_series(1, 3) g \\gset\nSELECT :x;",
    );
    for driver in DRIVERS {
        let args = format!(
            "--script many.sql --protocol simple --driver {driver} --pool-sizes 1 --users 1 \
             --repeats 1 --warmup 0 --duration 200ms --stop-on p99>1h"
        );
        let output = crate::common::sweep(&place, &args)
            .env("DATABASE_URL", server.url())
            .output()
            .unwrap();
        let report = crate::common::report(&place);
        let failure = &report.steps[0].failures[0];
        assert_eq!(failure.kind, "script", "{output:?}");
        let told = "many.sql:1:44: \\gset takes one row, and the query gave 3";
        assert_eq!(failure.message, told, "{driver}");
    }
}

#[test]
fn a_failure_in_the_middle_of_what_is_sent_together_leaves_no_transaction_open() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute(TABLE);
    let place = TestDirectory::new();
    write(
        &place,
        "half.sql",
        "BEGIN \\; INSERT INTO log (n, t) VALUES (1, 'lost') \\; SELECT 1/0 \\; COMMIT;",
    );
    write(
        &place,
        "whole.sql",
        "INSERT INTO log (n, t) VALUES (2, 'kept');",
    );
    let args = "--script half.sql --script whole.sql --protocol simple --driver wire,direct,deadpool,sqlx \
                --pool-sizes 1 --users 2 --repeats 1 --warmup 0 --duration 200ms --stop-on p99>1h";
    let (report, said) = run(&place, &server, args);
    for step in &report.steps {
        assert!(
            step.operations["half"].errors["sqlstate.22012"] > 0,
            "{said}"
        );
        assert_eq!(step.operations["half"].errors.len(), 1, "{said}");
        assert!(step.operations["whole"].succeeded > 0, "{said}");
        assert!(step.operations["whole"].errors.is_empty(), "{said}");
    }
    assert_eq!(talk.names("SELECT DISTINCT t FROM log"), ["kept"]);
}

#[test]
fn what_only_text_can_do_is_refused_by_name_elsewhere() {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    for (script, told) in [
        (
            "SELECT 1 AS x \\gset",
            "\\gset is there with --protocol simple",
        ),
        (
            "SELECT 1 AS x \\ASET",
            "\\aset is there with --protocol simple",
        ),
        ("SELECT 1 \\; SELECT 2;", "which only --protocol simple can"),
        (
            "\\set x 1\nSELECT ':x';",
            "send text with --protocol simple",
        ),
    ] {
        write(&place, "s.sql", script);
        for protocol in ["extended", "prepared"] {
            let args = format!("--script s.sql --driver direct --protocol {protocol}");
            let (code, said) = refused(&place, &server, &args);
            assert!(code == 2 && said.contains(told), "{script}: {said}");
        }
    }
    let args = "--driver direct,sqlx --protocol extended";
    let (code, said) = refused(&place, &server, args);
    assert!(code == 2 && said.contains("sqlx cannot follow"), "{said}");
    write(&place, "s.sql", "\\set x 1\n\\gset");
    let (code, said) = refused(&place, &server, "--script s.sql --protocol simple");
    assert!(code == 2 && said.contains("follows a query"), "{said}");
}
