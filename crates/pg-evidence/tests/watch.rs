//! Tests of the evidence of a server that no bench loads; each test itself opens the sessions of
//! other programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use bench_cli::bench::EvidenceSource as _;
use bench_report::ServerEvidence;
use bench_report::names::postgres;
use load_engine::Cancel;
use pg_connect::Address;
use pg_evidence::{EvidenceCollector, Scope};
use test_support::eventually;
use testbed::{Postgres, PostgresOptions};
use tokio::runtime::Runtime;
use tokio_postgres::Client;

const STOCK: &str =
    "CREATE TABLE stock (id int PRIMARY KEY, n int); INSERT INTO stock VALUES (4711, 0)";
/// Statement that both programs execute, with a value that the evidence must not contain.
const UPDATE: &str = "UPDATE stock SET n = n + 1 WHERE id = 4711";
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
const CLIENTS: &str = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";

fn server() -> Postgres {
    Postgres::start(&PostgresOptions {
        fsync: false,
        ..PostgresOptions::default()
    })
    .unwrap()
}

fn connect(runtime: &Runtime, server: &Postgres, application: &str) -> Arc<Client> {
    let address = Address::parse(server.url()).unwrap();
    Arc::new(runtime.block_on(address.connect(application)).unwrap())
}

/// Lets the application `clerk` hold a row lock for which `shop` waits. The evidence of `shop` must
/// name both.
#[test]
fn a_planted_wait_is_seen_with_whoever_is_waited_for_and_without_values() {
    let (server, runtime) = (server(), Runtime::new().unwrap());
    let shop = connect(&runtime, &server, "shop");
    let clerk = connect(&runtime, &server, "clerk");
    runtime.block_on(clerk.batch_execute(STOCK)).unwrap();
    let held = format!("BEGIN; {UPDATE}");
    runtime.block_on(clerk.batch_execute(&held)).unwrap();

    let address = Address::parse(server.url()).unwrap();
    let shop_sessions = Scope::Application("shop".to_owned());
    let mut watch =
        EvidenceCollector::start(shop_sessions, address, "shop", Cancel::default()).unwrap();
    let capacity = watch.begin_step().unwrap().unwrap();
    assert_eq!(capacity.refusal(1, None), None);
    let refusal = capacity.refusal(1_000, None).unwrap();
    assert!(refusal.contains("max_connections is 100"), "{refusal}");

    let waiting = Arc::clone(&shop);
    let waiting = runtime.spawn(async move { waiting.batch_execute(UPDATE).await });
    let is_waiting = || {
        let row = runtime.block_on(clerk.query_one(WAITING, &[])).unwrap();
        row.get::<_, i64>(0) == 1
    };
    eventually("the shop waits for the row", is_waiting);
    watch.measure_begins();
    std::thread::sleep(Duration::from_millis(1_500));
    watch.measure_ends();
    runtime.block_on(clerk.batch_execute("COMMIT")).unwrap();
    runtime.block_on(waiting).unwrap().unwrap();
    drop((shop, clerk));
    let evidence = watch.end_step();

    let waited = evidence.figures["waits.Lock.transactionid_mean"];
    assert!((0.5..=1.0).contains(&waited), "{waited}");
    let blocker = &evidence.tables["blockers"][0];
    assert_eq!(blocker.labels["blocking_application"], "clerk");
    assert_eq!(blocker.labels["blocking_state"], "idle in transaction");
    let fingerprint = "UPDATE stock SET n = n + ? WHERE id = ?";
    assert_eq!(blocker.labels["waiting_statement"], fingerprint);
    assert!(!format!("{evidence:?}").contains("4711"));
}

/// Returns the evidence of the sessions in `scope` at `url`, with at least one sample, or with none if
/// no part is to be measured.
fn watched(url: &str, scope: Scope, is_measured: bool) -> ServerEvidence {
    let address = Address::parse(url).unwrap();
    let mut watch = EvidenceCollector::start(scope, address, "look", Cancel::default()).unwrap();
    watch.begin_step().unwrap().unwrap();
    if is_measured {
        watch.measure_begins();
        eventually("the sessions are sampled", || {
            // Each call asks for the time since the last one, which must hold a few samples.
            std::thread::sleep(Duration::from_millis(400));
            let seen = watch.recent_activity();
            seen.value(postgres::SESSIONS_SAMPLES).is_some()
        });
        watch.measure_ends();
    }
    watch.end_step()
}

/// Adds a session of the load to what the server tells of its sessions, as it is for the moment
/// between its login and its first request: without a state, but with its type. It must count as
/// starting, and hide nothing of the load's other session.
#[test]
fn a_session_that_is_still_starting_hides_nothing_of_the_others() {
    let (server, runtime) = (server(), Runtime::new().unwrap());
    let shop = connect(&runtime, &server, "shop");
    let planted = "CREATE SCHEMA planted;
        CREATE TABLE planted.starting AS
            SELECT * FROM pg_catalog.pg_stat_get_activity(NULL) WITH NO DATA;
        INSERT INTO planted.starting (pid, backend_type, application_name)
            VALUES (1, 'client backend', 'shop');
        CREATE FUNCTION planted.pg_stat_get_activity(integer) RETURNS SETOF planted.starting
            LANGUAGE sql STABLE AS $$
            SELECT * FROM pg_catalog.pg_stat_get_activity($1)
            UNION ALL SELECT * FROM planted.starting WHERE $1 IS NULL $$;
        ALTER ROLE CURRENT_USER SET search_path = planted, pg_catalog";
    runtime.block_on(shop.batch_execute(planted)).unwrap();

    let address = Address::parse(server.url()).unwrap();
    let load = Scope::Application("shop".to_owned());
    let mut watch = EvidenceCollector::start(load, address, "shop", Cancel::default()).unwrap();
    let mut evidence = ServerEvidence::default();
    eventually("a step has samples", || {
        watch.begin_step().unwrap().unwrap();
        watch.measure_begins();
        std::thread::sleep(Duration::from_millis(400));
        watch.measure_ends();
        evidence = watch.end_step();
        evidence.value(postgres::SESSIONS_SAMPLES).is_some()
    });
    assert_eq!(evidence.unavailable.get("sessions"), None);
    assert_eq!(evidence.unavailable.get("backends"), None);
    // The starting session does not wait.
    for class in [postgres::SESSIONS_IDLE_MEAN, postgres::SESSIONS_CPU_MEAN] {
        let mean = evidence.value(class).unwrap();
        assert!((mean - 1.0).abs() < 1e-6, "{class}: {mean}");
    }
}

/// Returns kind, name, limit and connections in use of each limit of a role or a database.
fn limits(evidence: &ServerEvidence) -> Vec<(&str, &str, f64, Option<f64>)> {
    let rows = evidence
        .tables
        .get("connection_limits")
        .into_iter()
        .flatten();
    rows.map(|row| {
        (
            row.labels["kind"].as_str(),
            row.labels["name"].as_str(),
            row.figures["limit"],
            row.figures.get("used_max").copied(),
        )
    })
    .collect()
}

/// The role `app` may open 6 connections and the database takes 40; the server has room for 100. The
/// role has three sessions, one of them in another database, where two of the superuser are in ours.
#[test]
fn limits_of_role_and_database_are_told_with_the_connections_that_count_towards_them() {
    let (server, runtime) = (server(), Runtime::new().unwrap());
    let clerks = [
        connect(&runtime, &server, "clerk"),
        connect(&runtime, &server, "clerk"),
    ];
    // With this privilege no process is hidden, so that an autovacuum worker is not taken for a client.
    let limited = "CREATE ROLE app LOGIN PASSWORD 'Zq7limitqZ' CONNECTION LIMIT 6; GRANT pg_monitor TO app; \
                   ALTER DATABASE plimsoll CONNECTION LIMIT 40";
    runtime.block_on(clerks[0].batch_execute(limited)).unwrap();
    let (_, host) = server.url().split_once('@').unwrap();
    let url = format!("postgres://app:Zq7limitqZ@{host}");
    let elsewhere = url.replace("/plimsoll", "/postgres");
    let sessions = [&url, &url, &elsewhere].map(|url| {
        let address = Address::parse(url).unwrap();
        runtime.block_on(address.connect("shop")).unwrap()
    });
    let only_ours = || {
        let row = runtime.block_on(clerks[0].query_one(CLIENTS, &[])).unwrap();
        row.get::<_, i64>(0) == 5
    };
    eventually("the sessions that started the server are gone", only_ours);

    let evidence = watched(&url, Scope::Everyone, true);
    assert_eq!(
        limits(&evidence),
        [
            ("role", "app", 6.0, Some(4.0)),
            ("database", "plimsoll", 40.0, Some(5.0)),
        ],
        "with the connection that watches: {:?}",
        evidence.unavailable
    );
    assert_eq!(evidence.value(postgres::CONNECTIONS_USED_MAX), Some(6.0));
    let load = || Scope::Application("shop".to_owned());
    assert_eq!(
        limits(&watched(&url, load(), false)),
        [
            ("role", "app", 6.0, None),
            ("database", "plimsoll", 40.0, None),
        ],
        "not counted is no number"
    );
    let superuser = watched(server.url(), load(), false);
    assert!(limits(&superuser).is_empty(), "none holds for a superuser");
    drop((sessions, clerks));
}
