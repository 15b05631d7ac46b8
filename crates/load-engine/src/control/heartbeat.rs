//! Sleeps of a step's controller, and the instants at which it takes intervals.

use std::time::Duration;

use bench_report::clock::monotonic_ns;

const HEARTBEAT_NS: u64 = 10_000_000;
/// Time between two checks of a state that is expected to change soon.
const SHORT_BEAT_NS: u64 = 1_000_000;

/// Sleeps of the controller, with the longest delay by which one ended too late.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    worst_stall_ns: u64,
}

impl Heartbeat {
    /// Sleeps for 10 ms, or until `until_ns` if that is earlier. Returns the instant of waking.
    pub(super) fn beat(&mut self, until_ns: u64) -> u64 {
        let now_ns = monotonic_ns();
        let due_ns = (now_ns + HEARTBEAT_NS).min(until_ns.max(now_ns));
        std::thread::sleep(Duration::from_nanos(due_ns - now_ns));
        let woke_ns = monotonic_ns();
        self.worst_stall_ns = self.worst_stall_ns.max(woke_ns.saturating_sub(due_ns));
        woke_ns
    }

    /// Sleeps for 1 ms, and returns the instant of waking.
    pub(super) fn short_beat(&mut self) -> u64 {
        self.beat(monotonic_ns() + SHORT_BEAT_NS)
    }

    /// Returns the longest delay of a sleep since the last call, in nanoseconds.
    pub(super) fn take_worst_stall_ns(&mut self) -> u64 {
        std::mem::take(&mut self.worst_stall_ns)
    }
}

/// Ticks at start + k·interval. Delays therefore do not add up, and several processes tick at the
/// same instants.
#[derive(Debug)]
pub(super) struct TickGrid {
    start_ns: u64,
    interval: Duration,
    next_ns: u64,
    last_ns: u64,
}

impl TickGrid {
    /// Creates the ticks of a step that starts at `start_ns` and is measured for `measure`, or zero
    /// if that is unknown. There are about forty ticks, at least 0.1 s and at most 1 s apart.
    pub(super) fn new(start_ns: u64, measure: Duration) -> Self {
        let interval = Self::interval(measure);
        Self {
            start_ns,
            interval,
            next_ns: start_ns + interval.as_nanos() as u64,
            last_ns: start_ns,
        }
    }

    /// Returns the time between two ticks of a step that is measured for `measure`.
    pub(super) fn interval(measure: Duration) -> Duration {
        (measure / 40).clamp(Duration::from_millis(100), Duration::from_secs(1))
    }

    /// Returns the time since the last tick if a tick is due at `now_ns`, or if `wanted`. Missed
    /// ticks are not made up for.
    pub(super) fn tick(&mut self, now_ns: u64, wanted: bool) -> Option<Duration> {
        if now_ns < self.next_ns && !wanted {
            return None;
        }
        let interval_ns = self.interval.as_nanos() as u64;
        let passed = (now_ns - self.start_ns) / interval_ns;
        self.next_ns = self.start_ns + (passed + 1) * interval_ns;
        let elapsed_ns = now_ns - self.last_ns;
        self.last_ns = now_ns;
        Some(Duration::from_nanos(elapsed_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Simulates controller wake-ups at `beats_ms` after the start. Returns the instant of each
    /// tick and the time since the tick before, in milliseconds.
    fn ticks(beats_ms: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
        let start_ns = 7_000 * MS;
        let mut grid = TickGrid::new(start_ns, Duration::from_secs(4));
        let tick = |at_ms: u64| {
            let elapsed = grid.tick(start_ns + at_ms * MS, false)?;
            Some((at_ms, elapsed.as_millis() as u64))
        };
        beats_ms.into_iter().filter_map(tick).collect()
    }

    #[test]
    fn late_beats_do_not_make_ticks_drift() {
        // With a wake-up every 13 ms, each tick is up to 12 ms late.
        let ticked = ticks((0..).map(|n| n * 13).take_while(|at| *at < 4_000));
        assert_eq!(ticked.len(), 39, "one each 100 ms");
        for (n, (at_ms, _)) in ticked.iter().enumerate() {
            let grid_ms = 100 * (n as u64 + 1);
            assert!((grid_ms..grid_ms + 13).contains(at_ms), "{at_ms}");
        }
        let elapsed: u64 = ticked.iter().map(|(_, elapsed)| elapsed).sum();
        assert_eq!(elapsed, ticked.last().unwrap().0, "no time is left out");
    }

    #[test]
    fn a_tick_after_a_stall_stands_for_those_that_were_missed() {
        let ticked = ticks([90, 104, 150, 730, 740, 799, 801, 900]);
        assert_eq!(ticked, [(104, 104), (730, 626), (801, 71), (900, 99)]);
    }
}
