//! Tests of scripts that fail while they run: conflicts are retried, and errors in a script are
//! counted with their place.

use crate::common::{REPORT, Talk, postgres, report, sweep};
use crate::scripting::{figure, run, run_to, succeeded, write};
use test_support::TestDirectory;

#[test]
fn conflicts_under_serializable_are_tried_again_and_counted_apart() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute("CREATE TABLE hot (id int PRIMARY KEY, n int8); INSERT INTO hot VALUES (1, 0)");
    let place = TestDirectory::new();
    write(
        &place,
        "hot.sql",
        "BEGIN ISOLATION LEVEL SERIALIZABLE;
         SELECT n FROM hot WHERE id = 1;
         UPDATE hot SET n = n + 1 WHERE id = 1;
         END;",
    );
    let args = "--script hot.sql --driver direct,deadpool,sqlx --pool-sizes 4 --repeats 1 --warmup 0 --duration 500ms --seed 1 --stop-on p99>1h";
    let (once, _) = run(&place, &server, args);
    for step in &once.steps {
        let hot = &step.operations["hot"];
        assert!(
            hot.errors["sqlstate.40001"] > 0,
            "{}: {:?}",
            step.name,
            hot.errors
        );
        assert_eq!(hot.retries, 0);
    }
    talk.execute("UPDATE hot SET n = 0");

    let (again, said) = run(&place, &server, &format!("{args} --max-tries 1000"));
    for step in &again.steps {
        let hot = &step.operations["hot"];
        assert!(
            hot.retries > 0 && hot.errors.is_empty(),
            "{}: {:?}",
            step.name,
            hot.errors
        );
        let conflicts: u64 = step
            .parts
            .values()
            .filter_map(|p| p.errors.get("sqlstate.40001"))
            .sum();
        assert!(conflicts > 0, "a failed statement is counted as its own");
    }
    assert!(said.contains("further tries"), "{said}");
    let counted = figure(&talk, "SELECT n FROM hot") as u64;
    let succeeded = succeeded(&again.steps);
    assert!(
        (succeeded..=succeeded + 24).contains(&counted),
        "each success counted once: {succeeded} measured, {counted} there"
    );
}

#[test]
fn a_planted_deadlock_is_named_and_tried_again() {
    let server = postgres(&[("deadlock_timeout", "10ms")]);
    let talk = Talk::to(server.url());
    talk.execute(
        "CREATE TABLE pair (id int PRIMARY KEY, n int8); INSERT INTO pair VALUES (1, 0), (2, 0)",
    );
    let place = TestDirectory::new();
    // Two rows, locked in either order.
    write(
        &place,
        "pair.sql",
        "\\set first random(1, 2)
         BEGIN;
         UPDATE pair SET n = n + 1 WHERE id = :first;
         \\sleep 2 ms
         UPDATE pair SET n = n + 1 WHERE id = 3 - :first;
         END;",
    );
    let args = "--script pair.sql --driver deadpool,sqlx --pool-sizes 4 --users 4 --repeats 1 --warmup 0 --duration 1s --seed 1 --stop-on p99>1h";
    let (once, _) = run(&place, &server, args);
    for step in &once.steps {
        let errors = &step.operations["pair"].errors;
        assert!(
            errors["sqlstate.40P01"] > 0 && errors.len() == 1,
            "{}: {errors:?}",
            step.name
        );
    }
    let (again, _) = run(&place, &server, &format!("{args} --max-tries 1000"));
    for step in &again.steps {
        let pair = &step.operations["pair"];
        assert!(
            pair.retries > 0 && pair.errors.is_empty(),
            "{}: {pair:?}",
            step.name
        );
    }
    let halves = talk.names("SELECT n::text FROM pair ORDER BY id");
    assert_eq!(halves[0], halves[1], "no half of a transaction stayed");
}

#[test]
fn a_fault_while_a_script_runs_is_counted_with_its_place_and_leaves_no_transaction_open() {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    write(
        &place,
        "fault.sql",
        "\\set n random(0, 1)\nBEGIN;\nSELECT 1;\n\\set m 10 / :n\nEND;",
    );
    write(&place, "open.sql", "BEGIN;\nSELECT 1;");
    write(
        &place,
        "large.sql",
        "\\set n 5000000000\nSELECT 1 WHERE 1::int4 = :n::int4;",
    );
    let args = "--driver direct,deadpool,sqlx --pool-sizes 2 --repeats 1 --warmup 0 --duration 200ms --stop-on p99>1h";
    for (script, told) in [
        ("fault.sql", "fault.sql:4:11: division by zero"),
        ("open.sql", "ends inside a transaction"),
        (
            "large.sql",
            "large.sql:2:26: 5000000000 cannot be sent as int4",
        ),
    ] {
        // The others never succeed.
        let code = i32::from(script != "fault.sql");
        let args = format!("--script {script} {args}");
        let (report, said) = run_to(code, &place, &server, &args);
        for step in &report.steps {
            let operation = step.operations.values().next().unwrap();
            assert!(
                operation.errors["script"] > 0 && operation.errors.len() == 1,
                "{said}"
            );
            assert_eq!(operation.succeeded > 0, script == "fault.sql");
            assert!(
                step.failures[0].message.contains(told),
                "{:?}",
                step.failures[0]
            );
        }
    }
}

/// Expected failures: script, kind of failure, message of the server, statement without its values,
/// and texts that the detail contains.
const TOLD: [(&str, &str, &str, &str, &[&str]); 3] = [
    (
        "zero.sql",
        "sqlstate.22012",
        "division by zero",
        "SELECT ?/?",
        &[],
    ),
    (
        "twice.sql",
        "sqlstate.23505",
        "duplicate key value violates unique constraint \"people_name_once\"",
        "INSERT INTO people (name) VALUES (?)",
        &["Key (name)=(…) already exists."],
    ),
    (
        "pair.sql",
        "sqlstate.40P01",
        "deadlock detected",
        "UPDATE pair SET n = n + ? WHERE id = ",
        &["waits for ShareLock on transaction", "hint: See server log"],
    ),
];

/// Provokes a division by zero, a duplicate key and a deadlock, with every driver. Each sample of a
/// failure must contain the server's message and detail and the statement, without values of rows.
#[test]
fn a_failure_tells_the_servers_words_and_the_statement_and_no_data_of_rows() {
    let server = postgres(&[("deadlock_timeout", "10ms")]);
    let talk = Talk::to(server.url());
    talk.execute(
        "CREATE TABLE people (name text CONSTRAINT people_name_once UNIQUE);
         INSERT INTO people VALUES ('Zq7secret');
         CREATE TABLE pair (id int PRIMARY KEY, n int8); INSERT INTO pair VALUES (1, 0), (2, 0)",
    );
    let place = TestDirectory::new();
    write(&place, "zero.sql", "SELECT 1/0;");
    write(
        &place,
        "twice.sql",
        "INSERT INTO people (name) VALUES ('Zq7secret');",
    );
    write(
        &place,
        "pair.sql",
        "\\set first random(1, 2)
         BEGIN;
         UPDATE pair SET n = n + 1 WHERE id = :first;
         \\sleep 2 ms
         UPDATE pair SET n = n + 1 WHERE id = 3 - :first;
         END;",
    );
    let args = "--driver wire,direct,deadpool,sqlx --pool-sizes 4 --users 4 --repeats 1 --warmup 0 \
                --duration 500ms --seed 1 --stop-on p99>1h";
    for (script, kind, message, statement, details) in TOLD {
        sweep(&place, &format!("--script {script} {args}"))
            .env("DATABASE_URL", server.url())
            .output()
            .unwrap();
        let report = report(&place);
        assert_eq!(report.steps.len(), 4);
        for step in &report.steps {
            let sample = step.failures.iter().find(|sample| sample.kind == kind);
            let sample = sample.unwrap_or_else(|| panic!("{}: {:?}", step.name, step.failures));
            assert_eq!(sample.message, message, "{}", step.name);
            // Either one of the two may be struck by the deadlock.
            let struck = sample.statement.as_deref().unwrap_or_default();
            assert!(struck.starts_with(statement), "{}: {struck}", step.name);
            let told = sample.detail.as_deref().unwrap_or_default();
            assert_eq!(told.is_empty(), details.is_empty(), "{told}");
            for detail in details {
                assert!(told.contains(detail), "{}: {told}", step.name);
            }
        }
        let text = std::fs::read_to_string(place.path().join(REPORT)).unwrap();
        assert!(!text.contains("Zq7secret"), "{script}");
    }
}
