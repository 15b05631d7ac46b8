//! What is going to be done, settled before anything is touched.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::UsageError;
use bench_cli::load::Defaults;
use bench_report::{Report, Step};
use load_engine::step::available_threads;
use load_engine::sweep::Turn;
use load_engine::{LoadPlan, RuntimeKind, StepPlan};
use serde_json::{Value, json};

use super::ScaleFlags;
use crate::campaign::{Arm, GUARD};
use crate::drivers::Driver;
use crate::results::Results;
use crate::workloads::Selection;

const DEFAULTS: Defaults = Defaults {
    warmup: Duration::from_secs(1),
    measure: Duration::from_secs(5),
    repeats: 3,
    runtime: RuntimeKind::Shared,
};

/// So many users of one driver's pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) driver: Driver,
    pub(super) users: u64,
}

/// What is going to be done.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) flags: &'a ScaleFlags,
    /// Driver by driver, users rising.
    pub(super) settings: Vec<Setting>,
    /// What is asked of the server.
    pub(super) selection: Selection,
    pub(super) seed: u64,
}

impl<'a> Plan<'a> {
    /// Settles what `flags` ask for.
    ///
    /// # Errors
    /// [`UsageError`] for a driver without a pool, whose users never wait for a connection.
    pub(super) fn new(flags: &'a ScaleFlags) -> anyhow::Result<Self> {
        let mut drivers = flags.driver.clone();
        drivers.sort_unstable();
        drivers.dedup();
        if let Some(driver) = drivers.iter().find(|driver| !driver.is_pooled()) {
            return Err(UsageError(format!(
                "scale holds a pool at one size; {} has none, sweep varies its users",
                driver.name()
            ))
            .into());
        }
        flags.target.pool.check(&drivers, &[flags.pool_size])?;
        let of = |&driver: &Driver| {
            let users = flags.users.0.iter();
            users.map(move |&users| Setting { driver, users })
        };
        let seed = flags.step.draw_seed();
        Ok(Self {
            flags,
            settings: drivers.iter().flat_map(of).collect(),
            selection: Selection::new(&flags.target.workload, seed)?,
            seed,
        })
    }

    pub(super) fn repeats(&self) -> u64 {
        self.flags.step.repeats(DEFAULTS)
    }

    /// How long all steps take, for the time left.
    pub(super) fn total(&self) -> Duration {
        let step = self.flags.step.warmup(DEFAULTS) + self.flags.step.measure(DEFAULTS);
        step * (self.settings.len() as u32).saturating_mul(self.repeats() as u32)
    }

    pub(super) fn arm(&self, turn: Turn) -> Arm {
        Arm {
            driver: self.settings[turn.setting].driver,
            connections: self.flags.pool_size,
            conditions: self.flags.conditions.conditions(),
        }
    }

    /// The step of one turn; `guarded` where the server is not a throwaway one.
    pub(super) fn step(&self, turn: Turn, guarded: bool) -> StepPlan {
        let Setting { driver, users } = self.settings[turn.setting];
        let load = LoadPlan::Closed {
            users,
            think_time: self.flags.step.think_time,
        };
        let name = format!("{}, {users} users", driver.name());
        // A repeat is another draw of the same users; another number of users too.
        let seed = self.seed ^ (turn.repeat << 32) ^ users;
        let mut step = self.flags.step.plan(&name, load, seed, DEFAULTS);
        step = step
            .parameter("driver", driver.name())
            .parameter("workload", self.selection.name().as_str())
            .parameter("pool_size", self.flags.pool_size)
            .parameter("users", users);
        step.repeat = turn.repeat;
        if step.runtime == RuntimeKind::PerCore {
            // Each core's pool needs a connection at least.
            step.threads = available_threads().min(self.flags.pool_size as usize);
        }
        if guarded && step.stop_rules.is_empty() {
            step.stop_rules.push(GUARD);
        }
        step
    }

    /// What came of each driver, users rising.
    pub(super) fn results<'r>(&self, report: &'r Report) -> Vec<(Driver, Vec<Results<'r>>)> {
        let by_driver = self.settings.chunk_by(|a, b| a.driver == b.driver);
        let of = |setting: &Setting| {
            let Setting { driver, users } = *setting;
            let name = format!("{}, {users} users", driver.name());
            Results::of(driver, name, users, &report.steps, |step: &Step| {
                step.parameters.get("driver").map(ToString::to_string) == Some(driver.name().into())
                    && step.parameter("users") == Some(users as f64)
            })
        };
        by_driver
            .map(|mine| (mine[0].driver, mine.iter().map(of).collect()))
            .collect()
    }

    /// What the report says of these settings.
    pub(super) fn config(&self) -> BTreeMap<String, Value> {
        let flags = self.flags;
        let mut drivers = BTreeMap::new();
        for setting in &self.settings {
            drivers
                .entry(setting.driver.name())
                .or_insert_with(|| flags.target.pool.config(setting.driver));
        }
        let objectives: Vec<String> = flags.objective.iter().map(ToString::to_string).collect();
        let mut config = flags.step.config(self.seed, DEFAULTS);
        config.extend([
            ("pool_size".to_owned(), json!(flags.pool_size)),
            ("users".to_owned(), json!(flags.users.0)),
            ("drivers".to_owned(), json!(drivers)),
            ("objectives".to_owned(), json!(objectives)),
        ]);
        config.extend(flags.conditions.config());
        config.extend(flags.target.config());
        config.extend(self.selection.config());
        config
    }
}
