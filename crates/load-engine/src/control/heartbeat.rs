//! Sleeps of a step's controller, and the instants at which it takes intervals.

use std::time::Duration;

use bench_report::clock::monotonic_ns;

const HEARTBEAT_NS: u64 = 10_000_000;
/// Time between two checks of a state that is expected to change soon, in nanoseconds.
const SHORT_BEAT_NS: u64 = 1_000_000;

/// Sleeps of the controller, with the longest delay of a wake-up.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    worst_stall_ns: u64,
}

impl Heartbeat {
    /// Sleeps for 10 ms, or until `until_ns` if that is earlier. Returns the instant of waking.
    /// Both instants are in nanoseconds on `CLOCK_MONOTONIC`.
    pub(super) fn beat(&mut self, until_ns: u64) -> u64 {
        let now_ns = monotonic_ns();
        let due_ns = (now_ns + HEARTBEAT_NS).min(until_ns.max(now_ns));
        std::thread::sleep(Duration::from_nanos(due_ns - now_ns));
        let woke_ns = monotonic_ns();
        self.worst_stall_ns = self.worst_stall_ns.max(woke_ns.saturating_sub(due_ns));
        woke_ns
    }

    /// Sleeps for 1 ms, and returns the instant of waking, in nanoseconds on `CLOCK_MONOTONIC`.
    pub(super) fn short_beat(&mut self) -> u64 {
        self.beat(monotonic_ns() + SHORT_BEAT_NS)
    }

    /// Discards the parts of delays before `from_ns`. Call it at the first beat after that instant,
    /// which woke at `woke_ns`: the longest delay is then at most the time between the two.
    pub(super) fn count_from(&mut self, from_ns: u64, woke_ns: u64) {
        let late_ns = woke_ns.saturating_sub(from_ns);
        self.worst_stall_ns = self.worst_stall_ns.min(late_ns);
    }

    /// Returns the longest delay of a wake-up since the last call, in nanoseconds, and resets it to
    /// zero.
    pub(super) fn take_worst_stall_ns(&mut self) -> u64 {
        std::mem::take(&mut self.worst_stall_ns)
    }
}

/// Instants of a step at which an interval ends: start + k·interval, and each boundary of the step,
/// so that no interval lies on both sides of one. Delays do not add up, and several processes tick
/// at the same instants. Instants of the grid less than half an interval from a boundary are left
/// out, because a few milliseconds make no useful interval.
#[derive(Debug)]
pub(super) struct TickGrid {
    start_ns: u64,
    interval: Duration,
    next_ns: u64,
    last_ns: u64,
}

impl TickGrid {
    /// Creates the ticks of a step that starts at `start_ns`, on `CLOCK_MONOTONIC`, and is measured
    /// for `measure`, or zero if that is unknown. Ticks are a fortieth of `measure` apart, but at
    /// least 0.1 s and at most 1 s.
    pub(super) fn new(start_ns: u64, measure: Duration) -> Self {
        let interval = Self::interval(measure);
        Self {
            start_ns,
            interval,
            next_ns: start_ns + interval.as_nanos() as u64,
            last_ns: start_ns,
        }
    }

    /// Returns the time between two ticks of a step that is measured for `measure`: a fortieth of
    /// it, at least 0.1 s and at most 1 s.
    pub(super) fn interval(measure: Duration) -> Duration {
        (measure / 40).clamp(Duration::from_millis(100), Duration::from_secs(1))
    }

    /// Returns the first instant of the grid at `instant_ns` or after, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    pub(super) fn next_from(&self, instant_ns: u64) -> u64 {
        let interval_ns = self.interval.as_nanos() as u64;
        let passed_ns = instant_ns.saturating_sub(self.start_ns);
        self.start_ns + passed_ns.div_ceil(interval_ns) * interval_ns
    }

    /// Returns the time since the last tick if a tick is due at `now_ns`, or if `wanted`; else
    /// `None`. Ticks that were missed are skipped.
    pub(super) fn tick(
        &mut self,
        now_ns: u64,
        boundaries: Boundaries,
        wanted: bool,
    ) -> Option<Duration> {
        let is_boundary = boundaries.passed_ns.is_some_and(|ns| ns > self.last_ns);
        if !is_boundary && !wanted {
            if now_ns < self.next_ns {
                return None;
            }
            if boundaries.are_near(self.next_ns, self.interval) {
                self.pass(now_ns);
                return None;
            }
        }
        self.pass(now_ns);
        let elapsed_ns = now_ns - self.last_ns;
        self.last_ns = now_ns;
        Some(Duration::from_nanos(elapsed_ns))
    }

    /// Returns true if a load that ended early at `now_ns` needs one more tick: the last one was at
    /// least half an interval ago. Notes that tick as the last one.
    pub(super) fn ends(&mut self, now_ns: u64) -> bool {
        let is_due = now_ns.saturating_sub(self.last_ns) >= half_ns(self.interval);
        if is_due {
            self.last_ns = now_ns;
        }
        is_due
    }

    /// Moves the next tick to the first instant of the grid after `now_ns`, on `CLOCK_MONOTONIC`.
    fn pass(&mut self, now_ns: u64) {
        let interval_ns = self.interval.as_nanos() as u64;
        let passed = (now_ns - self.start_ns) / interval_ns;
        self.next_ns = self.start_ns + (passed + 1) * interval_ns;
    }
}

/// Boundaries of a step's measured spans before and after an instant, in nanoseconds on
/// `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boundaries {
    /// Last boundary that has passed; `None` before the first one.
    pub(super) passed_ns: Option<u64>,
    /// Next boundary; the last one once all have passed.
    pub(super) next_ns: u64,
}

impl Boundaries {
    /// Returns true if a boundary is less than half an `interval` from `instant_ns`.
    fn are_near(self, instant_ns: u64, interval: Duration) -> bool {
        let mut all = self.passed_ns.into_iter().chain([self.next_ns]);
        all.any(|ns| ns.abs_diff(instant_ns) < half_ns(interval))
    }
}

fn half_ns(interval: Duration) -> u64 {
    interval.as_nanos() as u64 / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Simulates wake-ups of the controller at `beats_ms`, in milliseconds after the start. Returns
    /// the instant of each tick and the time since the tick before, both in milliseconds.
    fn ticks(beats_ms: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
        let start_ns = 7_000 * MS;
        let mut grid = TickGrid::new(start_ns, Duration::from_secs(4));
        let tick = |at_ms: u64| {
            let elapsed = grid.tick(start_ns + at_ms * MS, FAR, false)?;
            Some((at_ms, elapsed.as_millis() as u64))
        };
        beats_ms.into_iter().filter_map(tick).collect()
    }

    /// Boundaries of which none has passed and none is near.
    const FAR: Boundaries = Boundaries {
        passed_ns: None,
        next_ns: u64::MAX,
    };

    /// Returns the ends of the intervals of a step with these boundaries, a grid of 100 ms, and
    /// beats every 10 ms and at each boundary. All are in milliseconds since the start of the step.
    fn ends(boundaries_ms: &[u64]) -> Vec<u64> {
        let start_ns = 7_000 * MS;
        let mut grid = TickGrid::new(start_ns, Duration::from_secs(4));
        let last_ms = *boundaries_ms.last().unwrap();
        let mut beats_ms: Vec<u64> = (0..=last_ms)
            .step_by(10)
            .chain(boundaries_ms.to_vec())
            .collect();
        beats_ms.sort_unstable();
        beats_ms.dedup();
        let tick = |at_ms: &u64| {
            let next = boundaries_ms
                .iter()
                .find(|ms| *ms > at_ms)
                .unwrap_or(&last_ms);
            let passed = boundaries_ms.iter().rfind(|ms| *ms <= at_ms);
            let near = Boundaries {
                passed_ns: passed.map(|ms| start_ns + ms * MS),
                next_ns: start_ns + next * MS,
            };
            grid.tick(start_ns + at_ms * MS, near, false).is_some()
        };
        beats_ms.into_iter().filter(tick).collect()
    }

    #[test]
    fn each_boundary_ends_an_interval_and_no_interval_is_a_sliver() {
        // Measuring begins, and ends, off the grid: just before one of its instants, just after, between.
        assert_eq!(ends(&[395, 795]), [100, 200, 300, 395, 500, 600, 700, 795]);
        assert_eq!(ends(&[205, 605]), [100, 205, 300, 400, 500, 605]);
        assert_eq!(ends(&[250, 550]), [100, 200, 250, 300, 400, 500, 550]);
        // On the grid there is one tick, and where nothing is warmed up none at the start.
        assert_eq!(ends(&[200, 400]), [100, 200, 300, 400]);
        assert_eq!(ends(&[0, 300]), [100, 200, 300]);
        // Segments that are shorter than an interval.
        assert_eq!(ends(&[0, 30, 60, 200]), [30, 60, 200]);
    }

    #[test]
    fn a_delay_before_measuring_is_not_one_of_what_is_measured() {
        for (stalled_ms, boundary_ms, woke_ms, counted_ms) in
            [(300, 500, 500, 0), (300, 500, 740, 240), (5, 500, 740, 5)]
        {
            let mut heartbeat = Heartbeat {
                worst_stall_ns: stalled_ms * MS,
            };
            heartbeat.count_from(boundary_ms * MS, woke_ms * MS);
            assert_eq!(heartbeat.take_worst_stall_ns(), counted_ms * MS);
        }
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
