//! Plan of the scenario `sweep`, made before the server is contacted.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::{RateStep, UsageError};
use load_engine::{LoadPlan, PlannedStep, StepPlan, shuffled_steps};
use serde_json::{Value, json};

use super::SweepFlags;
use crate::conditions::{Conditions, hold_text};
use crate::context::Variant;
use crate::defaults::DEFAULTS;
use crate::drivers::Driver;
use crate::load_sharing::{LoadSharing, PlannedRun};
use crate::run_server::scenario_name;
use crate::workloads::WorkloadSelection;

/// Smallest limit on requests in flight in an open loop. It is large enough that waits for a
/// connection show as checkout time and not as backlog.
const FEWEST_IN_FLIGHT: u64 = 1_024;
/// Number of requests in flight for each connection of a pool, if that is more than
/// [`FEWEST_IN_FLIGHT`] in all.
const IN_FLIGHT_PER_CONNECTION: u64 = 8;
/// Error message for `--app-instances` together with a search for a rate.
const NO_SIZE_FOUND: &str = "\
--app-instances multiplies the pool size that a sweep recommends, and a search for a rate finds a rate \
for each size and recommends none; sweep without --find-rate first, then search with --pool-sizes of \
the size found";

/// One setting of a sweep, tested in one step for each repeat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PoolSweepSetting {
    /// Driver with which the requests are made.
    pub(crate) driver: Driver,
    /// Number of the pool's connections. Without a pool: number of users, each with a connection.
    pub(crate) size: u64,
    /// Hold time and network delay of the requests.
    pub(crate) conditions: Conditions,
}

impl PoolSweepSetting {
    /// Returns the name of the setting in reports, such as `sqlx, pool of 8`, followed by its
    /// conditions unless they are the default.
    pub(crate) fn name(self) -> String {
        let Self {
            driver,
            size,
            conditions,
        } = self;
        let name = match (driver.is_pooled(), size) {
            (true, _) => format!("{}, pool of {size}", driver.name()),
            (false, 1) => format!("{}, 1 user", driver.name()),
            (false, _) => format!("{}, {size} users", driver.name()),
        };
        if conditions.are_default() {
            name
        } else {
            format!("{name}, {conditions}")
        }
    }

    /// Returns the largest number of requests in flight in an open loop. Without a pool it is the
    /// number of connections, because a request cannot wait for one.
    fn in_flight_cap(self) -> u64 {
        if self.driver.is_pooled() {
            in_flight_cap(self.size)
        } else {
            self.size
        }
    }

    /// Returns the conditions of the setting as parameters of a step: `hold` and `network_delay`,
    /// each as text.
    pub(super) fn condition_parameters(self) -> [(&'static str, String); 2] {
        let delay = humantime::format_duration(self.conditions.network_delay);
        [
            ("hold", hold_text(self.conditions.hold)),
            ("network_delay", delay.to_string()),
        ]
    }

    /// Returns the variant that the steps of this setting test.
    pub(crate) fn variant(self) -> Variant {
        Variant {
            driver: self.driver,
            connections: self.size,
            conditions: self.conditions,
        }
    }
}

/// Plan of a sweep: settings, workload, seed and sharing of the load.
#[derive(Debug)]
pub(crate) struct PoolSweepPlan<'a> {
    /// Flags of the command `sweep`.
    pub(crate) flags: &'a SweepFlags,
    /// Settings, each once: in order of conditions, then driver, then ascending size.
    pub(crate) settings: Vec<PoolSweepSetting>,
    /// Workload that the requests execute.
    pub(crate) selection: WorkloadSelection,
    /// Seed of everything random: the order of steps and the requests.
    pub(crate) seed: u64,
    /// Sharing of the load among processes and hosts, as the flags select it.
    pub(crate) sharing: LoadSharing,
}

impl<'a> PoolSweepPlan<'a> {
    /// Creates the plan that `flags` describe, with a random seed unless they set one.
    ///
    /// # Errors
    /// Fails with a [`bench_cli::UsageError`] if flags contradict each other or have no effect, if
    /// the load cannot be shared, or if a script has an error.
    pub(crate) fn new(flags: &'a SweepFlags) -> anyhow::Result<Self> {
        let mut drivers = flags.driver.clone();
        drivers.sort_unstable();
        drivers.dedup();
        flags.target.pool.check(&drivers, &flags.pool_sizes.0)?;
        let mut settings = Vec::new();
        for conditions in flags.conditions() {
            for &driver in &drivers {
                settings.extend(flags.pool_sizes.0.iter().map(|&size| PoolSweepSetting {
                    driver,
                    size,
                    conditions,
                }));
            }
        }
        let (url, search) = (flags.target.url.as_deref(), &flags.load.search);
        if search.is_given() && flags.app_instances.is_some() {
            return Err(UsageError(NO_SIZE_FOUND.to_owned()).into());
        }
        let sharing = LoadSharing::new(&flags.sharing, url, search)?;
        let seed = sharing.seed(flags.load.step.seed);
        let plan = Self {
            flags,
            settings,
            selection: WorkloadSelection::new(&flags.target.workload, seed)?,
            seed,
            sharing,
        };
        plan.check_shares()?;
        Ok(plan)
    }

    /// Checks that the smallest setting has a connection and a user for each process that makes the
    /// load. Fails with a remedy if not.
    fn check_shares(&self) -> Result<(), UsageError> {
        let sizes = self.flags.pool_sizes.0.iter().copied();
        let loads = self.settings.iter().map(|setting| self.load(*setting));
        let users = loads.map(|load| load.sessions()).min();
        self.sharing.check(
            (sizes.min().unwrap_or(u64::MAX), "--pool-sizes"),
            (users.unwrap_or(u64::MAX), "--users"),
        )
    }

    /// Plans all steps in random order, with the start of each if several hosts make the load.
    /// Equal seeds give the same order.
    pub(crate) fn planned(&self) -> PlannedRun {
        let order = shuffled_steps(self.settings.len(), self.repeats(), self.seed);
        let steps = order.into_iter().map(|planned| {
            let variant = self.settings[planned.setting].variant();
            (variant, self.step(planned))
        });
        self.sharing.planned(steps.collect())
    }

    /// Returns the drivers, each once, in ascending order.
    pub(crate) fn drivers(&self) -> Vec<Driver> {
        let mut drivers: Vec<Driver> = self.settings.iter().map(|s| s.driver).collect();
        drivers.sort_unstable();
        drivers.dedup();
        drivers
    }

    /// Returns the number of connections, or of users without a pool, of the largest setting.
    pub(crate) fn largest(&self) -> u64 {
        self.flags.pool_sizes.largest()
    }

    /// Returns the number of repeats of each setting.
    pub(crate) fn repeats(&self) -> u64 {
        self.flags.load.step.repeats(DEFAULTS)
    }

    /// Returns the planned length of all steps together, warm-ups included.
    pub(crate) fn total(&self) -> Duration {
        let step = self.flags.load.step.warmup(DEFAULTS) + self.flags.load.step.measure(DEFAULTS);
        step * (self.settings.len() as u32).saturating_mul(self.repeats() as u32)
    }

    /// Returns the plan of the step for a setting and a repeat.
    pub(crate) fn step(&self, planned: PlannedStep) -> StepPlan {
        let setting = self.settings[planned.setting];
        let settings = self.settings.len() as u64;
        let seed = self
            .seed
            .wrapping_add(planned.repeat * settings + planned.setting as u64);
        let mut step = self.step_with(setting, &setting.name(), &self.load(setting), seed);
        step.repeat = planned.repeat;
        step
    }

    /// Returns the plan of the next step of a search for a rate, at the rate and of the length that
    /// `step` requires.
    pub(crate) fn step_at(&self, setting: PoolSweepSetting, step: RateStep) -> StepPlan {
        let load = LoadPlan::Open {
            rate_per_s: step.rate_per_s,
            pacing: self.flags.load.pacing.into(),
            in_flight_cap: setting.in_flight_cap(),
        };
        let seed = self.seed.wrapping_add(step.number);
        let name = step.name(&setting.name());
        step.shape(self.step_with(setting, &name, &load, seed))
    }

    /// Returns the plan of a step named `name` under `setting` with `load`; `seed` determines its
    /// random choices.
    fn step_with(
        &self,
        setting: PoolSweepSetting,
        name: &str,
        load: &LoadPlan,
        seed: u64,
    ) -> StepPlan {
        let PoolSweepSetting { driver, size, .. } = setting;
        let mut step = self
            .flags
            .load
            .step
            .plan(name, load.clone(), seed, DEFAULTS)
            .parameter("driver", driver.name())
            .parameter("workload", self.selection.name().as_str());
        if driver.is_pooled() {
            step = step.parameter("pool_size", size);
        }
        for (name, value) in setting.condition_parameters() {
            step = step.parameter(name, value.as_str());
        }
        step = match load {
            LoadPlan::Closed { users, .. } => step.parameter("users", *users),
            LoadPlan::Open { rate_per_s, .. } if driver.is_pooled() => {
                step.parameter("rate_per_s", *rate_per_s)
            }
            LoadPlan::Open { rate_per_s, .. } => step
                .parameter("rate_per_s", *rate_per_s)
                .parameter("users", size),
        };
        self.sharing.limit_threads(&mut step, size);
        step
    }

    fn load(&self, setting: PoolSweepSetting) -> LoadPlan {
        let PoolSweepSetting { driver, size, .. } = setting;
        let load = &self.flags.load;
        if !driver.is_pooled() {
            let mut plan = load.load(size, setting.in_flight_cap());
            if let LoadPlan::Closed { users, .. } = &mut plan {
                *users = size;
            }
            return plan;
        }
        // The number of users is twice the largest pool, so that the same number of users competes for every
        // pool.
        load.load(2 * self.largest(), setting.in_flight_cap())
    }

    /// Returns the settings of the scenario as entries of the report's `config`.
    pub(crate) fn config(&self) -> BTreeMap<String, Value> {
        let flags = self.flags;
        let mut drivers = BTreeMap::new();
        for setting in &self.settings {
            drivers
                .entry(setting.driver.name())
                .or_insert_with(|| flags.target.pool.config(setting.driver));
        }
        let delays: Vec<u64> = flags
            .network_delay
            .iter()
            .map(|delay| delay.as_nanos() as u64)
            .collect();
        let holds: Vec<String> = flags.hold.iter().copied().map(hold_text).collect();
        let mut config = flags.load.config(self.seed, DEFAULTS);
        config.extend([
            ("pool_sizes".to_owned(), json!(flags.pool_sizes.0)),
            ("drivers".to_owned(), json!(drivers)),
            ("holds".to_owned(), json!(holds)),
            ("network_delays_ns".to_owned(), json!(delays)),
            ("objectives".to_owned(), json!(texts(&flags.objective))),
        ]);
        if let Some(instances) = flags.app_instances {
            config.insert("app_instances".to_owned(), json!(instances));
        }
        config.extend(flags.target.config());
        config.extend(self.selection.config());
        let (name, texts) = (scenario_name("sweep"), self.selection.texts());
        self.sharing
            .add_to(&mut config, name, || self.planned(), &texts);
        config
    }
}

/// Returns the largest number of requests in flight in an open loop on a pool of `size`
/// connections.
pub(crate) fn in_flight_cap(size: u64) -> u64 {
    FEWEST_IN_FLIGHT.max(IN_FLIGHT_PER_CONNECTION * size)
}

fn texts<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
pub(super) mod tests;
