//! Schedule of ticks at multiples of the interval, counted from the start, so that delays do not
//! add up.

/// Schedule of samples: the time at which the next one is due, and the number of missed ones.
#[derive(Debug, Clone)]
pub(crate) struct TickSchedule {
    origin_ns: u64,
    interval_ns: u64,
    next: u64,
    missed: u64,
}

impl TickSchedule {
    /// Creates a schedule with a tick every `interval_ns` nanoseconds after `origin_ns`, the time
    /// of the first sample in nanoseconds of the monotonic clock.
    pub(crate) fn new(origin_ns: u64, interval_ns: u64) -> Self {
        Self {
            origin_ns,
            interval_ns: interval_ns.max(1),
            next: 1,
            missed: 0,
        }
    }

    /// Returns the time at which the next sample is due, in nanoseconds of the clock of the origin.
    pub(crate) fn due_ns(&self) -> u64 {
        self.origin_ns + self.next * self.interval_ns
    }

    /// Notes that a sample began at `now_ns`, in nanoseconds of the clock of the origin. The next
    /// one is due at the first later tick; ticks that passed without a sample count as missed.
    pub(crate) fn sampled(&mut self, now_ns: u64) {
        let passed = now_ns.saturating_sub(self.origin_ns) / self.interval_ns;
        self.missed += passed.saturating_sub(self.next);
        self.next = passed.max(self.next) + 1;
    }

    /// Returns the number of samples that were due but not taken.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_does_not_add_up() {
        let mut cadence = TickSchedule::new(1000, 10);
        for tick in 1..=100 {
            assert_eq!(cadence.due_ns(), 1000 + 10 * tick);
            cadence.sampled(cadence.due_ns() + 9);
        }
        assert_eq!(cadence.missed(), 0);
    }

    #[test]
    fn what_was_slept_through_is_counted_and_the_beat_kept() {
        let mut cadence = TickSchedule::new(0, 10);
        cadence.sampled(10);
        cadence.sampled(57);
        assert_eq!((cadence.missed(), cadence.due_ns()), (3, 60));
        cadence.sampled(60);
        assert_eq!((cadence.missed(), cadence.due_ns()), (3, 70));
    }
}
