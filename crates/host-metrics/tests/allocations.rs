//! Test that reading the scheduler's counters of a thread allocates nothing, because load
//! generators do so at every tick.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use host_metrics::source::process::ScheduleFile;
use test_support::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = CountingAllocator::allocations();
    work();
    CountingAllocator::allocations() - before
}

#[test]
fn reading_a_thread_allocates_nothing() {
    let Ok(own) = ScheduleFile::of_this_thread() else {
        return;
    };
    let counted = allocations(|| {
        for _ in 0..100 {
            own.read().unwrap();
        }
    });
    assert_eq!(counted, 0);
    assert!(allocations(|| drop(vec![1])) > 0, "the counter counts");
}
