//! Monotonic clock of the host, the time axis of all readings.

use nix::time::{ClockId, clock_gettime};

/// Reads `CLOCK_MONOTONIC`, in nanoseconds since the boot. On common Linux hosts this costs a vDSO
/// call, no system call.
pub(crate) fn monotonic_ns() -> u64 {
    // All supported systems have this clock; a kernel without it would give 0.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}
