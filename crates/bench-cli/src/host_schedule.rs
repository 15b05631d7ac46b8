//! Schedule of a run whose load several hosts make together. Each host calculates the same
//! instants from the same plan, because the hosts do not communicate.

use std::time::Duration;

use load_engine::{StepPlan, WallTime, WorkerShare};

/// Time between the end of a step's drain and the beginning of the next step's preparation.
const SPARE: Duration = Duration::from_secs(1);

/// One host's share of a run's load, and the times from which the start of each step is
/// calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostSchedule {
    /// Share of the load that this host makes.
    pub(crate) worker: WorkerShare,
    /// Wall-clock time at which the first step starts with its warm-up.
    pub(crate) start_at: WallTime,
    /// Time reserved before the start of each step, in which data are written and sessions are
    /// opened.
    pub(crate) prepare: Duration,
}

impl HostSchedule {
    /// Sets in each of `plans`, listed in the order in which they run, this host's share and the
    /// wall-clock time at which the step starts. Returns the time at which the last step is over
    /// on every host; `start_at` if there are no plans.
    pub(crate) fn fix(&self, plans: &mut [StepPlan]) -> WallTime {
        let mut start = self.start_at;
        let mut over = start;
        for plan in plans {
            plan.process = self.worker;
            plan.starts_at = Some(start);
            over = start
                .after(plan.warmup + plan.measure)
                .after(plan.drain + SPARE);
            start = over.after(self.prepare);
        }
        over
    }

    /// Returns the wall-clock time at which the preparation of `plan` begins, when the step before
    /// it is over on all hosts. `None` if `plan` has no fixed start.
    pub(crate) fn prepares_at(&self, plan: &StepPlan) -> Option<WallTime> {
        Some(plan.starts_at?.before(self.prepare))
    }
}

#[cfg(test)]
mod tests {
    use load_engine::{LoadPlan, ThinkTime};

    use super::*;

    #[test]
    fn each_step_starts_when_the_one_before_is_over_and_the_next_is_prepared() {
        let plan = |measure_s| {
            let load = LoadPlan::Closed {
                users: 4,
                think_time: ThinkTime::default(),
            };
            let mut plan = StepPlan::new("", load, Duration::from_secs(measure_s));
            plan.warmup = Duration::from_secs(2);
            plan
        };
        let schedule = HostSchedule {
            worker: "1/2".parse().unwrap(),
            start_at: WallTime::since_1970(Duration::from_secs(1_000)),
            prepare: Duration::from_secs(10),
        };
        let mut plans = [plan(5), plan(7), plan(5)];
        let over = schedule.fix(&mut plans);
        let at = |seconds| WallTime::since_1970(Duration::from_secs(seconds));
        let starts: Vec<_> = plans.iter().map(|plan| plan.starts_at.unwrap()).collect();
        // 2 s of warm-up, 5 s measured, 5 s of drain, 1 s to spare, 10 s to prepare.
        assert_eq!(starts, [at(1_000), at(1_023), at(1_048)]);
        assert_eq!(over, at(1_061));
        assert_eq!(schedule.prepares_at(&plans[1]), Some(at(1_013)));
        assert!(plans.iter().all(|plan| plan.process == schedule.worker));
        assert_eq!(schedule.fix(&mut []), at(1_000), "nothing to run is over");
    }
}
