//! Test of a recorder's memory: histograms allocate on first use, and recording allocates nothing.

use test_support::CountingAllocator;

use super::operation_table::{OperationId, OperationTable};
use super::outcome::Outcome;
use super::recorder::{Recorder, claim_shard};
use super::timestamps::Timestamps;
use super::within::Within;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const THREADS: usize = 16;

#[test]
fn operations_that_are_not_used_take_no_memory_and_recording_allocates_nothing() {
    let before = CountingAllocator::held_bytes();
    let names = (0..100).map(|n| format!("operation {n}"));
    let recorder = Recorder::new(names.collect::<OperationTable>(), THREADS);
    let timestamps = Timestamps {
        started_ns: 1_000,
        done_ns: 2_000,
        ..Timestamps::default()
    };
    let record = |operation| {
        let outcome = Outcome::success(OperationId::nth(operation));
        recorder.begin(timestamps.started_ns);
        recorder.record(&timestamps, &outcome, Within::WHOLLY);
    };
    for thread in 1..=THREADS {
        claim_shard(thread);
        [7, 42, 99].into_iter().for_each(record);
    }
    let held = CountingAllocator::held_bytes() - before;
    assert!(held < 30 << 20, "{} MB", held >> 20);

    let before = CountingAllocator::allocations();
    (0..10_000).for_each(|_| record(42));
    assert_eq!(CountingAllocator::allocations() - before, 0);

    let (operations, _) = recorder.collect(1.0);
    assert_eq!(operations.len(), 3);
    assert_eq!(operations["operation 7"].succeeded, THREADS as u64);
    assert_eq!(
        operations["operation 42"].succeeded,
        THREADS as u64 + 10_000
    );
}
