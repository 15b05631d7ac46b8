//! Flags that every bench has, and the step plans that they make.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_report::Pacing;
use clap::{Args, ValueEnum};
use load_engine::{LoadPlan, RuntimeKind, StepPlan, StopRule, ThinkTime, WaitStrategy};
use serde_json::{Value, json};

use crate::curve_values;
use crate::find_rate::{FindRateFlags, tell_open_loop};
use crate::flags;
use crate::load_conflicts::LoadConflicts;

/// Flags that say how load is made.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadFlags {
    // First: the fields after it take their values out of what was parsed.
    #[command(flatten)]
    _exclusive: LoadConflicts,

    /// Users who each wait for their answer (closed loop)
    #[arg(long, value_parser = curve_values::held_count, value_name = "N")]
    pub users: Option<u64>,

    /// Arrivals per second, whatever the answers do (open loop)
    #[arg(long, value_parser = curve_values::held_rate, value_name = "PER_S")]
    pub rate: Option<f64>,

    /// Flag of the search for a rate.
    #[command(flatten)]
    pub search: FindRateFlags,

    /// Distribution of the gaps between arrivals
    #[arg(long, value_enum, default_value_t)]
    pub pacing: PacingFlag,

    /// Flags that say how each step is held.
    #[command(flatten)]
    pub step: StepFlags,
}

/// Flags that say how each step is held, whoever decides on the load.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct StepFlags {
    /// Each user's pause between answer and next request: 2s, 1s..3s (evenly between) or exp:2s
    /// (around a mean)
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub think_time: ThinkTime,

    /// Measured time of each step
    #[arg(long, value_parser = flags::duration, value_name = "TIME")]
    pub duration: Option<Duration>,

    /// Load before each step that is not measured
    #[arg(long, value_parser = flags::duration_or_zero, value_name = "TIME")]
    pub warmup: Option<Duration>,

    /// Number of times each setting is measured, in a shuffled order
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub repeats: Option<u64>,

    /// Seed of everything random [default: drawn, and recorded]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// One multi-thread runtime, or a single-thread one per core
    #[arg(long, value_enum)]
    pub runtime: Option<RuntimeFlag>,

    /// Spin before each arrival is due: exact, and takes a core
    #[arg(long)]
    pub spin: bool,

    /// End a step that breaks a bound, as in errors>10% or p99>500ms; requests that hang count
    /// (repeat it for several)
    #[arg(long, value_name = "RULE", value_parser = str::parse::<StopRule>)]
    pub stop_on: Vec<StopRule>,
}

/// Distribution of the gaps between arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PacingFlag {
    /// At equal gaps.
    #[default]
    Constant,
    /// At exponential gaps, as independent users arrive.
    Poisson,
}

impl From<PacingFlag> for Pacing {
    fn from(flag: PacingFlag) -> Self {
        match flag {
            PacingFlag::Constant => Self::Constant,
            PacingFlag::Poisson => Self::Poisson,
        }
    }
}

/// Kind of runtime that the load is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RuntimeFlag {
    /// One multi-thread runtime: what applications have.
    Shared,
    /// A single-thread runtime per core: the cheapest.
    PerCore,
}

/// Values that a bench takes where a flag is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// Warm-up of a step.
    pub warmup: Duration,
    /// Measured part of a step.
    pub measure: Duration,
    /// Repeats of a setting.
    pub repeats: u64,
    /// Runtime.
    pub runtime: RuntimeKind,
}

impl Defaults {
    /// `arg` with what is taken where it is not given, if it is one of those that differ from bench
    /// to bench; for the `mut_args` of a bench's flags.
    #[must_use]
    pub fn told(&self, arg: clap::Arg) -> clap::Arg {
        let time = |time: Duration| humantime::format_duration(time).to_string();
        let taken = match arg.get_id().as_str() {
            "duration" => time(self.measure),
            "warmup" => time(self.warmup),
            "repeats" => self.repeats.to_string(),
            "runtime" => match self.runtime {
                RuntimeKind::Shared => "shared".to_owned(),
                RuntimeKind::PerCore => "per-core".to_owned(),
            },
            _ => return arg,
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        arg.help(format!("{help} [default: {taken}]"))
    }
}

impl LoadFlags {
    /// Returns the load that the flags ask for: an open loop where a rate is given, else a closed loop of
    /// `users` (the flag's, or the bench's default).
    pub fn load(&self, default_users: u64, in_flight_cap: u64) -> LoadPlan {
        match self.rate {
            Some(rate_per_s) => LoadPlan::Open {
                rate_per_s,
                pacing: self.pacing.into(),
                in_flight_cap,
            },
            None => LoadPlan::Closed {
                users: self.users.unwrap_or(default_users),
                think_time: self.step.think_time,
            },
        }
    }

    /// Returns what the report says of these flags.
    pub fn config(&self, seed: u64, defaults: Defaults) -> BTreeMap<String, Value> {
        let mut config = self.step.config(seed, defaults);
        if let Some(rate) = self.rate {
            config.insert("rate_per_s".to_owned(), json!(rate));
            tell_open_loop(&mut config, self.pacing.into());
        } else if self.search.is_given() {
            self.search.add_to(&mut config, self.pacing.into());
        }
        config
    }
}

/// Entries of a report's configuration for a think time: its mean in nanoseconds, and the
/// distribution as it was written where pauses differ.
pub fn think_time_config(think_time: ThinkTime) -> impl Iterator<Item = (String, Value)> {
    let mean_ns = think_time.mean().as_nanos() as u64;
    let distribution = (!matches!(think_time, ThinkTime::Constant(_)))
        .then(|| ("think_time".to_owned(), json!(think_time.to_string())));
    [("think_time_ns".to_owned(), json!(mean_ns))]
        .into_iter()
        .chain(distribution)
}

/// Returns the seed given, or draws one: call it once and keep the value.
pub fn seed_or_drawn(given: Option<u64>) -> u64 {
    // Within 53 bits, so that every JSON reader keeps it exact.
    given.unwrap_or_else(|| rand::random::<u64>() >> 11)
}

impl StepFlags {
    /// Returns a step plan with everything that the flags say.
    pub fn plan(&self, name: &str, load: LoadPlan, seed: u64, defaults: Defaults) -> StepPlan {
        let mut plan = StepPlan::new(name, load, self.measure(defaults));
        plan.warmup = self.warmup(defaults);
        plan.seed = seed;
        plan.runtime = self.runtime(defaults);
        plan.waiting = if self.spin {
            WaitStrategy::Spin
        } else {
            WaitStrategy::Sleep
        };
        plan.stop_rules.clone_from(&self.stop_on);
        plan
    }

    /// Measured part of a step.
    pub fn measure(&self, defaults: Defaults) -> Duration {
        self.duration.unwrap_or(defaults.measure)
    }

    /// Warm-up of a step.
    pub fn warmup(&self, defaults: Defaults) -> Duration {
        self.warmup.unwrap_or(defaults.warmup)
    }

    /// Repeats of a setting.
    pub fn repeats(&self, defaults: Defaults) -> u64 {
        self.repeats.unwrap_or(defaults.repeats)
    }

    /// Kind of runtime.
    pub fn runtime(&self, defaults: Defaults) -> RuntimeKind {
        match self.runtime {
            Some(RuntimeFlag::Shared) => RuntimeKind::Shared,
            Some(RuntimeFlag::PerCore) => RuntimeKind::PerCore,
            None => defaults.runtime,
        }
    }

    /// Returns the seed given, or draws one: call it once and keep the value.
    pub fn draw_seed(&self) -> u64 {
        seed_or_drawn(self.seed)
    }

    /// Returns what the report says of these flags.
    pub fn config(&self, seed: u64, defaults: Defaults) -> BTreeMap<String, Value> {
        let runtime = match self.runtime(defaults) {
            RuntimeKind::Shared => "shared",
            RuntimeKind::PerCore => "per-core",
        };
        let rules: Vec<String> = self.stop_on.iter().map(ToString::to_string).collect();
        let mut config = BTreeMap::from([
            ("seed".to_owned(), json!(seed)),
            ("repeats".to_owned(), json!(self.repeats(defaults))),
            (
                "warmup_ns".to_owned(),
                json!(self.warmup(defaults).as_nanos() as u64),
            ),
            (
                "measure_ns".to_owned(),
                json!(self.measure(defaults).as_nanos() as u64),
            ),
            ("runtime".to_owned(), json!(runtime)),
            ("spin".to_owned(), json!(self.spin)),
            ("stop_on".to_owned(), json!(rules)),
        ]);
        config.extend(think_time_config(self.think_time));
        config
    }
}
