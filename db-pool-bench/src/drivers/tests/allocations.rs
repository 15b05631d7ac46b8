//! Test that the bare protocol allocates nothing for each request, because it is the baseline of the other
//! drivers.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{
    Session as _, Target as _, TargetFactory as _, ThinkTime, Timestamps, UserId, WorkerShare,
};
use pg_connect::Address;
use pg_evidence::Client;
use test_support::CountingAllocator;

use crate::common::postgres;
use crate::drivers::{DriverSetup, PoolOptions, Wire};
use crate::protocol::Protocol;
use crate::workloads::{Builtin, Schema};

#[test]
fn a_request_allocates_nothing() {
    let server = postgres(&[]);
    let address = Address::parse(server.url()).unwrap();
    let schema = Schema::for_run("allocations");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let counted = runtime.block_on(async {
        let client = Client::open(&address, "a_test").await.unwrap();
        let tables = schema.create(&client, 1).await.unwrap();
        let draft = Builtin::WriteHeavy
            .draft(&tables, 7, Protocol::Prepared)
            .unwrap();
        let workload = draft.verify(&client).await.unwrap();
        drop(client);
        let setup = DriverSetup {
            address,
            application: "a_test".to_owned(),
            pool_size: 1,
            pool: PoolOptions::default(),
            checkout_timeout: Duration::from_secs(5),
            workload: Arc::new(workload),
            seed: 7,
            hold: ThinkTime::NONE,
            opened: Arc::default(),
        };
        let target = Wire(setup).build(WorkerShare::ALONE).await.unwrap();
        let mut session = target.open(UserId(0)).await.unwrap();
        let mut before = 0;
        for request in 0..1_000 {
            if request == 100 {
                before = CountingAllocator::allocations();
            }
            let outcome = session.request(&mut Timestamps::default()).await;
            assert_eq!(outcome.failure, None);
        }
        let counted = CountingAllocator::allocations() - before;
        session.close().await;
        counted
    });
    assert_eq!(counted, 0, "in 900 requests");
}
