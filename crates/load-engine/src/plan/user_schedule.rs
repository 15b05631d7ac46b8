//! Times at which each user of a step starts and leaves. They follow from arithmetic alone, so that
//! workers need not communicate.
//!
//! The number of users follows a curve whose rises the spawn rate limits. User `i` is present while
//! that limited curve is at `i + 1` or above.

use super::curve_sequence::CurveSequence;
use super::straight_line::StraightLine;

/// Planned number of users over the time of a step, from which the times of each user follow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UserSchedule {
    lines: Vec<StraightLine>,
}

/// Period in which a user is present, in seconds since the start of the schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Presence {
    /// Start of the user, in seconds since the start of the schedule.
    pub(crate) from: f64,
    /// End of the user's presence, in seconds since the start of the schedule. A user who is
    /// waiting for an answer then leaves after the answer.
    pub(crate) until: f64,
}

impl Presence {
    /// Presence from the start of the schedule to the end of the step.
    pub(crate) const ALWAYS: Self = Self {
        from: 0.0,
        until: f64::INFINITY,
    };
}

impl UserSchedule {
    /// Creates the schedule of the users of `curves`. At most `spawn_per_s` users start per second,
    /// and none is present at the beginning; with `None` users start as soon as the curves rise.
    pub(crate) fn new(curves: &CurveSequence, spawn_per_s: Option<f64>) -> Self {
        let wanted = curves.lines();
        let lines = match spawn_per_s {
            Some(slope) => limit_rises(&wanted, slope),
            None => wanted,
        };
        Self { lines }
    }

    /// Returns the number of users that are planned to be present `t` seconds after the start of
    /// the schedule; after its end, the last number.
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

    /// Returns the largest number of users that are planned to be present at the same time.
    pub(crate) fn peak(&self) -> u64 {
        let ends = self.lines.iter().flat_map(|line| [line.from, line.to]);
        floor(ends.fold(0.0, f64::max))
    }

    /// Returns the periods in which user number `user`, counted from 0, is present, in order.
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

/// Tolerance for rounding errors, in users or seconds, because a line that ends at 10 users may
/// reach 9.999999999. Values that differ by less are treated as equal.
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
    use std::time::Duration;

    use super::*;
    use crate::plan::rate_curve::RateCurve;

    const S: fn(f64) -> Duration = Duration::from_secs_f64;

    fn schedule(curve: &RateCurve, warmup: Duration, spawn_per_s: Option<f64>) -> UserSchedule {
        UserSchedule::new(&CurveSequence::after(warmup, curve.clone()), spawn_per_s)
    }

    /// Returns the number of users who are present at `t`, in seconds, by the presences of each
    /// user.
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
        let schedule = self::schedule(&curve, S(5.0), None);
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
        let schedule = self::schedule(&curve, S(0.0), Some(2.0));
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
        let schedule = self::schedule(&curve, S(0.0), None);
        assert_eq!([1.0, 12.0, 20.0].map(|t| schedule.users_at(t)), [2, 8, 2]);
        let one = schedule.presences(5);
        assert_eq!(one.len(), 1);
        assert!((one[0].from - 10.0).abs() < 1e-6 && (one[0].until - 15.0).abs() < 1e-6);

        // The spike needs six more users at once, and two per second may start.
        let limited = self::schedule(&curve, S(0.0), Some(2.0));
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
                let schedule = self::schedule(curve, S(1.0), spawn);
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

    /// Returns the schedule of ten users for 20 s, which `curve` replaces at second 8. At most two
    /// users start per second.
    fn changed(curve: RateCurve) -> UserSchedule {
        let ten = RateCurve::constant(10.0, S(20.0)).unwrap();
        let mut curves = CurveSequence::after(Duration::ZERO, ten);
        curves.change_at(8.0, curve);
        UserSchedule::new(&curves, Some(2.0))
    }

    #[test]
    fn after_a_change_users_leave_at_once_and_come_at_the_spawn_rate() {
        // The ten users stay; four more come within two seconds.
        let more = changed(RateCurve::constant(14.0, S(12.0)).unwrap());
        let at = [4.9, 7.9, 8.4, 8.6, 9.9, 10.1, 19.9];
        assert_eq!(at.map(|t| more.users_at(t)), [9, 10, 10, 11, 13, 14, 14]);
        assert_eq!(more.peak(), 14);
        let stays = more.presences(3);
        assert_eq!((stays.len(), stays[0].until), (1, 20.0), "{stays:?}");
        let comes = more.presences(10);
        assert!((comes[0].from - 8.5).abs() < 1e-6, "{comes:?}");

        let fewer = changed(RateCurve::constant(4.0, S(12.0)).unwrap());
        assert_eq!([7.9, 8.1, 19.9].map(|t| fewer.users_at(t)), [10, 4, 4]);
        assert!((fewer.presences(9)[0].until - 8.0).abs() < 1e-6);
        assert_eq!(fewer.presences(3)[0].until, 20.0);

        let nobody = changed(RateCurve::constant(0.0, S(12.0)).unwrap());
        assert_eq!([7.9, 8.1].map(|t| nobody.users_at(t)), [10, 0]);
        for t in (0..200).map(|tick| f64::from(tick) * 0.1 + 0.0501) {
            for schedule in [&more, &fewer, &nobody] {
                assert_eq!(counted(schedule, t), schedule.users_at(t), "at {t}");
            }
        }
    }
}
