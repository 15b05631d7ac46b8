//! Global allocator that counts, for tests of code that must not allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Allocator of the system, with counts for each thread. Both counts stay 0 in a test program that does
/// not make it its `#[global_allocator]`.
#[derive(Debug, Clone, Copy)]
pub struct CountingAllocator;

impl CountingAllocator {
    /// Returns the number of allocations that the calling thread has made since its start. Releases
    /// are not counted.
    pub fn allocations() -> u64 {
        ALLOCATIONS.get()
    }

    /// Returns the number of bytes that the calling thread has allocated since its start, less those
    /// that it has released.
    pub fn held_bytes() -> usize {
        HELD_BYTES.get()
    }
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counts use no memory that is
// allocated.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        HELD_BYTES.set(HELD_BYTES.get().wrapping_add(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // Another thread may have allocated it.
        HELD_BYTES.set(HELD_BYTES.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}
