//! Plan of the scenario `scale`, made before the server is contacted.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::RateStep;
use bench_report::{Pacing, Report, Step};
use load_engine::{LoadPlan, PlannedStep, StepPlan, shuffled_steps};
use serde_json::{Value, json};

use super::ScaleFlags;
use crate::defaults::DEFAULTS;
use crate::drivers::Driver;
use crate::load_sharing::{LoadSharing, PlannedRun};
use crate::results::SettingResults;
use crate::run_server::scenario_name;
use crate::sweep::in_flight_cap;
use crate::workloads::WorkloadSelection;

/// Number of users on the pool of one driver, tested in one step for each repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScaleSetting {
    pub(super) driver: Driver,
    pub(super) users: u64,
}

impl ScaleSetting {
    /// Returns the name of the setting in reports, such as `sqlx, 8 users`.
    fn name(self) -> String {
        let users = if self.users == 1 { "user" } else { "users" };
        format!("{}, {} {users}", self.driver.name(), self.users)
    }
}

/// Plan of all steps of `scale`: settings, workload, seed and sharing of the load.
#[derive(Debug)]
pub(super) struct ScalePlan<'a> {
    pub(super) flags: &'a ScaleFlags,
    pub(super) drivers: Vec<Driver>,
    /// Settings in order of driver, then of ascending numbers of users.
    pub(super) settings: Vec<ScaleSetting>,
    /// Workload that the requests execute.
    pub(super) selection: WorkloadSelection,
    pub(super) seed: u64,
    /// Sharing of the load among processes and hosts, as the flags select it.
    pub(super) sharing: LoadSharing,
}

impl<'a> ScalePlan<'a> {
    /// Creates the plan that `flags` describe, with a random seed unless they set one.
    ///
    /// # Errors
    /// Fails with a [`bench_cli::UsageError`] for a driver without a pool, an option without effect
    /// or a load that cannot be shared, and if the workload cannot be read.
    pub(super) fn new(flags: &'a ScaleFlags) -> anyhow::Result<Self> {
        let drivers = flags.pool.drivers(|driver| {
            format!("scale holds a pool at one size; {driver} has none, sweep varies its users")
        })?;
        flags.pool.target.pool.check(&drivers, &[flags.pool.size])?;
        let of = |&driver: &Driver| {
            let users = flags.users.0.iter();
            users.map(move |&users| ScaleSetting { driver, users })
        };
        let url = flags.pool.target.url.as_deref();
        let sharing = LoadSharing::new(&flags.sharing, url, &flags.search)?;
        let users = flags.users.0.iter().copied().min();
        let fewest = users.filter(|_| !flags.search.is_given());
        sharing.check(
            (flags.pool.size, "--pool-size"),
            (fewest.unwrap_or(u64::MAX), "--users"),
        )?;
        let seed = sharing.seed(flags.step.seed);
        Ok(Self {
            flags,
            settings: drivers.iter().flat_map(of).collect(),
            drivers,
            selection: WorkloadSelection::new(&flags.pool.target.workload, seed)?,
            seed,
            sharing,
        })
    }

    /// Plans all steps in random order, with the start of each if several hosts make the load.
    /// Equal seeds give the same order.
    pub(super) fn planned(&self) -> PlannedRun {
        let order = shuffled_steps(self.settings.len(), self.repeats(), self.seed);
        let steps = order.into_iter().map(|planned| {
            let driver = self.settings[planned.setting].driver;
            (self.flags.pool.variant(driver), self.step(planned))
        });
        self.sharing.planned(steps.collect())
    }

    pub(super) fn repeats(&self) -> u64 {
        self.flags.step.repeats(DEFAULTS)
    }

    /// Returns the planned length of all steps together, warm-ups included.
    pub(super) fn total(&self) -> Duration {
        let step = self.flags.step.warmup(DEFAULTS) + self.flags.step.measure(DEFAULTS);
        step * (self.settings.len() as u32).saturating_mul(self.repeats() as u32)
    }

    /// Returns the plan of the step for a setting and a repeat.
    pub(super) fn step(&self, planned: PlannedStep) -> StepPlan {
        let ScaleSetting { driver, users } = self.settings[planned.setting];
        let load = LoadPlan::Closed {
            users,
            think_time: self.flags.step.think_time,
        };
        let name = self.settings[planned.setting].name();
        // Each repeat and each number of users draws requests of its own.
        let seed = self.seed ^ (planned.repeat << 32) ^ users;
        let mut step = self
            .step_with(driver, &name, load, seed)
            .parameter("users", users);
        step.repeat = planned.repeat;
        step
    }

    /// Returns the plan of the next step of a search for a rate, on the pool of `driver`.
    pub(super) fn step_at(&self, driver: Driver, step: RateStep) -> StepPlan {
        let size = self.flags.pool.size;
        let load = LoadPlan::Open {
            rate_per_s: step.rate_per_s,
            pacing: Pacing::Constant,
            in_flight_cap: in_flight_cap(size),
        };
        let seed = self.seed.wrapping_add(step.number);
        let name = step.name(&self.setting_name(driver));
        let plan = self.step_with(driver, &name, load, seed);
        step.shape(plan.parameter("rate_per_s", step.rate_per_s))
    }

    /// Returns the name of a driver's pool in reports, as in `deadpool, pool of 8`.
    pub(super) fn setting_name(&self, driver: Driver) -> String {
        format!("{}, pool of {}", driver.name(), self.flags.pool.size)
    }

    fn step_with(&self, driver: Driver, name: &str, load: LoadPlan, seed: u64) -> StepPlan {
        let mut step = self.flags.step.plan(name, load, seed, DEFAULTS);
        step = step
            .parameter("driver", driver.name())
            .parameter("workload", self.selection.name().as_str())
            .parameter("pool_size", self.flags.pool.size);
        self.sharing.limit_threads(&mut step, self.flags.pool.size);
        step
    }

    /// Returns the results of each driver, in ascending order of numbers of users.
    pub(super) fn results<'r>(&self, report: &'r Report) -> Vec<(Driver, Vec<SettingResults<'r>>)> {
        let by_driver = self.settings.chunk_by(|a, b| a.driver == b.driver);
        let of = |setting: &ScaleSetting| {
            let ScaleSetting { driver, users } = *setting;
            let users = users.to_string();
            let is_of = |step: &Step| step.is_with(&[("driver", driver.name()), ("users", &users)]);
            SettingResults::new(driver, setting.name(), setting.users, &report.steps, is_of)
        };
        by_driver
            .map(|mine| (mine[0].driver, mine.iter().map(of).collect()))
            .collect()
    }

    /// Returns the settings of the scenario as entries of the report's `config`.
    pub(super) fn config(&self) -> BTreeMap<String, Value> {
        let flags = self.flags;
        let objectives: Vec<String> = flags.objective.iter().map(ToString::to_string).collect();
        let mut config = flags.step.config(self.seed, DEFAULTS);
        if flags.search.is_given() {
            flags.search.add_to(&mut config, Pacing::Constant);
        } else {
            config.insert("users".to_owned(), json!(flags.users.0));
        }
        config.insert("objectives".to_owned(), json!(objectives));
        config.extend(flags.pool.config(&self.drivers, &self.selection));
        let (name, texts) = (scenario_name("scale"), self.selection.texts());
        self.sharing
            .add_to(&mut config, name, || self.planned(), &texts);
        config
    }
}
