//! Tests of what the server itself does beside a load, on a real server of any version: checkpoints and
//! autovacuum. And of the indexes of the tables that the load touched.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/scripting.rs"]
mod scripting;
#[path = "common/under_load.rs"]
mod under_load;

use common::{Talk, postgres};
use under_load::{STOCK, row, table, under_load};

const UPDATES: &str = "\\set id random(1, 5000)\nUPDATE stock SET n = n + 1 WHERE id = :id;";

/// The log outgrows `max_wal_size`, so that the server begins a checkpoint, which it spreads over a longer
/// time than the load takes.
#[test]
fn a_checkpoint_is_told_with_its_time() {
    let server = postgres(&[("max_wal_size", "32MB"), ("min_wal_size", "32MB")]);
    let talk = Talk::to(server.url());
    talk.execute(STOCK);
    let evidence = under_load(server.url(), UPDATES, || {
        talk.execute(
            "CREATE TABLE filler AS SELECT repeat('x', 1000) AS note FROM generate_series(1, 50000)",
        );
    });
    let spans = table(&evidence, "background_work");
    let checkpoint = row(&evidence, "background_work", "process", "checkpointer");
    assert_eq!(checkpoint.labels["work"], "checkpoint");
    for span in spans {
        let length_ns = span.figures["end_ns"] - span.figures["begin_ns"];
        assert!(length_ns > 0.0 && length_ns < 10e9, "{span:?}");
    }
}

#[test]
fn autovacuum_is_told_with_its_table() {
    let server = postgres(&[("autovacuum_naptime", "1s")]);
    let talk = Talk::to(server.url());
    talk.execute(STOCK);
    // Every change of this table calls for a vacuum, which is slow enough to be seen.
    talk.execute(
        "ALTER TABLE stock SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
           autovacuum_vacuum_cost_delay = 20, autovacuum_vacuum_cost_limit = 10)",
    );
    let evidence = under_load(server.url(), UPDATES, || {});
    let work = row(&evidence, "background_work", "work", "public.stock");
    assert_eq!(work.labels["process"], "autovacuum worker");
    assert!(work.labels["work"].starts_with("VACUUM"), "{work:?}");
}

#[test]
fn tables_are_told_with_their_indexes() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute(STOCK);
    talk.execute(
        "CREATE INDEX by_n ON stock (n, id) WHERE n > 7; CREATE INDEX by_text ON stock (lower(n::text))",
    );
    let evidence = under_load(server.url(), UPDATES, || {});
    let columns = |name| row(&evidence, "indexes", "index", name).labels["columns"].clone();
    assert_eq!(columns("stock_pkey"), "id");
    assert_eq!(columns("by_n"), "n, id (partial)");
    assert!(
        columns("by_text").contains("lower("),
        "{}",
        columns("by_text")
    );
    let stock = row(&evidence, "tables", "relation", "stock");
    assert!(stock.figures["modified_since_analyze"] > 0.0, "{stock:?}");
}
