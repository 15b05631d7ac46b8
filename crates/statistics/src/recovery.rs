//! Time from the end of a disturbance until a target answers as fast as before.

/// Share of requests that are expected to be slower than the 99th percentile of all.
const EXPECTED: f64 = 0.01;
/// Smallest number of requests before the disturbance from which a 99th percentile can be taken as
/// the reference for late requests.
pub const FEWEST_BEFORE: u64 = 1_000;
/// Multiple of the 99th percentile from before the disturbance above which a request is late.
pub const TOLERANCE: f64 = 1.1;

/// Size of the windows in which requests are judged, and the number of good windows in a row that
/// mean recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryWindows {
    /// Smallest number of requests in a window; it is extended until it has as many.
    pub requests: u64,
    /// Shortest length of a window, in nanoseconds.
    pub shortest_ns: u64,
    /// Number of consecutive windows that must have no more late requests than chance allows.
    pub in_a_row: usize,
}

/// Short stretch of time, with the number of requests that began in it and of the late ones among
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Start of the stretch, in nanoseconds, on the same clock as the end of the disturbance.
    pub start_ns: u64,
    /// End of the stretch, in nanoseconds, on the same clock as `start_ns`.
    pub end_ns: u64,
    /// Number of requests that began in the stretch, answered or not.
    pub requests: u64,
    /// Number of requests that began in the stretch and took longer than [`TOLERANCE`] times the
    /// 99th percentile from before the disturbance, answered or not.
    pub late: u64,
}

/// Outcome of the search for the time at which latency had recovered from a disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Latency was back, and enough windows confirmed it.
    After {
        /// Time from the end of the disturbance to the start of the first confirming window, in
        /// nanoseconds.
        after_ns: u64,
        /// Number of windows after the confirming ones in which latency was too high again.
        relapses: u64,
    },
    /// Latency was too high until measuring ended.
    NotBack,
    /// Latency seemed to be back, but measuring ended before enough windows could confirm it.
    Unconfirmed {
        /// Time from the end of the disturbance to the start of the unconfirmed windows, in
        /// nanoseconds.
        after_ns: u64,
    },
    /// Too few requests, or too little time, were measured after the disturbance to judge.
    TooFew,
}

impl Recovery {
    /// Returns the time from the end of the disturbance until latency was back, in nanoseconds;
    /// `None` for all variants but [`Recovery::After`], also for an unconfirmed recovery.
    pub fn after_ns(self) -> Option<u64> {
        match self {
            Self::After { after_ns, .. } => Some(after_ns),
            Self::NotBack | Self::Unconfirmed { .. } | Self::TooFew => None,
        }
    }
}

impl Begun {
    /// Returns true if no more requests of the stretch or window are late than chance allows: 1 %
    /// plus two standard deviations of the binomial distribution. True without requests.
    fn holds(&self) -> bool {
        let requests = self.requests as f64;
        let spread = (EXPECTED * (1.0 - EXPECTED) * requests).sqrt();
        self.late as f64 <= EXPECTED * requests + 2.0 * spread
    }

    fn is_enough(&self, windows: &RecoveryWindows) -> bool {
        let length_ns = self.end_ns.saturating_sub(self.start_ns);
        self.requests >= windows.requests && length_ns >= windows.shortest_ns
    }

    fn join(self, later: &Self) -> Self {
        Self {
            end_ns: later.end_ns,
            requests: self.requests + later.requests,
            late: self.late + later.late,
            ..self
        }
    }
}

/// Finds the time after a disturbance at which latency was back within 10 % of the 99th percentile
/// from before it.
///
/// `stretches` are in order and adjacent; those that begin before `disturbed_until_ns`, the end of
/// the disturbance on the same clock, are ignored. They are joined to windows by the instant at
/// which requests *began*, so that a request that is never answered counts at its beginning. The
/// recovery is the start of the first sequence of [`RecoveryWindows::in_a_row`] consecutive windows
/// in which no more requests are late than chance allows. After a window with too many, the next
/// one begins at the end of its last stretch with too many.
pub fn recovery(
    stretches: &[Begun],
    disturbed_until_ns: u64,
    windows: &RecoveryWindows,
) -> Recovery {
    let from = stretches.partition_point(|stretch| stretch.start_ns < disturbed_until_ns);
    let after = stretches.get(from..).unwrap_or_default();
    let mut first = 0;
    loop {
        let rest = after.get(first..).unwrap_or_default();
        match row(rest, windows) {
            Row::Holds { length } => {
                return Recovery::After {
                    after_ns: since(rest, disturbed_until_ns),
                    relapses: relapses(rest.get(length..).unwrap_or_default(), windows),
                };
            }
            Row::Broken { next } => first += next,
            Row::TooShort { .. } if first == 0 => return Recovery::TooFew,
            Row::TooShort { held: 0 } => return Recovery::NotBack,
            Row::TooShort { .. } => {
                return Recovery::Unconfirmed {
                    after_ns: since(rest, disturbed_until_ns),
                };
            }
        }
    }
}

/// Outcome of the check of a sequence of consecutive windows. A window holds if no more of its
/// requests are late than chance allows.
enum Row {
    /// All windows hold; together they consist of the first `length` stretches.
    Holds { length: usize },
    /// A window does not hold. The next sequence must begin `next` stretches after the start of
    /// this one.
    Broken { next: usize },
    /// Too few stretches are left to complete the sequence; its first `held` windows hold.
    TooShort { held: usize },
}

fn row(stretches: &[Begun], windows: &RecoveryWindows) -> Row {
    let mut length = 0;
    for held in 0..windows.in_a_row {
        let rest = stretches.get(length..).unwrap_or_default();
        let Some((window, count)) = window(rest, windows) else {
            return Row::TooShort { held };
        };
        if !window.holds() {
            let inside = rest.get(..count).unwrap_or_default();
            let late = inside.iter().rposition(|stretch| !stretch.holds());
            return Row::Broken {
                next: length + late.map_or(count, |late| late + 1),
            };
        }
        length += count;
    }
    Row::Holds { length }
}

/// Joins the first stretches to the shortest window that is large enough to judge. Returns the
/// window and the number of its stretches; `None` if all stretches together are not enough.
fn window(stretches: &[Begun], windows: &RecoveryWindows) -> Option<(Begun, usize)> {
    let mut open: Option<Begun> = None;
    for (n, stretch) in stretches.iter().enumerate() {
        let joined = open.map_or(*stretch, |window| window.join(stretch));
        if joined.is_enough(windows) {
            return Some((joined, n + 1));
        }
        open = Some(joined);
    }
    None
}

/// Divides the stretches into consecutive windows and counts those that do not hold. Ignores
/// stretches at the end that are too few for a window.
fn relapses(mut stretches: &[Begun], windows: &RecoveryWindows) -> u64 {
    let mut count = 0;
    while let Some((window, length)) = window(stretches, windows) {
        count += u64::from(!window.holds());
        stretches = stretches.get(length..).unwrap_or_default();
    }
    count
}

fn since(stretches: &[Begun], disturbed_until_ns: u64) -> u64 {
    let start_ns = stretches.first().map(|stretch| stretch.start_ns);
    start_ns.map_or(0, |start_ns| start_ns.saturating_sub(disturbed_until_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const OF_STRETCHES: RecoveryWindows = RecoveryWindows {
        requests: 200,
        shortest_ns: S,
        in_a_row: 3,
    };
    const OF_SINGLE_REQUESTS: RecoveryWindows = RecoveryWindows {
        requests: 20,
        shortest_ns: 0,
        in_a_row: 1,
    };

    fn found(stretches: &[Begun], disturbed_until_ns: u64) -> Recovery {
        recovery(stretches, disturbed_until_ns, &OF_STRETCHES)
    }

    fn back(after_ns: u64, relapses: u64) -> Recovery {
        Recovery::After { after_ns, relapses }
    }

    /// Creates `count` adjacent stretches of 100 ms from time 0 with `requests` each; `late`
    /// returns the number of late ones for the index of a stretch.
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
        let found = found(&stretches(100, |k| u64::from(k % 2 == 0), 100), 0);
        assert_eq!(found, back(0, 0), "half a percent is late");
    }

    #[test]
    fn recovery_is_the_first_of_three_windows_that_hold() {
        // Half of the requests are late for the first 4 s after a disturbance of 2 s.
        let slow = |k: u64| if k < 60 { 50 } else { 0 };
        let found = found(&stretches(100, slow, 200), 2 * S);
        assert_eq!(found, back(4 * S, 0));
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
        let found = found(&stretches(100, slow, 200), 0);
        assert_eq!(found, back(6 * S, 0));
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
        let relapsed = found(&stretches(100, relapse, 200), 0);
        assert_eq!(relapsed, back(2 * S, 1));

        let never = found(&stretches(100, |_| 3, 200), 0);
        assert_eq!(never, Recovery::NotBack, "3 % are late for ever");
    }

    #[test]
    fn few_requests_make_longer_windows_instead_of_lucky_ones() {
        // At 20 requests per second a window takes 10 s. In a window of a second, a single late
        // request would already be too many. The last late request begins at 9.5 s.
        let slow = |k: u64| u64::from(k < 100 && k.is_multiple_of(5));
        assert_eq!(
            found(&stretches(2, slow, 500), 0),
            back(9 * S + S / 10 * 6, 0)
        );
        let too_short = found(&stretches(2, |_| 0, 250), 0);
        assert_eq!(
            too_short,
            Recovery::TooFew,
            "two windows and a half are too few to tell"
        );
    }

    #[test]
    fn a_recovery_in_the_middle_of_a_window_is_found_where_it_was() {
        // Requests are late for 3.4 s; windows of a second would give 4 s.
        let slow = |k: u64| if k < 34 { 100 } else { 0 };
        let found = found(&stretches(100, slow, 100), 0);
        assert_eq!(found, back(34 * S / 10, 0));
    }

    #[test]
    fn who_is_back_just_before_the_end_is_said_to_be_neither_back_nor_not() {
        let slow = |k: u64| if k < 80 { 100 } else { 0 };
        let found = found(&stretches(100, slow, 100), 0);
        assert_eq!(found, Recovery::Unconfirmed { after_ns: 8 * S });
        assert_eq!(found.after_ns(), None);
    }

    #[test]
    fn single_requests_are_judged_by_twenty_of_which_one_may_be_late() {
        let request = |k: u64, late: bool| Begun {
            start_ns: k,
            end_ns: k + 1,
            requests: 1,
            late: u64::from(late),
        };
        let of = |late: fn(u64) -> bool, count: u64| -> Recovery {
            let requests: Vec<Begun> = (0..count).map(|k| request(k, late(k))).collect();
            recovery(&requests, 0, &OF_SINGLE_REQUESTS)
        };
        assert_eq!(of(|k| k < 30 || k == 40, 60), back(30, 0));
        assert_eq!(of(|k| k < 30 || k.is_multiple_of(9), 80), Recovery::NotBack);
        assert_eq!(of(|_| false, 19), Recovery::TooFew);
    }
}
