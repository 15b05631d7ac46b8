//! Instants of the wall clock, by which several hosts agree on a common start.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Instant of the wall clock, in nanoseconds since the start of 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WallTime(u64);

impl WallTime {
    /// Creates the instant that is `since_1970` after the start of 1970 (UTC); the latest possible
    /// instant if that is too late for 64 bits.
    pub fn since_1970(since_1970: Duration) -> Self {
        Self(u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Reads this host's wall clock; the start of 1970 if the clock is before it.
    pub fn now() -> Self {
        Self::since_1970(
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }

    /// Returns the instant that is `later` after this one; the latest possible instant if that
    /// overflows.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(later.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// Returns the instant that is `earlier` before this one; the start of 1970 at the earliest.
    #[must_use]
    pub fn before(self, earlier: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(earlier.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// Returns the time from the instant `earlier` to this one; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the instant in nanoseconds since the start of 1970 (UTC).
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// Converts this instant to nanoseconds on the monotonic clock, given simultaneous readings of
    /// both clocks: `monotonic_ns` and `now`. `None` if the instant is before `now`, or too late
    /// for 64 bits.
    pub(crate) fn on_monotonic_clock(self, monotonic_ns: u64, now: Self) -> Option<u64> {
        let ahead_ns = self.0.checked_sub(now.0)?;
        monotonic_ns.checked_add(ahead_ns)
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(self.0)) {
            Some(instant) => humantime::format_rfc3339_millis(instant).fmt(f),
            None => write!(f, "{} ns after 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn an_instant_of_the_wall_clock_becomes_one_of_each_hosts_monotonic_clock() {
        let start = WallTime(1_773_479_700 * SECOND);
        // Two hosts that were booted at different times. One reads its clocks a second after the
        // other.
        let early = start.before(Duration::from_secs(30));
        let later = early.after(Duration::from_secs(1));
        assert_eq!(
            start.on_monotonic_clock(5 * SECOND, early),
            Some(35 * SECOND)
        );
        assert_eq!(
            start.on_monotonic_clock(900 * SECOND, later),
            Some(929 * SECOND)
        );
        let passed = start.after(Duration::from_nanos(1));
        assert_eq!(start.on_monotonic_clock(5 * SECOND, passed), None);
        assert_eq!(later.since(early), Duration::from_secs(1));
        assert_eq!(early.since(later), Duration::ZERO);
        assert_eq!(start.to_string(), "2026-03-14T09:15:00.000Z");
    }
}
