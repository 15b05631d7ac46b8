//! Test that reading the scheduler's counters of a thread allocates nothing, because load
//! generators do so at every tick.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use host_metrics::source::process::ScheduleFile;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|all| all.set(all.get() + 1));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
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
