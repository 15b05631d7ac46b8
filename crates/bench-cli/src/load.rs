//! Flags for the load of a bench, and the step plans that they define.

mod curve_flags;
mod curve_values;
mod load_conflicts;

use std::collections::BTreeMap;
use std::time::Duration;

use bench_report::Pacing;
use clap::{Args, ValueEnum};
use load_engine::{LoadPlan, RuntimeKind, StepPlan, StopRule, ThinkTime, WaitStrategy};
use serde_json::{Value, json};

use crate::flags;
use crate::rates::find_rate::{FindRateFlags, tell_open_loop};

pub use self::{
    curve_flags::{CURVES_HELP, CurveLoadFlags},
    curve_values::{held_count, held_counts, held_rate},
    load_conflicts::LoadConflicts,
};

/// Flags that define a constant load: users or a rate, or a search for a rate.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadFlags {
    // Must be the first field, because the fields after it remove their values from the parsed
    // arguments.
    #[command(flatten)]
    _exclusive: LoadConflicts,

    /// Users who each wait for their answer (closed loop)
    #[arg(long, value_parser = curve_values::held_count, value_name = "N")]
    pub users: Option<u64>,

    /// Arrivals per second, whatever the answers do (open loop)
    #[arg(long, value_parser = curve_values::held_rate, value_name = "PER_S")]
    pub rate: Option<f64>,

    /// Flag of the search for the highest rate that keeps given bounds.
    #[command(flatten)]
    pub search: FindRateFlags,

    /// Distribution of the gaps between arrivals
    #[arg(long, value_enum, default_value_t)]
    pub pacing: PacingFlag,

    /// Flags that apply to each step.
    #[command(flatten)]
    pub step: StepFlags,
}

/// Flags that apply to each step, whatever defines the load.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct StepFlags {
    /// Each user's pause between answer and next request: 2s, 1s..3s (evenly between) or exp:2s
    /// (around a mean)
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub think_time: ThinkTime,

    /// Length of the measured part of each step
    #[arg(long, value_parser = flags::duration, value_name = "TIME")]
    pub duration: Option<Duration>,

    /// Length of the load before each step that is not measured
    #[arg(long, value_parser = flags::duration_or_zero, value_name = "TIME")]
    pub warmup: Option<Duration>,

    /// Number of times each setting is measured, in a shuffled order
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub repeats: Option<u64>,

    /// Seed of all random choices [default: drawn, and recorded in the report]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Kind of tokio runtime: one multi-thread, or a single-thread one per core
    #[arg(long, value_enum)]
    pub(crate) runtime: Option<RuntimeFlag>,

    /// Wait in a busy loop until each arrival is due: exact, and takes a core
    #[arg(long)]
    pub spin: bool,

    /// End a step that breaks a bound, as in errors>10% or p99>500ms; requests without an answer
    /// count too (repeat it for several)
    #[arg(long, value_name = "RULE", value_parser = str::parse::<StopRule>)]
    pub stop_on: Vec<StopRule>,
}

/// Distribution of the times between arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PacingFlag {
    /// Equal times between arrivals.
    #[default]
    Constant,
    /// Exponentially distributed times between arrivals, as of independent users.
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

/// Kind of tokio runtime that makes the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuntimeFlag {
    /// One multi-thread runtime, as most applications have.
    Shared,
    /// One single-thread runtime per thread, which costs the least CPU time per request.
    PerCore,
}

/// Values that a bench uses for flags that are not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// Length of a step's warm-up.
    pub warmup: Duration,
    /// Length of a step's measured part.
    pub measure: Duration,
    /// Number of times each setting is measured.
    pub repeats: u64,
    /// Kind of tokio runtime that makes the load.
    pub runtime: RuntimeKind,
}

impl Defaults {
    /// Appends ` [default: …]` to the help of `arg`, if it is `--duration`, `--warmup`,
    /// `--repeats` or `--runtime`, whose defaults differ between benches. For use with clap's
    /// `mut_args`.
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
    /// Returns the load that the flags define: an open loop with at most `in_flight_cap` requests
    /// at a time if a rate is given, else a closed loop with the given number of users or
    /// `default_users`.
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

    /// Returns the entries of the report's configuration that show the values of these flags, with
    /// `seed` and the values of `defaults` for flags that are not given.
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

/// Returns the entries of the report's configuration for a think time, a user's pause before the
/// next request: its mean in nanoseconds and, where lengths vary, the distribution as it was
/// written.
pub fn think_time_config(think_time: ThinkTime) -> impl Iterator<Item = (String, Value)> {
    let mean_ns = think_time.mean().as_nanos() as u64;
    let distribution = (!matches!(think_time, ThinkTime::Constant(_)))
        .then(|| ("think_time".to_owned(), json!(think_time.to_string())));
    [("think_time_ns".to_owned(), json!(mean_ns))]
        .into_iter()
        .chain(distribution)
}

/// Returns the given seed, or draws a random one of 53 bits. Call this once per run and keep the
/// value, because each call draws anew.
pub fn seed_or_drawn(given: Option<u64>) -> u64 {
    // At most 53 bits, so that every JSON reader keeps the number exact.
    given.unwrap_or_else(|| rand::random::<u64>() >> 11)
}

impl StepFlags {
    /// Returns the plan of a step with this name, load and seed, and with all settings of the
    /// flags.
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

    /// Returns the length of a step's measured part: `--duration`, or the bench's default.
    pub fn measure(&self, defaults: Defaults) -> Duration {
        self.duration.unwrap_or(defaults.measure)
    }

    /// Returns the length of a step's warm-up: `--warmup`, or the bench's default.
    pub fn warmup(&self, defaults: Defaults) -> Duration {
        self.warmup.unwrap_or(defaults.warmup)
    }

    /// Returns the number of times each setting is measured: `--repeats`, or the bench's default.
    pub fn repeats(&self, defaults: Defaults) -> u64 {
        self.repeats.unwrap_or(defaults.repeats)
    }

    /// Returns the kind of tokio runtime that makes the load: `--runtime`, or the bench's default.
    pub fn runtime(&self, defaults: Defaults) -> RuntimeKind {
        match self.runtime {
            Some(RuntimeFlag::Shared) => RuntimeKind::Shared,
            Some(RuntimeFlag::PerCore) => RuntimeKind::PerCore,
            None => defaults.runtime,
        }
    }

    /// Returns the entries of the report's configuration that show the values of these flags, with
    /// `seed` and the values of `defaults` for flags that are not given.
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
