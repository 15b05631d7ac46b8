//! Lengths of time as people write them: `500ms`, `30s`, `1h30m`.

use std::time::Duration;

/// Longest time that a plan may hold: a year. Sums and multiples of it fit every clock.
pub(super) const LONGEST: Duration = Duration::from_hours(24 * 365);

/// Parses a length of time, zero included; `None` where it is none, or longer than a year.
pub(super) fn written_time(text: &str) -> Option<Duration> {
    let time = humantime::parse_duration(text.trim()).ok()?;
    (time <= LONGEST).then_some(time)
}
