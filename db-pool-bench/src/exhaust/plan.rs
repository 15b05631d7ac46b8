//! Plan of the scenario `exhaust`, made before the server is contacted.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::load::think_time_config;
use load_engine::{Excused, LoadPlan, PlannedStep, StepPlan, StopRule, TracedPlan, shuffled_steps};
use serde_json::{Value, json};

use super::flags::{ExhaustFlags, Holder};
use crate::drivers::Driver;
use crate::failure::is_checkout_timeout;
use crate::workloads::WorkloadSelection;

/// Name of the first part of a run, in which users are alone before the holders start.
pub(super) const BEFORE: &str = "before";
/// Name of the second part of a run, in which holders keep connections.
pub(super) const HELD: &str = "held";
/// Name of the third part of a run, in which users are alone again after the release of the
/// connections.
pub(super) const AFTER: &str = "after";

/// Default number of users for each connection of the pool: several, so that users must wait.
const USERS_PER_CONNECTION: u64 = 4;
/// Pause of a user after a failure, 1 ms, so that a user whose checkout fails at once does not loop
/// without waiting.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(1);

/// Pool of one driver together with one kind of holder, tested in one run for each repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExhaustSetting {
    pub(super) driver: Driver,
    pub(super) holder: Holder,
}

impl ExhaustSetting {
    /// Returns the name of the setting in reports, such as `sqlx, nested`.
    pub(super) fn name(self) -> String {
        format!("{}, {}", self.driver.name(), self.holder.name())
    }
}

/// Plan of all runs of `exhaust`: settings, workload and seed.
#[derive(Debug)]
pub(super) struct ExhaustPlan<'a> {
    pub(super) flags: &'a ExhaustFlags,
    drivers: Vec<Driver>,
    pub(super) settings: Vec<ExhaustSetting>,
    /// Workload that the requests of the users execute.
    pub(super) selection: WorkloadSelection,
    pub(super) seed: u64,
}

impl<'a> ExhaustPlan<'a> {
    /// Creates the plan that `flags` describe, with a random seed unless they set one.
    ///
    /// # Errors
    /// Fails with a [`bench_cli::UsageError`] for a driver without a pool or an option without
    /// effect, and if the workload cannot be read.
    pub(super) fn new(flags: &'a ExhaustFlags) -> anyhow::Result<Self> {
        let mut holders = flags.holder.clone();
        holders.sort_unstable();
        holders.dedup();
        let drivers = flags
            .pool
            .drivers(|driver| format!("{driver} has no pool that could be exhausted"))?;
        flags.pool.target.pool.check(&drivers, &[flags.pool.size])?;
        let of = |&driver: &Driver| {
            let holders = holders.iter();
            holders.map(move |&holder| ExhaustSetting { driver, holder })
        };
        let seed = flags.traced.draw_seed();
        Ok(Self {
            flags,
            settings: drivers.iter().flat_map(of).collect(),
            drivers,
            selection: WorkloadSelection::new(&flags.pool.target.workload, seed)?,
            seed,
        })
    }

    pub(super) fn users(&self) -> u64 {
        let default = USERS_PER_CONNECTION * self.flags.pool.size;
        self.flags.users.unwrap_or(default)
    }

    pub(super) fn holders(&self) -> u64 {
        self.flags.holders.unwrap_or(self.flags.pool.size)
    }

    pub(super) fn planned_steps(&self) -> Vec<PlannedStep> {
        shuffled_steps(self.settings.len(), self.flags.repeats, self.seed)
    }

    /// Returns the planned length of all runs together, one after another.
    pub(super) fn total(&self) -> Duration {
        self.run_length() * (self.settings.len() as u32).saturating_mul(self.flags.repeats as u32)
    }

    /// Returns the planned length of one run, all three parts together.
    pub(super) fn run_length(&self) -> Duration {
        2 * self.flags.duration + self.flags.keep
    }

    /// Returns the plan of the run with this index `repeat`, from 0, which `rules` may end early.
    /// Checkouts that time out are provoked on purpose and count for no rule.
    pub(super) fn traced(
        &self,
        setting: ExhaustSetting,
        repeat: u64,
        rules: Vec<StopRule>,
    ) -> TracedPlan {
        let parts = [BEFORE, HELD, AFTER].map(|part| self.step(setting, repeat, part));
        let mut whole = self.step(setting, repeat, HELD);
        whole.name = setting.name();
        whole.seed = self.seed ^ (repeat << 32);
        whole.stop_rules = rules;
        whole.failure_pause = PAUSE_AFTER_FAILURE;
        TracedPlan::new(whole, parts.into()).excusing(Excused {
            failures: Some(is_checkout_timeout),
            wait: self.flags.pool.target.checkout_timeout,
        })
    }

    /// Returns the plan of one part of a run, named [`BEFORE`], [`HELD`] or [`AFTER`], as a step.
    pub(super) fn step(&self, setting: ExhaustSetting, repeat: u64, part: &str) -> StepPlan {
        let load = LoadPlan::Closed {
            users: self.users(),
            think_time: self.flags.think_time,
        };
        let name = format!("{}, {part}", setting.name());
        let length = if part == HELD {
            self.flags.keep
        } else {
            self.flags.duration
        };
        let mut step = StepPlan::new(&name, load, length)
            .parameter("driver", setting.driver.name())
            .parameter("workload", self.selection.name().as_str())
            .parameter("holder", setting.holder.name())
            .parameter("part", part)
            .parameter("pool_size", self.flags.pool.size)
            .parameter("holders", self.holders())
            .parameter("users", self.users());
        step.repeat = repeat;
        step
    }

    /// Returns the settings of the scenario as entries of the report's `config`.
    pub(super) fn config(&self) -> BTreeMap<String, Value> {
        let flags = self.flags;
        let ns = |time: Duration| json!(time.as_nanos() as u64);
        let mut config = flags.traced.config(self.seed);
        config.extend([
            ("users".to_owned(), json!(self.users())),
            ("holders".to_owned(), json!(self.holders())),
            ("keep_ns".to_owned(), ns(flags.keep)),
            ("measure_ns".to_owned(), ns(flags.duration)),
            ("repeats".to_owned(), json!(flags.repeats)),
        ]);
        config.extend(think_time_config(flags.think_time));
        config.extend(flags.pool.config(&self.drivers, &self.selection));
        config
    }
}
