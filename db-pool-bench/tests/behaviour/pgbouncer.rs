//! Tests of sweeps through PgBouncer. In session mode every version of PgBouncer works. In
//! transaction mode the protocols `simple` and `extended` work with every version, and prepared
//! statements from version 1.21 on; with older versions the sweep ends with an error that states
//! the reason.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};

use crate::bouncer::{Bouncer, PgBouncer};
use crate::common::{Talk, postgres, report, sweep};
use test_support::{Certificates, TestDirectory};
use testbed::Postgres;

const REASON: &str = "from version 1.21 on";
/// Script that adds an amount to one table and logs it in another, in one transaction: equal sums
/// in both tables show that no transaction took effect in part.
const PAY: &str = "\\set amount random(1, 100)
    BEGIN;
    UPDATE sums SET amount = amount + :amount WHERE who = :client_id;
    INSERT INTO paid VALUES (:client_id, :amount);
    END;";
const ALL: &str = "wire,direct,deadpool,sqlx";
const TABLES: &str = "CREATE TABLE paid (who int, amount int);
    CREATE TABLE sums (who int PRIMARY KEY, amount bigint NOT NULL);
    INSERT INTO sums SELECT id, 0 FROM generate_series(0, 9) id";
const DIFFERENCE: &str =
    "SELECT ((SELECT sum(amount) FROM sums) - (SELECT sum(amount) FROM paid))::text";

/// Runs a sweep through the pooler at `url` with the given drivers and flags of the workload.
/// Returns its exit code, and the text on stderr followed by the end and the failures of each step
/// in the report. With exit code 0, steps must have requests and no failures.
fn swept(url: &str, drivers: &str, workload: &str) -> (i32, String) {
    let place = TestDirectory::new();
    fs::write(place.path().join("pay.sql"), PAY).unwrap();
    let args = "--pool-sizes 4 --users 4 --repeats 1 --warmup 0 --duration 400ms";
    let output = sweep(&place, &format!("--driver {drivers} {args} {workload}"))
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let report = report(&place);
    let mut told = String::from_utf8(output.stderr).unwrap();
    for step in &report.steps {
        told.push_str(&format!(
            "{}: {:?} {:?}\n",
            step.name, step.end, step.failures
        ));
        if output.status.code() == Some(0) {
            assert!(
                step.throughput_per_s() > 0.0 && step.failures.is_empty(),
                "{told}"
            );
        }
    }
    (output.status.code().unwrap(), told)
}

/// Server with the tables of the script, the PgBouncer to start before it, and a directory with
/// PgBouncer's files.
struct Pooled {
    pgbouncer: PgBouncer,
    server: Postgres,
    talk: Talk,
    place: TestDirectory,
}

impl Pooled {
    /// Starts the server and creates the tables. Returns `None` if PgBouncer is not installed.
    fn new() -> Option<Self> {
        let pgbouncer = PgBouncer::installed()?;
        let server = postgres(&[]);
        let talk = Talk::to(server.url());
        talk.execute(TABLES);
        Some(Self {
            pgbouncer,
            server,
            talk,
            place: TestDirectory::new(),
        })
    }

    fn start(&self, settings: &str) -> Bouncer {
        self.pgbouncer
            .start(self.place.path(), &self.server, settings)
    }

    /// Starts PgBouncer with `settings` and sweeps through it with all drivers: first the built-in
    /// workload, then the script. Returns the exit code and the output of each sweep.
    fn both_swept(&self, settings: &str) -> [(i32, String); 2] {
        let bouncer = self.start(settings);
        ["", "--script pay.sql"].map(|workload| swept(&bouncer.url, ALL, workload))
    }
}

#[test]
fn in_session_mode_every_driver_works_with_scripts_and_over_tls() {
    let Some(pooled) = Pooled::new() else { return };
    let session = "pool_mode = session\ndefault_pool_size = 20\n";
    for (code, told) in pooled.both_swept(session) {
        assert_eq!(code, 0, "{told}");
    }
    let talk = &pooled.talk;
    assert_eq!(talk.names(DIFFERENCE), ["0"]);

    let place = pooled.place.path();
    let certificates = Certificates::made_in(place);
    let owner = fs::metadata(pooled.server.directory().join("data")).unwrap();
    let [certificate, key] = [
        ("bouncer.crt", &certificates.server.0),
        ("bouncer.key", &certificates.server.1),
    ]
    .map(|(name, from)| {
        let file = place.join(name);
        fs::write(&file, fs::read(from).unwrap()).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        file.display().to_string()
    });
    let encrypted = format!(
        "{session}client_tls_sslmode = require\nclient_tls_cert_file = {certificate}\nclient_tls_key_file = {key}\n"
    );
    let bouncer = pooled.start(&encrypted);
    let url = bouncer.url.replace("127.0.0.1", "localhost");
    let authority = certificates.authority.display();
    let url = format!("{url}?sslmode=verify-full&sslrootcert={authority}");
    let (code, told) = swept(&url, ALL, "--script pay.sql");
    assert_eq!(code, 0, "{told}");
    let (code, told) = swept(&format!("{}?sslmode=disable", bouncer.url), ALL, "");
    assert_ne!(code, 0, "it takes nothing else: {told}");
    drop(bouncer);
    assert_eq!(talk.names(DIFFERENCE), ["0"]);
    talk.assert_nothing_is_left();
}

/// A pooler without support for prepared statements must be recognized before the load begins, in
/// whichever order it assigns its sessions: under load, a statement's name may be that of another
/// client's statement.
#[test]
fn in_transaction_mode_it_works_or_says_why_not_by_the_version() {
    let Some(pooled) = Pooled::new() else { return };
    for order in ["", "server_round_robin = 1\n"] {
        // There are fewer sessions than users, so each user gets sessions that others used.
        let bouncer = pooled.start(&format!(
            "pool_mode = transaction\ndefault_pool_size = 2\n{order}"
        ));
        for workload in ["", "--script pay.sql"] {
            let (code, told) = swept(&bouncer.url, ALL, workload);
            if pooled.pgbouncer.keeps_statements() {
                assert_eq!(code, 0, "{told}");
            } else {
                assert_ne!(code, 0, "{told}");
                assert!(told.contains(REASON), "{told}");
                assert!(told.contains("cannot keep prepared statements"), "{told}");
                assert!(!told.contains("Failed"), "no step is begun: {told}");
            }
        }
        for session in both_sessions(&bouncer.url) {
            let own = "SELECT name FROM pg_prepared_statements WHERE name LIKE 'plimsoll%'";
            assert_eq!(session.names(own), [""; 0]);
        }
    }
    let kept = pooled
        .talk
        .names(&format!("SELECT coalesce(({DIFFERENCE}), '0')"));
    assert_eq!(kept, ["0"], "no half of a transaction");
    pooled.talk.assert_nothing_is_left();
}

/// Returns two connections to the pooler, each inside a transaction, so that each has another
/// server session.
fn both_sessions(url: &str) -> [Talk; 2] {
    let both = [Talk::to(url), Talk::to(url)];
    for session in &both {
        session.execute("BEGIN");
    }
    both
}

/// Names that drivers give to prepared statements. Tests leave statements with these names on the
/// pooler's server sessions, as another client of the same driver would.
const NAMES: [&str; 5] = ["s0", "s1", "s2", "sqlx_s_1", "w0"];

/// Prepares one statement for each of [`NAMES`] on both server sessions of the pooler; the text
/// differs from that of any statement of the load.
fn plant_names(url: &str) {
    let both = both_sessions(url);
    for session in &both {
        for name in NAMES {
            session.execute(&format!("PREPARE {name} AS SELECT 7"));
        }
        session.execute("COMMIT");
    }
}

/// With prepared statements a driver may meet statements that another client left, and the load may
/// fail. The schema that was created for the load must still be dropped.
#[test]
fn a_sweep_that_meets_the_names_of_others_leaves_no_schema() {
    let Some(pooled) = Pooled::new() else { return };
    let bouncer = pooled.start("pool_mode = transaction\ndefault_pool_size = 2\n");
    plant_names(&bouncer.url);
    for driver in ["wire", "direct", "deadpool", "sqlx"] {
        let (code, told) = swept(&bouncer.url, driver, "--workload mixed --quiet");
        assert_eq!(pooled.talk.schemas(), [""; 0], "{driver}: {code}: {told}");
    }
}

/// Protocols that leave no statement on a server session work with every version of the pooler, and
/// also where other clients left statements.
#[test]
fn as_text_or_parsed_anew_statements_work_in_transaction_mode_and_leave_nothing() {
    let Some(pooled) = Pooled::new() else { return };
    let bouncer = pooled.start("pool_mode = transaction\ndefault_pool_size = 2\n");
    plant_names(&bouncer.url);
    for (drivers, protocol) in [(ALL, "simple"), ("wire,direct,deadpool", "extended")] {
        for workload in ["--workload mixed", "--script pay.sql"] {
            let workload = format!("{workload} --protocol {protocol} --quiet");
            let (code, told) = swept(&bouncer.url, drivers, &workload);
            assert_eq!(code, 0, "{workload}: {told}");
            assert!(!told.contains("warning"), "{told}");
        }
    }
    assert_eq!(pooled.talk.names(DIFFERENCE), ["0"]);
    assert_eq!(pooled.talk.schemas(), [""; 0]);
    // Both sessions at once, as the next client meets them.
    for session in &both_sessions(&bouncer.url) {
        let named = "SELECT name FROM pg_prepared_statements ORDER BY name";
        assert_eq!(session.names(named), NAMES, "statements with a name");
        let changed = "SELECT name || ' = ' || setting FROM pg_settings
             WHERE source = 'session' AND name NOT IN ('application_name', 'client_encoding',
                   'DateStyle', 'TimeZone', 'standard_conforming_strings', 'extra_float_digits')";
        assert_eq!(session.names(changed), [""; 0], "settings");
    }
}
