//! Clocks of a host. Reports of one host are aligned by boot id and `CLOCK_MONOTONIC`, because
//! wall clocks may jump.

use nix::time::{ClockId, clock_gettime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Position of a report on its host's monotonic clock.
///
/// Two reports with equal `boot_id` share one time axis: every `_ns` instant in them is in
/// nanoseconds of `CLOCK_MONOTONIC` on that host since that boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockAnchor {
    /// Content of `/proc/sys/kernel/random/boot_id`; absent where the system has no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Reading of `CLOCK_MONOTONIC` at `started_at` of the report, in nanoseconds since the boot.
    pub monotonic_ns: u64,
}

impl ClockAnchor {
    /// Reads the boot id and the monotonic clock of this host now.
    pub(crate) fn now() -> Self {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()
            .map(|id| id.trim().to_owned());
        Self {
            boot_id,
            monotonic_ns: monotonic_ns(),
        }
    }

    /// Returns true if instants of both reports are on the same time axis: both have a boot id,
    /// and it is the same.
    pub fn comparable_with(&self, other: &Self) -> bool {
        self.boot_id.is_some() && self.boot_id == other.boot_id
    }
}

/// Reads `CLOCK_MONOTONIC`, in nanoseconds since the boot; 0 if the system has no such clock. On
/// common Linux hosts this costs a vDSO call, no system call.
pub fn monotonic_ns() -> u64 {
    nanoseconds(ClockId::CLOCK_MONOTONIC)
}

/// Reads the CPU time that this process has used so far, user and system, over all threads, in
/// nanoseconds.
pub fn process_cpu_ns() -> u64 {
    nanoseconds(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Reads the largest possible error of this host's wall clock, in nanoseconds. `None` if the
/// system does not report it (any other than Linux), or if the clock is not synchronized, so that
/// its error is unknown.
pub fn wall_clock_error_ns() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let mut clock = std::mem::MaybeUninit::<nix::libc::timex>::zeroed();
        // SAFETY: all fields are numbers, so zero is a valid value; without a mode, the call only
        // writes the struct.
        let (state, clock) =
            unsafe { (nix::libc::adjtimex(clock.as_mut_ptr()), clock.assume_init()) };
        let is_kept = state >= 0
            && state != nix::libc::TIME_ERROR
            && clock.status & nix::libc::STA_UNSYNC == 0;
        let error_ns = u64::try_from(clock.maxerror).ok()?.checked_mul(1_000)?;
        is_kept.then_some(error_ns)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

fn nanoseconds(clock: ClockId) -> u64 {
    // Both clocks exist on every system that we build for. If a kernel had none, the step would
    // have length zero, which the self-check reports.
    clock_gettime(clock).map_or(0, |t| {
        t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64
    })
}
