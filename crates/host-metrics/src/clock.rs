//! The monotonic clock, on whose axis every reading lies.

use nix::time::{ClockId, clock_gettime};

/// Reads `CLOCK_MONOTONIC`, in nanoseconds. Costs a vDSO call, no system call, on common Linux
/// hosts.
pub(crate) fn monotonic_ns() -> u64 {
    // Every supported system has this clock; a kernel without it would answer 0.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}
