//! Load that a step is planned to make at each instant, for comparison with the load that it made.

use super::load_plan::{LoadPlan, SessionOpening};
use super::rate_curve::RateCurve;
use super::step_plan::StepPlan;
use super::user_schedule::UserSchedule;
use super::worker_share::WorkerShare;

/// Planned load of a step over warm-up and measured part, where it changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum IntendedLoad {
    /// Rate of arrivals per second. The first value of the curve also applies during the warm-up.
    Rate {
        /// Length of the warm-up, in seconds.
        held_s: f64,
        /// Curve of the measured part.
        curve: RateCurve,
    },
    /// Number of users, whose rises the spawn rate limits.
    Users(UserSchedule),
}

impl IntendedLoad {
    /// Returns the planned load of `plan`; `None` where the load is constant.
    pub(crate) fn new(plan: &StepPlan) -> Option<Self> {
        match (&plan.load, &plan.curve) {
            (LoadPlan::Open { .. }, Some(fitted)) => Some(Self::Rate {
                held_s: plan.warmup.as_secs_f64(),
                curve: fitted.curve.clone(),
            }),
            (LoadPlan::Closed { .. }, _) if plan.opening == SessionOpening::WhenDue => {
                plan.user_schedule().map(Self::Users)
            }
            _ => None,
        }
    }

    /// Returns the name of the report's series that shows this load.
    pub(crate) fn series_name(&self) -> &'static str {
        match self {
            Self::Rate { .. } => "load.intended_rate_per_s",
            Self::Users(_) => "load.intended_users",
        }
    }

    /// Returns the part of `whole`, a load of all processes, that `process` is to make.
    pub(crate) fn share(&self, process: WorkerShare, whole: f64) -> f64 {
        match self {
            Self::Rate { .. } => whole / process.count as f64,
            Self::Users(_) => process.share_of(whole as u64) as f64,
        }
    }

    /// Returns the mean rate from `from_s` to `to_s`, or the number of users at `to_s`. Both are in
    /// seconds since the step began.
    pub(crate) fn between(&self, from_s: f64, to_s: f64) -> f64 {
        match self {
            Self::Users(schedule) => schedule.users_at(to_s) as f64,
            Self::Rate { held_s, curve } => {
                let due = |t: f64| {
                    let held = curve.value(0.0) * t.min(*held_s);
                    held + curve.cumulative((t - held_s).max(0.0))
                };
                if to_s > from_s {
                    (due(to_s) - due(from_s)) / (to_s - from_s)
                } else {
                    curve.value(to_s - held_s)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::load_curve::LoadCurve;
    use bench_report::Pacing;
    use std::time::Duration;

    fn plan(load: LoadPlan, curve: &str) -> StepPlan {
        let measure = Duration::from_secs(9);
        let curve: LoadCurve = curve.parse().unwrap();
        let mut plan = StepPlan::new("", load, measure).following(curve.over(measure).unwrap());
        plan.warmup = Duration::from_secs(2);
        plan
    }

    #[test]
    fn the_mean_rate_of_each_interval_is_told_and_the_users_at_its_end() {
        let open = LoadPlan::Open {
            rate_per_s: 0.0,
            pacing: Pacing::Constant,
            in_flight_cap: 8,
        };
        let plan_of_rate = plan(open, "spike:20,200/3s");
        assert_eq!(
            plan_of_rate.load.reported(0),
            bench_report::Load::Open {
                rate_per_s: 80.0,
                pacing: Pacing::Constant,
                in_flight_cap: 8,
                delayed_at_cap: 0,
            }
        );
        let rate = IntendedLoad::new(&plan_of_rate).unwrap();
        let mean = |from, to| (rate.between(from, to) * 1e6).round() / 1e6;
        // A warm-up of 2 s at 20, 2 s before the spike, 3 s of it, 4 s after it.
        for (from, to, wanted) in [
            (0.0, 1.0, 20.0),
            (3.0, 5.0, 110.0),
            (4.0, 7.0, 200.0),
            (7.0, 11.0, 20.0),
        ] {
            assert_eq!(mean(from, to), wanted, "{from}..{to}");
        }
        let closed = LoadPlan::Closed {
            users: 1,
            think_time: crate::plan::think_time::ThinkTime::NONE,
        };
        let plan_of_users = plan(closed, "spike:2,8/3s").spawning(2.0);
        assert_eq!(plan_of_users.load.sessions(), 8);
        let users = IntendedLoad::new(&plan_of_users).unwrap();
        let at = [0.6, 1.9, 4.6, 6.9, 7.1].map(|t| users.between(t - 0.1, t));
        assert_eq!(at, [1.0, 2.0, 3.0, 7.0, 2.0], "two a second may start");
    }
}
