//! Tests of the evidence of a server that no bench loads; each test itself opens the sessions of
//! other programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use bench_cli::bench::EvidenceSource as _;
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
