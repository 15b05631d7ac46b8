//! Time after a disturbance until a target answers as it did before.

/// Fewest requests that a window is judged by.
const FEWEST: u64 = 200;
/// Shortest window, in nanoseconds.
const SHORTEST_NS: u64 = 1_000_000_000;
/// Windows in a row that must hold.
const IN_A_ROW: usize = 3;
/// Share of requests that are slower than their own 99th percentile.
const EXPECTED: f64 = 0.01;
/// Fewest requests before the disturbance whose 99th percentile is a base to compare with.
pub const FEWEST_BEFORE: u64 = 1_000;
/// Latency above the 99th percentile of before, as a factor, from which a request is late.
pub const TOLERANCE: f64 = 1.1;

/// Requests that began in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Start of the stretch, in nanoseconds.
    pub start_ns: u64,
    /// End of the stretch, in nanoseconds.
    pub end_ns: u64,
    /// Requests that began in it.
    pub requests: u64,
    /// Those of them that took longer than [`TOLERANCE`] × the 99th percentile of before, answered
    /// or not.
    pub late: u64,
}

/// Recovery from a disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// Time from the end of the disturbance until latency was back; `None` if it never was while
    /// measured.
    pub after_ns: Option<u64>,
    /// Later windows in which it was above again.
    pub relapses: u64,
}

impl Begun {
    /// Returns true if no more are late than chance allows: 1 % and two standard deviations of the
    /// binomial distribution.
    fn holds(&self) -> bool {
        let requests = self.requests as f64;
        let spread = (EXPECTED * (1.0 - EXPECTED) * requests).sqrt();
        self.late as f64 <= EXPECTED * requests + 2.0 * spread
    }

    fn is_enough(&self) -> bool {
        self.requests >= FEWEST && self.end_ns.saturating_sub(self.start_ns) >= SHORTEST_NS
    }
}

/// Finds when latency was back within 10 % of its 99th percentile of before.
///
/// `stretches` are in order and touch each other; those that begin before `disturbed_until_ns` are
/// passed over. They are joined to windows of at least 200 requests and one second, by the instant
/// at which requests *began*, so that a request that is never answered counts where it was due.
/// Recovered is the start of the first of three windows in a row that hold.
pub fn recovery(stretches: &[Begun], disturbed_until_ns: u64) -> Recovery {
    let after = stretches
        .iter()
        .filter(|stretch| stretch.start_ns >= disturbed_until_ns);
    let windows = join(after);
    let first = windows
        .windows(IN_A_ROW)
        .position(|row| row.iter().all(Begun::holds));
    let Some(first) = first else {
        return Recovery {
            after_ns: None,
            relapses: 0,
        };
    };
    let later = windows.iter().skip(first + IN_A_ROW);
    Recovery {
        after_ns: windows
            .get(first)
            .map(|window| window.start_ns.saturating_sub(disturbed_until_ns)),
        relapses: later.filter(|window| !window.holds()).count() as u64,
    }
}

/// Joins stretches to windows that are large enough to judge; what is left at the end is too small.
fn join<'a>(stretches: impl Iterator<Item = &'a Begun>) -> Vec<Begun> {
    let mut windows = Vec::new();
    let mut open: Option<Begun> = None;
    for stretch in stretches {
        let window = match open.take() {
            Some(window) => Begun {
                end_ns: stretch.end_ns,
                requests: window.requests + stretch.requests,
                late: window.late + stretch.late,
                ..window
            },
            None => *stretch,
        };
        if window.is_enough() {
            windows.push(window);
        } else {
            open = Some(window);
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    /// Stretches of 100 ms, with the late ones that `late` gives for each.
    fn stretches(requests: u64, late: impl Fn(u64) -> u64, count: u64) -> Vec<Begun> {
        (0..count)
            .map(|k| Begun {
                start_ns: k * S / 10,
                end_ns: (k + 1) * S / 10,
                requests,
                late: late(k),
            })
            .collect()
    }

    #[test]
    fn a_target_that_never_suffered_has_recovered_at_once() {
        let found = recovery(&stretches(100, |k| u64::from(k % 2 == 0), 100), 0);
        assert_eq!(found.after_ns, Some(0), "half a percent is late");
        assert_eq!(found.relapses, 0);
    }

    #[test]
    fn recovery_is_the_first_of_three_windows_that_hold() {
        // Half of the requests are late for the first 4 s after a disturbance of 2 s.
        let slow = |k: u64| if k < 60 { 50 } else { 0 };
        let found = recovery(&stretches(100, slow, 200), 2 * S);
        assert_eq!(found.after_ns, Some(4 * S));
    }

    #[test]
    fn two_good_windows_between_bad_ones_are_no_recovery() {
        let slow = |k: u64| {
            if k < 20 || (40..60).contains(&k) {
                50
            } else {
                0
            }
        };
        let found = recovery(&stretches(100, slow, 200), 0);
        assert_eq!(found.after_ns, Some(6 * S));
    }

    #[test]
    fn a_relapse_is_counted_and_a_target_that_stays_slow_has_not_recovered() {
        let relapse = |k: u64| {
            if k < 20 || (100..110).contains(&k) {
                50
            } else {
                0
            }
        };
        let found = recovery(&stretches(100, relapse, 200), 0);
        assert_eq!((found.after_ns, found.relapses), (Some(2 * S), 1));

        let never = recovery(&stretches(100, |_| 3, 200), 0);
        assert_eq!(never.after_ns, None, "3 % are late for ever");
    }

    #[test]
    fn few_requests_make_longer_windows_instead_of_lucky_ones() {
        // 20 a second: a window takes 10 s. One late request in a second would judge it alone.
        let found = recovery(&stretches(2, |k| u64::from(k < 100 && k % 5 == 0), 500), 0);
        assert_eq!(found.after_ns, Some(10 * S));
        let too_short = recovery(&stretches(2, |_| 0, 250), 0);
        assert_eq!(
            too_short.after_ns, None,
            "two windows and a half are too few to tell"
        );
    }
}
