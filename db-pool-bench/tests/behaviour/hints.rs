//! Tests with real errors of servers and poolers: the remedy must fit the cause that the message
//! names.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{TestDirectory, eventually};
use testbed::Postgres;

use crate::bouncer::PgBouncer;
use crate::common::{PASSWORD, Talk, bench, postgres, report, sweep};

const SHORT: &str = "--driver direct --pool-sizes 1 --users 1 --repeats 1 --warmup 0 \
                     --duration 200ms --workload point-select";

/// Returns the text on stderr of a sweep of `url`. Panics unless the sweep ends with exit code 1
/// and the text contains no password.
fn said(url: &str) -> String {
    let output = sweep(&TestDirectory::new(), SHORT)
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    assert!(!said.contains("DROP SCHEMA"), "nothing was made: {said}");
    said
}

/// Returns the URL of `server` for the given user and database, with the password that all users of
/// the test share.
fn of(server: &Postgres, user: &str, database: &str) -> String {
    format!(
        "postgres://{user}:{PASSWORD}@127.0.0.1:{}/{database}",
        server.port()
    )
}

/// Asserts that the message of a sweep of `url` contains `cause`, and that the advice after `Try: `
/// contains `remedy`.
fn assert_told(url: &str, cause: &str, remedy: &str) {
    let said = said(url);
    assert!(said.contains(cause), "{cause}: {said}");
    let given = said.split_once("Try: ").expect(&said).1;
    assert!(given.contains(remedy), "{cause}: {said}");
}

/// Refused logins: user, database, words of the message about the cause, and words of its remedy.
const REFUSALS: [(&str, &str, &str, &str); 13] = [
    (
        "rejected",
        "plimsoll",
        "pg_hba.conf rejects",
        "pg_reload_conf()",
    ),
    (
        "app",
        "elsewhere",
        "no pg_hba.conf entry",
        "a line for this user",
    ),
    (
        "nobody",
        "plimsoll",
        "password authentication failed",
        "another password or user",
    ),
    (
        "barred",
        "plimsoll",
        "is not permitted to log in",
        "ALTER ROLE barred LOGIN",
    ),
    (
        "app",
        "nowhere",
        "database \"nowhere\" does not exist",
        "--list",
    ),
    (
        "full",
        "plimsoll",
        "too many connections for role",
        "ALTER ROLE full CONNECTION LIMIT",
    ),
    (
        "app",
        "few",
        "too many connections for database",
        "ALTER DATABASE few CONNECTION LIMIT",
    ),
    (
        "app",
        "shut",
        "not currently accepting",
        "ALLOW_CONNECTIONS true",
    ),
    (
        "app",
        "private",
        "permission denied for database",
        "GRANT CONNECT ON DATABASE private TO app",
    ),
    (
        "app",
        "plimsoll",
        "permission denied for database",
        "GRANT CREATE ON DATABASE plimsoll TO app",
    ),
    (
        "reader",
        "plimsoll",
        "default_transaction_read_only is on",
        "a role that may write",
    ),
    (
        "app",
        "plimsoll?options=-cwork_mem%3Dmuch",
        "work_mem",
        "another value of that setting",
    ),
    (
        "app",
        "plimsoll?target_session_attrs=standby",
        "is not read only",
        "target_session_attrs",
    ),
];

#[test]
fn a_server_that_refuses_is_told_with_what_helps_against_that() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    for role in ["app", "rejected", "reader", "full", "barred"] {
        talk.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"));
    }
    talk.execute(
        "ALTER ROLE full CONNECTION LIMIT 0; ALTER ROLE barred NOLOGIN;
         GRANT CREATE ON DATABASE plimsoll TO reader;
         ALTER ROLE reader SET default_transaction_read_only = on",
    );
    talk.execute("CREATE DATABASE few CONNECTION LIMIT 0");
    talk.execute("CREATE DATABASE shut ALLOW_CONNECTIONS false");
    talk.execute("CREATE DATABASE private");
    talk.execute("REVOKE CONNECT ON DATABASE private FROM PUBLIC");
    let hba = server.directory().join("data/pg_hba.conf");
    let lines = fs::read_to_string(&hba).unwrap();
    let rejecting = "host all rejected 127.0.0.1/32 reject\n\
                     host plimsoll all 127.0.0.1/32 scram-sha-256\n\
                     host few,shut,private,nowhere all 127.0.0.1/32 scram-sha-256\n";
    fs::write(&hba, rejecting).unwrap();
    talk.execute("SELECT pg_reload_conf()");
    eventually("the rules hold", || {
        said(&of(&server, "rejected", "plimsoll")).contains("rejects")
    });
    for (user, database, cause, remedy) in REFUSALS {
        assert_told(&of(&server, user, database), cause, remedy);
    }
    let wrong = server.url().replace(PASSWORD, "another");
    assert_told(&wrong, "password authentication failed", "another password");
    let unnamed = server.url().replace("127.0.0.1", "nowhere.invalid");
    assert_told(&unnamed, "lookup", "another host");
    fs::write(&hba, lines).unwrap();
    talk.assert_nothing_is_left();
}

#[test]
fn a_server_that_is_shutting_down_is_told_from_one_that_refuses() {
    let server = postgres(&[]);
    let _somebody = Talk::to(server.url());
    // While a session is still open, a server that was told to stop accepts no further clients.
    let pid = fs::read_to_string(server.directory().join("data/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    eventually("it is shutting down", || {
        said(server.url()).contains("the database system is shutting down")
    });
    assert_told(
        server.url(),
        "shutting down",
        "again when the server is ready",
    );
}

#[test]
fn time_outs_of_the_role_strike_the_load_and_not_what_is_made_for_it() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    // Creating each table takes longer than the role's time-out; requests of the load do not.
    talk.execute(&format!(
        "CREATE ROLE hasty LOGIN PASSWORD '{PASSWORD}'; GRANT CREATE ON DATABASE plimsoll TO hasty;
         ALTER ROLE hasty SET statement_timeout = '500ms'; ALTER ROLE hasty SET lock_timeout = '1ms';
         ALTER ROLE hasty SET idle_in_transaction_session_timeout = '1ms';
         CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql
             AS 'BEGIN PERFORM pg_sleep(0.8); END';
         CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
             EXECUTE FUNCTION wait()"
    ));
    let refused = Talk::to(&of(&server, "hasty", "plimsoll")).refusal("CREATE TEMP TABLE t ()");
    assert!(refused.contains("statement timeout"), "{refused}");
    let place = TestDirectory::new();
    let output = sweep(&place, &format!("{SHORT} --stop-on p99>1h"))
        .env("DATABASE_URL", of(&server, "hasty", "plimsoll"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("cannot"), "{said}");
    let report = report(&place);
    let attempted: u64 = report.steps[0]
        .operations
        .values()
        .map(|o| o.attempted)
        .sum();
    assert!(attempted > 0, "{said}");
    talk.assert_nothing_is_left();
    for (command, done) in [("init", "Made the schema"), ("drop", "Removed the schema")] {
        let output = Command::new(env!("CARGO_BIN_EXE_db-pool-bench"))
            .args(["workload", command])
            .env("DATABASE_URL", of(&server, "hasty", "plimsoll"))
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(done), "{told}");
    }
}

#[test]
fn a_script_that_the_server_refuses_is_told_with_what_helps_against_that() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute(&format!(
        "CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; CREATE TABLE here (id int)"
    ));
    for (sql, remedy) in [
        ("SELECT * FROM nowhere;", "have the tables of the script"),
        ("SELECT nothing FROM here;", "what the statement names"),
        ("SELEKT 1;", "PostgreSQL's grammar"),
    ] {
        let place = TestDirectory::new();
        fs::write(place.path().join("s.sql"), sql).unwrap();
        let output = bench(&place, "sweep", "--script s.sql --duration 200ms")
            .env("DATABASE_URL", of(&server, "app", "plimsoll"))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(remedy), "{sql}: {said}");
    }
}

#[test]
fn a_pooler_that_refuses_is_told_as_a_pooler() {
    let Some(pgbouncer) = PgBouncer::installed() else {
        return;
    };
    let server = postgres(&[]);
    let place = TestDirectory::new();
    let start = |settings: &str| pgbouncer.start(place.path(), &server, settings);

    let bouncer = start("pool_mode = transaction\ndefault_pool_size = 1\nquery_wait_timeout = 1\n");
    assert_told(
        &format!("{}/nowhere", bouncer.url.rsplit_once('/').unwrap().0),
        "no such database",
        "[databases]",
    );
    assert_told(
        &bouncer.url.replace(PASSWORD, "another"),
        "authentication failed",
        "auth_file",
    );
    assert_told(
        &format!("{}?options=-cwork_mem%3D1MB", bouncer.url),
        "unsupported startup parameter: options",
        "ignore_startup_parameters",
    );
    let other = Talk::to(&bouncer.url);
    other.execute("BEGIN");
    assert_told(&bouncer.url, "query_wait_timeout", "SHOW POOLS");
    drop(other);

    let narrow = start("max_client_conn = 1\n");
    let _only = Talk::to(&narrow.url);
    assert_told(&narrow.url, "max_client_conn", "a larger max_client_conn");
}
