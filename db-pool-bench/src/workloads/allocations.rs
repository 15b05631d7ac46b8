//! Test that executing a script allocates nothing for each request: allocations would be part of
//! what is measured.

use std::sync::Arc;

use load_engine::{Failure, UserId};
use pg_connect::Address;
use pg_evidence::Client;
use pgbench_script::{BoundValue, ScriptSource, ScriptValue, StatementResult};
use test_support::CountingAllocator;

use super::{ScriptEntry, SqlWorkload, User, WorkloadConnection, WorkloadDraft};
use crate::common::postgres;
use crate::protocol::Protocol;

/// Connection that accepts every statement, sends nothing, and counts statements and values.
#[derive(Default)]
struct Nobody {
    statements: u64,
    values: u64,
}

impl WorkloadConnection for Nobody {
    async fn execute(&mut self, _statement: usize, values: &[BoundValue]) -> Result<(), Failure> {
        self.statements += 1;
        self.values += values.len() as u64;
        Ok(())
    }

    async fn send(
        &mut self,
        _sql: &str,
        _answers: Option<&mut Vec<StatementResult>>,
    ) -> Result<(), Failure> {
        self.statements += 1;
        Ok(())
    }

    fn in_transaction(&mut self, _open: bool) {}
}

const SCRIPT: &str = "
    \\set a random_zipfian(1, 1000, 1.2)
    \\set b case when :a > 10 then hash(:a) % 1000 else random_gaussian(1, 100, 2.5) end
    BEGIN;
    SELECT :a::int4, :b::int8;
    \\if :b < 0
    SELECT :b::float8;
    \\else
    SELECT :b::numeric IS NULL;
    \\endif
    END;";

async fn workload(server: &testbed::Postgres) -> Arc<SqlWorkload> {
    let address = Address::parse(server.url()).unwrap();
    let client = Client::open(&address, "a_test").await.unwrap();
    let entry = |label: &str| ScriptEntry {
        source: ScriptSource {
            file: label.to_owned(),
            text: SCRIPT.to_owned(),
        },
        label: label.to_owned(),
        operation: label.to_owned(),
        weight: 3,
    };
    let scale = ("scale".to_owned(), ScriptValue::Integer(1));
    let draft = WorkloadDraft::new(
        vec![entry("one"), entry("two")],
        &[scale],
        7,
        Protocol::Prepared,
    )
    .unwrap();
    Arc::new(draft.verify(&client).await.unwrap())
}

#[test]
fn executing_a_script_allocates_nothing() {
    let server = postgres(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let counted = runtime.block_on(async {
        let mut user = User::new(&workload(&server).await, 7, UserId(0));
        let mut nobody = Nobody::default();
        let mut before = 0;
        for request in 0..1_000 {
            if request == 100 {
                before = CountingAllocator::allocations();
            }
            user.choose();
            let outcome = user.execute_script(&mut nobody).await;
            assert_eq!(outcome.failure, None);
            assert_eq!(user.parts().len(), 4);
        }
        assert_eq!((nobody.statements, nobody.values), (4_000, 3_000));
        CountingAllocator::allocations() - before
    });
    assert_eq!(counted, 0, "in 900 requests");
}
