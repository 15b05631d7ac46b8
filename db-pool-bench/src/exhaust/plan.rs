//! What is going to be done, settled before anything is touched.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::UsageError;
use load_engine::sweep::{Turn, order};
use load_engine::{LoadPlan, StepPlan};
use serde_json::{Value, json};

use super::course::Course;
use super::flags::{ExhaustFlags, Holder};
use crate::drivers::Driver;
use crate::workloads::Selection;

/// Users for each connection, unless told otherwise: plainly more than there are.
const USERS_PER_CONNECTION: u64 = 4;

/// One driver's pool under one kind of holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) driver: Driver,
    pub(super) holder: Holder,
}

impl Setting {
    /// Its name, for people.
    pub(super) fn name(self) -> String {
        format!("{}, {}", self.driver.name(), self.holder.name())
    }
}

/// What is going to be done.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) flags: &'a ExhaustFlags,
    pub(super) settings: Vec<Setting>,
    /// What is asked of the server.
    pub(super) selection: Selection,
    pub(super) seed: u64,
}

impl<'a> Plan<'a> {
    /// Settles what `flags` ask for.
    ///
    /// # Errors
    /// [`UsageError`] for a driver without a pool, and for a pool that nobody exhausts.
    pub(super) fn new(flags: &'a ExhaustFlags) -> anyhow::Result<Self> {
        let (mut drivers, mut holders) = (flags.driver.clone(), flags.holder.clone());
        drivers.sort_unstable();
        drivers.dedup();
        holders.sort_unstable();
        holders.dedup();
        if let Some(driver) = drivers.iter().find(|driver| !driver.is_pooled()) {
            return Err(UsageError(format!(
                "{} has no pool that could be exhausted",
                driver.name()
            ))
            .into());
        }
        flags.target.pool.check(&drivers, &[flags.pool_size])?;
        let of = |&driver: &Driver| {
            let holders = holders.iter();
            holders.map(move |&holder| Setting { driver, holder })
        };
        // Within 53 bits, so that every JSON reader keeps it exact.
        let seed = flags.seed.unwrap_or_else(|| rand::random::<u64>() >> 11);
        Ok(Self {
            flags,
            settings: drivers.iter().flat_map(of).collect(),
            selection: Selection::new(&flags.target.workload, seed)?,
            seed,
        })
    }

    pub(super) fn users(&self) -> u64 {
        let default = USERS_PER_CONNECTION * self.flags.pool_size;
        self.flags.users.unwrap_or(default)
    }

    pub(super) fn holders(&self) -> u64 {
        self.flags.holders.unwrap_or(self.flags.pool_size)
    }

    pub(super) fn turns(&self) -> Vec<Turn> {
        order(self.settings.len(), self.flags.repeats, self.seed)
    }

    /// How long all courses take, for the time left.
    pub(super) fn total(&self) -> Duration {
        let course = 2 * self.flags.duration + self.flags.keep;
        course * (self.settings.len() as u32).saturating_mul(self.flags.repeats as u32)
    }

    pub(super) fn course(&self, setting: Setting) -> Course {
        Course {
            users: self.users(),
            think_time: self.flags.think_time,
            holders: self.holders(),
            holder: setting.holder,
            alone: self.flags.duration,
            keep: self.flags.keep,
        }
    }

    /// A part of a course as a step.
    pub(super) fn step(&self, setting: Setting, repeat: u64, part: &str) -> StepPlan {
        let load = LoadPlan::Closed {
            users: self.users(),
            think_time: self.flags.think_time,
        };
        let name = format!("{}, {part}", setting.name());
        let mut step = StepPlan::new(&name, load, self.flags.duration)
            .parameter("driver", setting.driver.name())
            .parameter("workload", self.selection.name().as_str())
            .parameter("holder", setting.holder.name())
            .parameter("part", part)
            .parameter("pool_size", self.flags.pool_size)
            .parameter("holders", self.holders())
            .parameter("users", self.users());
        step.repeat = repeat;
        step
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
        let ns = |time: Duration| json!(time.as_nanos() as u64);
        let mut config = BTreeMap::from([
            ("pool_size".to_owned(), json!(flags.pool_size)),
            ("users".to_owned(), json!(self.users())),
            ("holders".to_owned(), json!(self.holders())),
            ("keep_ns".to_owned(), ns(flags.keep)),
            ("measure_ns".to_owned(), ns(flags.duration)),
            ("think_time_ns".to_owned(), ns(flags.think_time)),
            ("repeats".to_owned(), json!(flags.repeats)),
            ("seed".to_owned(), json!(self.seed)),
            ("drivers".to_owned(), json!(drivers)),
        ]);
        config.extend(flags.conditions.config());
        config.extend(flags.target.config());
        config.extend(self.selection.config());
        config
    }
}
