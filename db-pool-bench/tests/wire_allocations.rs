//! The bare protocol's ceiling would be none if each request paid for memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use common::postgres;
use db_pool_bench::address::Address;
use db_pool_bench::drivers::{PoolOptions, Setup, Wire};
use db_pool_bench::workloads::{Schema, Tables, Workload};
use load_engine::{Factory as _, Marks, Session as _, Target as _, UserId, Worker};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread asks for.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came; the count touches no memory that
// is allocated.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}

#[test]
fn a_request_allocates_nothing() {
    let server = postgres(&[]);
    let address = Address::parse(server.url()).unwrap();
    let schema = Schema::of_run("allocations");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let counted = runtime.block_on(async {
        let client = address.connect("a_test").await.unwrap();
        let rows = schema.create(&client, 1).await.unwrap();
        drop(client);
        let setup = Setup {
            address,
            application: "a_test".to_owned(),
            pool_size: 1,
            pool: PoolOptions::default(),
            checkout_timeout: Duration::from_secs(5),
            workload: Workload::WriteHeavy,
            tables: Arc::new(Tables::own(schema.name(), rows)),
            seed: 7,
        };
        let target = Wire(setup).build(Worker::ALONE).await.unwrap();
        let mut session = target.open(UserId(0)).await.unwrap();
        let mut before = 0;
        for request in 0..1_000 {
            if request == 100 {
                before = ALLOCATIONS.get();
            }
            let outcome = session.hit(&mut Marks::default()).await;
            assert_eq!(outcome.failure, None);
        }
        let counted = ALLOCATIONS.get() - before;
        session.close().await;
        counted
    });
    assert_eq!(counted, 0, "in 900 requests");
}
