//! Lengths of time as users write them: `500ms`, `30s`, `1h30m`.

use std::time::Duration;

/// Longest time in a plan: a year of 365 days. Sums and multiples of such times fit every clock.
pub(super) const LONGEST: Duration = Duration::from_hours(24 * 365);

/// Parses a length of time such as `1h30m`; zero is allowed. `None` if the text is not a time or
/// exceeds a year.
pub(super) fn written_time(text: &str) -> Option<Duration> {
    let time = humantime::parse_duration(text.trim()).ok()?;
    (time <= LONGEST).then_some(time)
}
