//! Test of a recorder's memory: histograms allocate on first use, and recording allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use super::operation_table::{OperationId, OperationTable};
use super::outcome::Outcome;
use super::recorder::{Recorder, claim_shard};
use super::timestamps::Timestamps;
use super::within::Within;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Allocator that passes every call to the system's allocator and counts the allocations and held
/// bytes of each thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed unchanged to the system's allocator, and counting accesses no
// allocated memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        HELD.set(HELD.get().wrapping_add(layout.size()));
        // SAFETY: the caller upholds the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // Another thread may have taken it.
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: the caller upholds the contract of `dealloc`.
        unsafe { System.dealloc(place, layout) }
    }
}

const THREADS: usize = 16;

#[test]
fn operations_that_are_not_used_take_no_memory_and_recording_allocates_nothing() {
    let before = HELD.get();
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
    let held = HELD.get() - before;
    assert!(held < 30 << 20, "{} MB", held >> 20);

    let before = ALLOCATIONS.get();
    (0..10_000).for_each(|_| record(42));
    assert_eq!(ALLOCATIONS.get() - before, 0);

    let (operations, _) = recorder.collect(1.0);
    assert_eq!(operations.len(), 3);
    assert_eq!(operations["operation 7"].succeeded, THREADS as u64);
    assert_eq!(
        operations["operation 42"].succeeded,
        THREADS as u64 + 10_000
    );
}
