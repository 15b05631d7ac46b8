//! Load that a step is intended to make at each instant: the planned load with the changes made
//! while the step runs.

use super::curve_sequence::CurveSequence;
use super::load_change::LoadChange;
use super::load_plan::LoadPlan;
use super::rate_curve::RateCurve;
use super::user_schedule::UserSchedule;
use super::worker_share::WorkerShare;
use bench_report::names::{FigureName, load_series};

/// Intended load of a step over warm-up and measured part, of all processes together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum IntendedLoad {
    /// Open loop: rate of arrivals per second.
    Rate(CurveSequence),
    /// Closed loop: number of users.
    Users(IntendedUsers),
}

/// Intended users of a closed loop, whose number the spawn rate may limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IntendedUsers {
    /// Number of users that the load needs, without the limit of the spawn rate.
    asked: CurveSequence,
    spawn_per_s: Option<f64>,
    /// Times at which users start and leave, within the limit of the spawn rate.
    pub(crate) schedule: UserSchedule,
}

impl IntendedUsers {
    /// Creates the users of the curves `asked`, of whom at most `spawn_per_s` start per second;
    /// `None` is no limit.
    pub(crate) fn new(asked: CurveSequence, spawn_per_s: Option<f64>) -> Self {
        Self {
            schedule: UserSchedule::new(&asked, spawn_per_s),
            asked,
            spawn_per_s,
        }
    }

    /// Returns the largest number of users that the curves need at the same time, without the limit
    /// of the spawn rate.
    pub(crate) fn most_asked(&self) -> u64 {
        UserSchedule::new(&self.asked, None).peak()
    }
}

impl IntendedLoad {
    /// Applies `change` to the load of a step that began at `start_ns`, on `CLOCK_MONOTONIC`.
    pub(crate) fn follow(&mut self, change: &LoadChange, start_ns: u64) {
        let at_s = change.at_ns.saturating_sub(start_ns) as f64 / 1e9;
        self.change_at(at_s, change.fitted.curve.clone());
    }

    /// Replaces the load from `at_s` on, in seconds since the step began, by `curve`. The spawn
    /// rate limits the rise from the number of users who are present then.
    pub(super) fn change_at(&mut self, at_s: f64, curve: RateCurve) {
        match self {
            Self::Rate(curves) => curves.change_at(at_s, curve),
            Self::Users(users) => {
                users.asked.change_at(at_s, curve);
                users.schedule = UserSchedule::new(&users.asked, users.spawn_per_s);
            }
        }
    }

    /// Returns the users of a closed loop; `None` in an open loop.
    pub(crate) fn users(&self) -> Option<&IntendedUsers> {
        match self {
            Self::Rate(_) => None,
            Self::Users(users) => Some(users),
        }
    }

    /// Returns the largest number of sessions that a step of the planned load `load` uses,
    /// including users that changes have added.
    pub(crate) fn sessions(&self, load: &LoadPlan) -> u64 {
        let users = self.users().map(IntendedUsers::most_asked);
        users.unwrap_or(0).max(load.sessions())
    }

    /// Returns `load` with its rate replaced by the mean rate between `from_s` and `to_s`, in
    /// seconds since the step began, or its number of users by the largest number that the curves
    /// need.
    pub(crate) fn told_as(&self, load: &LoadPlan, from_s: f64, to_s: f64) -> LoadPlan {
        let mut told = load.clone();
        match (&mut told, self) {
            (LoadPlan::Open { rate_per_s, .. }, Self::Rate(curves)) => {
                *rate_per_s = curves.mean(from_s, to_s);
            }
            (LoadPlan::Closed { users, .. }, Self::Users(intended)) => {
                *users = intended.most_asked();
            }
            _ => {}
        }
        told
    }

    /// Returns the name of the report's series that shows this load over time.
    pub(crate) fn series_name(&self) -> FigureName {
        match self {
            Self::Rate(_) => load_series::LOAD_INTENDED_RATE_PER_S,
            Self::Users(_) => load_series::LOAD_INTENDED_USERS,
        }
    }

    /// Returns the part of `whole`, a value of this load over all processes, that `process` makes.
    pub(crate) fn share(&self, process: WorkerShare, whole: f64) -> f64 {
        match self {
            Self::Rate(_) => whole / process.count as f64,
            Self::Users(_) => process.share_of(whole as u64) as f64,
        }
    }

    /// Returns the highest value of the curves, in arrivals per second or users, without the limit
    /// of the spawn rate.
    pub(crate) fn peak(&self) -> f64 {
        match self {
            Self::Rate(curves) => curves.peak(),
            Self::Users(users) => users.asked.peak(),
        }
    }

    /// Returns the mean rate from `from_s` to `to_s`, in arrivals per second, or the number of
    /// users that are planned to be present at `to_s`. Both are in seconds since the step began.
    pub(crate) fn between(&self, from_s: f64, to_s: f64) -> f64 {
        match self {
            Self::Users(users) => users.schedule.users_at(to_s) as f64,
            Self::Rate(curves) => curves.mean(from_s, to_s),
        }
    }
}
