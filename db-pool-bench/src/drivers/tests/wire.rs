//! Tests of the bare protocol on real servers: it must report the same as the other drivers.

use std::collections::BTreeMap;
use std::sync::Arc;

use load_engine::{Session as _, Target as _, TargetFactory, Timestamps, UserId, WorkerShare};
use pg_connect::Address;
use pg_evidence::Client;
use pg_evidence::failure::from_connect;
use pgbench_script::{BoundValue, ParameterType, ScriptSource, ScriptValue};
use test_support::{TestDirectory, eventually};
use testbed::Postgres;

use super::variants::{runtime, setup};
use crate::common::{Talk, postgres};
use crate::drivers::{Deadpool, Direct, Sqlx, Wire};
use crate::failure::from_wire;
use crate::protocol::Protocol;
use crate::wire::{BareConnection, ExecutionResult, WireError};
use crate::workloads::{ScriptEntry, SqlWorkload, WorkloadDraft};

fn address(server: &Postgres) -> Address {
    Address::parse(server.url()).unwrap()
}

/// Returns the address of `server` with this user and this password.
fn as_user(server: &Postgres, user: &str, password: &str) -> Address {
    let place = server.url().split_once('@').unwrap().1;
    Address::parse(&format!("postgres://{user}:{password}@{place}")).unwrap()
}

async fn bare(address: &Address) -> Result<BareConnection, WireError> {
    BareConnection::connect(&address.config("a_test"), &address.tls()).await
}

/// Compiles a workload of scripts, given by name and text, which are chosen equally often.
async fn workload(address: &Address, scripts: &[(&str, &str)]) -> Arc<SqlWorkload> {
    let entry = |(name, text): &(&str, &str)| ScriptEntry {
        source: ScriptSource {
            file: (*name).to_owned(),
            text: (*text).to_owned(),
        },
        label: (*name).to_owned(),
        operation: (*name).to_owned(),
        weight: 1,
    };
    let entries = scripts.iter().map(entry).collect();
    let draft = WorkloadDraft::new(entries, &[], 7, Protocol::Prepared).unwrap();
    let client = Client::open(address, "a_test").await.unwrap();
    Arc::new(draft.verify(&client).await.unwrap())
}

/// Counts the successes, and the failures of each kind, among the first `requests` requests of one
/// user.
async fn counts<F: TargetFactory>(factory: F, requests: usize) -> BTreeMap<String, usize> {
    let target = factory.build(WorkerShare::ALONE).await.unwrap();
    let mut session = target.open(UserId(3)).await.unwrap();
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        let outcome = session.request(&mut Timestamps::default()).await;
        let kind = outcome
            .failure
            .map_or("success".to_owned(), |f| f.kind.to_string());
        *counts.entry(kind).or_default() += 1;
    }
    session.close().await;
    target.close().await;
    counts
}

#[test]
fn a_bare_connection_reads_the_rows_that_a_driver_reads() {
    let server = postgres(&[]);
    runtime().block_on(async {
        let client = address(&server).connect("a_test").await.unwrap();
        let rows = "CREATE TABLE t AS SELECT id, id * 7 - 50 AS v FROM generate_series(1, 20) id;
                    UPDATE t SET v = NULL WHERE id = 4; INSERT INTO t VALUES (5, 1), (5, 2)";
        client.batch_execute(rows).await.unwrap();
        let sql = "SELECT v FROM t WHERE id = $1 ORDER BY v DESC NULLS FIRST";
        let mut connection = bare(&address(&server)).await.unwrap();
        connection
            .prepare("read", sql, [ParameterType::Int4])
            .await
            .unwrap();
        for id in -1..22 {
            let told = client.query(sql, &[&id]).await.unwrap();
            let expected = ExecutionResult {
                rows: told.len() as u64,
                value: told.last().and_then(|row| row.get(0)),
            };
            let id = BoundValue::new(ScriptValue::Integer(id.into()), ParameterType::Int4).unwrap();
            let answer = connection.execute("read", &[id]).await.unwrap();
            assert_eq!(answer, expected, "{id:?}");
        }
    });
}

#[test]
fn every_driver_counts_the_errors_that_were_planted() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute("CREATE TABLE t AS SELECT id, 0 AS v FROM generate_series(1, 100) id");
    talk.execute("CREATE TABLE h (id int NOT NULL CHECK (id > 50), delta int)");
    let id = "\\set id random(1, 100)\n";
    let read = format!("{id} SELECT v / (id % 3) FROM t WHERE id = :id;");
    let insert = format!("{id} INSERT INTO h VALUES (:id, 1);");
    let transfer = format!(
        "{id} BEGIN; UPDATE t SET v = v + 0 WHERE id = :id; INSERT INTO h VALUES (:id, 2); END;"
    );
    let scripts = [
        ("read", read.as_str()),
        ("insert", &insert),
        ("transfer", &transfer),
    ];
    runtime().block_on(async {
        let address = address(&server);
        let workload = workload(&address, &scripts).await;
        let setup = || setup(address.clone(), Arc::clone(&workload));
        let direct = counts(Direct(setup()), 200).await;
        let division = direct.get("sqlstate.22012").copied().unwrap_or(0);
        let check = direct.get("sqlstate.23514").copied().unwrap_or(0);
        assert!(division > 0 && check > 0, "{direct:?}");
        assert_eq!(direct["success"] + division + check, 200, "{direct:?}");
        assert_eq!(counts(Wire(setup()), 200).await, direct);
        assert_eq!(counts(Deadpool(setup()), 200).await, direct);
        assert_eq!(counts(Sqlx(setup()), 200).await, direct);
    });
    // A failed transaction must have left nothing, and any other must have left everything.
    let kept = talk.names("SELECT (count(*) % 4)::text FROM h");
    assert_eq!(kept, ["0"], "four drivers inserted the same rows");
}

#[test]
fn a_connection_that_was_ended_is_opened_anew() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute("CREATE TABLE t AS SELECT 1 AS id, 5 AS v");
    let read = "\\set id random(1, 1)\n SELECT v FROM t WHERE id = :id;";
    runtime().block_on(async {
        let address = address(&server);
        let workload = workload(&address, &[("read", read)]).await;
        let setup = setup(address, workload);
        let target = Wire(setup).build(WorkerShare::ALONE).await.unwrap();
        let mut session = target.open(UserId(0)).await.unwrap();
        assert_eq!(
            session.request(&mut Timestamps::default()).await.failure,
            None
        );
        let ended = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
                     WHERE application_name = 'a_test_of_drivers'";
        tokio::task::block_in_place(|| assert_eq!(talk.names(ended), ["true"]));
        let failure = session
            .request(&mut Timestamps::default())
            .await
            .failure
            .unwrap();
        assert_eq!(failure.kind, "sqlstate.57P01", "{failure}");
        assert_eq!(
            session.request(&mut Timestamps::default()).await.failure,
            None
        );
        session.close().await;
    });
    let left = "SELECT application_name FROM pg_stat_activity
                WHERE application_name = 'a_test_of_drivers'";
    eventually("it says goodbye", || talk.names(left).is_empty());
}

#[test]
fn every_way_to_log_in_works_and_a_wrong_password_gets_the_sentence_of_the_server() {
    let place = TestDirectory::new();
    let rules = place.tmp().join("hba.conf");
    let lines = "host all by_md5 all md5\nhost all by_trust all trust\n\
                 host all by_text all password\nhost all all all scram-sha-256\n";
    std::fs::write(&rules, lines).unwrap();
    let server = postgres(&[("hba_file", rules.to_str().unwrap())]);
    let talk = Talk::to(server.url());
    for (method, password) in [
        ("md5", "by_md5"),
        ("scram-sha-256", "by_scram"),
        ("scram-sha-256", "by_text"),
    ] {
        talk.execute(&format!("SET password_encryption = '{method}'"));
        talk.execute(&format!("CREATE ROLE {password} LOGIN PASSWORD 'right'"));
    }
    talk.execute("CREATE ROLE by_trust LOGIN");
    runtime().block_on(async {
        for user in ["by_md5", "by_scram", "by_text", "by_trust"] {
            let mut connection = bare(&as_user(&server, user, "right")).await.unwrap();
            connection.simple_query("SELECT 1").await.unwrap();
            let wrong = as_user(&server, user, "wrong");
            let Err(error) = bare(&wrong).await else {
                assert_eq!(user, "by_trust");
                continue;
            };
            let (wire, direct) = (
                from_wire(&error),
                Client::open(&wrong, "a_test").await.unwrap_err(),
            );
            assert_eq!(wire, from_connect(&direct));
            assert_eq!(wire.kind, "auth");
        }
    });
}
