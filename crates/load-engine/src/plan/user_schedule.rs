//! Times at which each user of a step comes and leaves. They follow from arithmetic alone, so that
//! workers need not communicate.
//!
//! The number of users follows a curve whose rises the spawn rate limits. User `i` is present while
//! that limited curve is at `i + 1` or above.

use std::time::Duration;

use super::rate_curve::RateCurve;
use super::straight_line::StraightLine;

/// Number of users over the time of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UserSchedule {
    lines: Vec<StraightLine>,
}

/// Period in which a user is present, in seconds since the schedule began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Presence {
    /// Instant at which the user comes.
    pub(crate) from: f64,
    /// Instant at which the user leaves. A user who is waiting for an answer then leaves after the
    /// answer.
    pub(crate) until: f64,
}

impl UserSchedule {
    /// Creates the schedule of the users of `curve`. The curve's first value also applies for
    /// `warmup` before it. At most `spawn_per_s` users start per second, beginning with none;
    /// without that limit users start whenever the curve rises.
    pub(crate) fn new(curve: &RateCurve, warmup: Duration, spawn_per_s: Option<f64>) -> Self {
        let mut wanted = Vec::new();
        if !warmup.is_zero() {
            wanted.push(StraightLine {
                seconds: warmup.as_secs_f64(),
                from: curve.value(0.0),
                to: curve.value(0.0),
            });
        }
        wanted.extend(curve.lines());
        let lines = match spawn_per_s {
            Some(slope) => limit_rises(&wanted, slope),
            None => wanted,
        };
        Self { lines }
    }

    /// Returns the number of users that are planned to be present `t` seconds after the schedule
    /// began.
    pub(crate) fn users_at(&self, t: f64) -> u64 {
        let mut left = t.max(0.0);
        for line in &self.lines {
            if left < line.seconds {
                return floor(line.value(left));
            }
            left -= line.seconds;
        }
        self.lines.last().map_or(0, |line| floor(line.to))
    }

    /// Returns the largest number of users that are present at the same time.
    pub(crate) fn peak(&self) -> u64 {
        let ends = self.lines.iter().flat_map(|line| [line.from, line.to]);
        floor(ends.fold(0.0, f64::max))
    }

    /// Returns the periods in which user `i`, counted from 0, is present, in order.
    pub(crate) fn presences(&self, user: u64) -> Vec<Presence> {
        let needed = user as f64 + 1.0 - ROUNDING;
        let mut presences: Vec<Presence> = Vec::new();
        let mut start = 0.0;
        for line in &self.lines {
            if let Some((from, until)) = line.time_above(needed) {
                let (from, until) = (start + from, start + until);
                match presences.last_mut() {
                    Some(last) if from - last.until < ROUNDING => last.until = until,
                    _ => presences.push(Presence { from, until }),
                }
            }
            start += line.seconds;
        }
        presences
    }
}

/// Tolerance for rounding errors, because a line that ends at 10 users may reach 9.999999999.
/// Values that differ by less are treated as equal.
const ROUNDING: f64 = 1e-9;

fn floor(users: f64) -> u64 {
    (users + ROUNDING).floor() as u64
}

/// Limits the rises of a curve. The result begins at zero, rises by at most `slope` per second
/// until it has reached the wanted curve, and falls at once where the wanted curve falls.
fn limit_rises(wanted: &[StraightLine], slope: f64) -> Vec<StraightLine> {
    let mut limited = Vec::new();
    let mut value: f64 = 0.0;
    for line in wanted {
        value = value.min(line.from);
        let own_slope = (line.to - line.from) / line.seconds;
        // Seconds until the limited curve reaches this line; the whole line, if the line rises
        // faster.
        let gap = line.from - value;
        let closing = slope - own_slope;
        let catch_up = if gap <= 0.0 && own_slope <= slope {
            0.0
        } else if closing > 0.0 {
            (gap / closing).min(line.seconds)
        } else {
            line.seconds
        };
        if catch_up > 0.0 {
            let reached = value + slope * catch_up;
            limited.push(StraightLine {
                seconds: catch_up,
                from: value,
                to: reached,
            });
            value = reached;
        }
        let rest = line.seconds - catch_up;
        if rest > 0.0 {
            limited.push(StraightLine {
                seconds: rest,
                from: value,
                to: line.to,
            });
            value = line.to;
        }
    }
    limited
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(f64) -> Duration = Duration::from_secs_f64;

    /// Counts the users present at `t` seconds from the presences of each user.
    fn counted(schedule: &UserSchedule, t: f64) -> u64 {
        let present = |user: &u64| {
            let presences = schedule.presences(*user);
            presences.iter().any(|p| p.from <= t && t < p.until)
        };
        (0..schedule.peak() + 5).filter(present).count() as u64
    }

    #[test]
    fn constant_users_are_there_from_the_start_to_the_end() {
        let curve = RateCurve::constant(10.0, S(20.0)).unwrap();
        let schedule = UserSchedule::new(&curve, S(5.0), None);
        assert_eq!(schedule.peak(), 10);
        for user in 0..10 {
            let all = Presence {
                from: 0.0,
                until: 25.0,
            };
            assert_eq!(schedule.presences(user), [all], "user {user}");
        }
        assert_eq!(schedule.presences(10), []);
    }

    #[test]
    fn a_spawn_rate_starts_users_one_after_the_other() {
        let curve = RateCurve::constant(10.0, S(20.0)).unwrap();
        let schedule = UserSchedule::new(&curve, S(0.0), Some(2.0));
        for user in 0..10 {
            let presence = schedule.presences(user)[0];
            let due = f64::midpoint(user as f64, 1.0);
            assert!(
                (presence.from - due).abs() < 1e-6,
                "user {user}: {presence:?}"
            );
            assert!((presence.until - 20.0).abs() < 1e-6);
        }
        assert_eq!(
            [0.4, 0.6, 4.9, 5.1].map(|t| schedule.users_at(t)),
            [0, 1, 9, 10]
        );
    }

    #[test]
    fn users_follow_a_spike_and_leave_after_it() {
        let curve = RateCurve::spike(2.0, 8.0, S(10.0), S(5.0), S(10.0)).unwrap();
        let schedule = UserSchedule::new(&curve, S(0.0), None);
        assert_eq!([1.0, 12.0, 20.0].map(|t| schedule.users_at(t)), [2, 8, 2]);
        let one = schedule.presences(5);
        assert_eq!(one.len(), 1);
        assert!((one[0].from - 10.0).abs() < 1e-6 && (one[0].until - 15.0).abs() < 1e-6);

        // The spike needs six more users at once, and two per second may start.
        let limited = UserSchedule::new(&curve, S(0.0), Some(2.0));
        assert_eq!(
            [10.4, 10.6, 12.1, 13.1, 15.1].map(|t| limited.users_at(t)),
            [2, 3, 6, 8, 2]
        );
    }

    #[test]
    fn the_users_of_every_curve_are_as_many_as_the_curve_says() {
        let curves = [
            RateCurve::ramp(0.0, 30.0, S(10.0)).unwrap(),
            RateCurve::ramp(30.0, 3.0, S(10.0)).unwrap(),
            RateCurve::steps(&[(5.0, S(3.0)), (20.0, S(3.0)), (1.0, S(4.0))]).unwrap(),
            RateCurve::sine(10.0, 8.0, S(4.0), S(10.0)).unwrap(),
        ];
        for curve in &curves {
            for spawn in [None, Some(4.0), Some(100.0)] {
                let schedule = UserSchedule::new(curve, S(1.0), spawn);
                for tick in 0..110 {
                    let t = f64::from(tick) * 0.1 + 0.0501;
                    assert_eq!(
                        counted(&schedule, t),
                        schedule.users_at(t),
                        "{curve:?} {spawn:?} {t}"
                    );
                    if spawn.is_none() && t > 1.0 && t < 11.0 {
                        let off = schedule.users_at(t) as f64 - curve.value(t - 1.0);
                        assert!((-1.001..=0.05).contains(&off), "{curve:?} at {t}: {off}");
                    }
                }
            }
        }
    }
}
