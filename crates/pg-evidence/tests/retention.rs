//! Tests of who keeps dead rows and write-ahead log on a real server: a session with a snapshot, a
//! prepared transaction, and a replication slot without a consumer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

use bench_cli::bench::EvidenceSource as _;
use bench_report::{EvidenceRow, ServerEvidence};
use load_engine::Cancel;
use pg_connect::Address;
use pg_evidence::{EvidenceCollector, Scope};
use testbed::{Postgres, PostgresOptions};
use tokio::runtime::Runtime;
use tokio_postgres::Client;

const PASSWORD: &str = "Zq7hunter2qZ";
const STOCK: &str = "CREATE TABLE stock (id int PRIMARY KEY, n int);
    INSERT INTO stock SELECT i, 0 FROM generate_series(1, 1000) i";
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM stock";
const PREPARED: &str = "BEGIN; UPDATE stock SET n = 7 WHERE id = 1; PREPARE TRANSACTION 'left'";
const SLOT: &str = "SELECT pg_create_physical_replication_slot('forgotten', true)";
/// Transactions of the load; each leaves 999 dead rows.
const UPDATES: f64 = 5.0;
const UPDATE: &str = "UPDATE stock SET n = n + 1 WHERE id > 1";

struct Session<'r> {
    runtime: &'r Runtime,
    client: Client,
}

impl<'r> Session<'r> {
    fn open(runtime: &'r Runtime, url: &str, application: &str) -> Self {
        let address = Address::parse(url).unwrap();
        let client = runtime.block_on(address.connect(application)).unwrap();
        Self { runtime, client }
    }

    fn execute(&self, sql: &str) {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .unwrap();
    }
}

fn server() -> Postgres {
    let prepared = ("max_prepared_transactions".to_owned(), "5".to_owned());
    Postgres::start(&PostgresOptions {
        fsync: false,
        password: Some(PASSWORD.to_owned()),
        settings: vec![prepared],
        ..PostgresOptions::default()
    })
    .unwrap()
}

/// Lets the application `shop` make the load on the server at `url`, and returns the evidence that
/// the role of `watched` sees.
fn evidence_of_load(runtime: &Runtime, url: &str, watched: &str) -> ServerEvidence {
    let scope = Scope::Application("shop".to_owned());
    let address = Address::parse(watched).unwrap();
    let mut watch = EvidenceCollector::start(scope, address, "shop", Cancel::default()).unwrap();
    watch.begin_step().unwrap().unwrap();
    watch.measure_begins();
    let shop = Session::open(runtime, url, "shop");
    for _ in 0..UPDATES as usize {
        shop.execute(UPDATE);
    }
    watch.measure_ends();
    drop(shop);
    watch.end_step()
}

fn table<'e>(evidence: &'e ServerEvidence, name: &str) -> &'e [EvidenceRow] {
    let rows = evidence.tables.get(name);
    rows.unwrap_or_else(|| panic!("no table {name}: {:?}", evidence.unavailable))
}

#[test]
fn a_kept_snapshot_and_a_slot_without_a_consumer_are_told_with_what_they_keep() {
    let (server, runtime) = (server(), Runtime::new().unwrap());
    let url = server.url();
    let report = Session::open(&runtime, url, "report");
    let clerk = Session::open(&runtime, url, "clerk");
    clerk.execute(STOCK);
    clerk.execute(SLOT);
    report.execute(SNAPSHOT);
    clerk.execute(PREPARED);
    let evidence = evidence_of_load(&runtime, url, url);

    let holders = table(&evidence, "xmin_holders");
    let of = |kind: &str| holders.iter().find(|row| row.labels["kind"] == kind);
    for (kind, name, state) in [
        ("session", "report", "idle in transaction"),
        ("prepared transaction", "left", "prepared"),
    ] {
        let holder = of(kind).unwrap_or_else(|| panic!("no {kind}: {holders:?}"));
        assert_eq!(holder.labels["name"], name);
        assert_eq!(holder.labels["state"], state);
        let figures = &holder.figures;
        let grown = figures["age_transactions"] - figures["begin_age_transactions"];
        assert!(grown >= UPDATES, "{kind}: {figures:?}");
    }
    // No standby sends feedback through the slot, so that it keeps log, and no rows.
    assert_eq!(holders.len(), 2, "{holders:?}");

    let slots = table(&evidence, "replication_slots");
    assert_eq!(slots.len(), 1, "{slots:?}");
    assert_eq!(slots[0].labels["slot"], "forgotten");
    assert_eq!(slots[0].labels["state"], "inactive");
    let figures = &slots[0].figures;
    let grown = figures["kept_bytes"] - figures["begin_kept_bytes"];
    // The record of an updated row is longer than 50 bytes.
    assert!(grown > 50.0 * 999.0 * UPDATES, "{figures:?}");
    assert_eq!(figures["released_bytes"], 0.0);

    report.execute("COMMIT");
    clerk.execute("ROLLBACK PREPARED 'left'");
    let evidence = evidence_of_load(&runtime, url, url);
    let holders = table(&evidence, "xmin_holders");
    assert!(holders.is_empty(), "{holders:?}");
}

/// The role sees that a session has a snapshot, but not what kind of session it is.
#[test]
fn holders_that_a_role_may_not_see_are_unknown_and_slots_are_told_all_the_same() {
    let (server, runtime) = (server(), Runtime::new().unwrap());
    let url = server.url();
    let report = Session::open(&runtime, url, "report");
    report.execute(STOCK);
    report.execute(&format!("CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'"));
    report.execute(SLOT);
    report.execute(SNAPSHOT);
    let watched = url.replace("//plimsoll:", "//app:");
    let evidence = evidence_of_load(&runtime, url, &watched);
    let reason = &evidence.unavailable["xmin_holders"];
    assert!(reason.contains("pg_read_all_stats"), "{reason}");
    assert!(!evidence.tables.contains_key("xmin_holders"));
    assert_eq!(table(&evidence, "replication_slots").len(), 1);
}
