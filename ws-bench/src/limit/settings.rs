//! Settings of a search for the limit, with all defaults filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::load::Defaults;
use load_engine::{LoadPlan, RuntimeKind, StopRule, WaitStrategy};
use serde_json::{Value, json};

use crate::connection::message_sizes::MessageSizes;
use crate::load::load_settings::LoadSettings;

/// Defaults of this scenario for shared flags that are not given. Connections stay open from step
/// to step, so one runtime for each core has no disadvantage, and it is the cheapest kind.
pub(crate) const DEFAULTS: Defaults = Defaults {
    warmup: Duration::ZERO,
    measure: Duration::from_secs(2),
    repeats: 1,
    runtime: RuntimeKind::PerCore,
};
/// Default for the largest number of connections that send messages at the same time.
pub(crate) const TALKERS: u64 = 200;
/// Default rate of messages over all connections, per second.
pub(crate) const RATE_PER_S: f64 = 2_000.0;
/// Share of failed attempts, 0 to 1, above which a step breaks if no `--stop-on` sets another.
const ERROR_RATIO: f64 = 0.01;

/// Settings of a search for the highest number of open connections.
#[derive(Debug, Clone)]
pub(crate) struct LimitSettings {
    /// Largest number of connections to try.
    pub(crate) max: u64,
    /// Number of connections of the first step; at most `max` are opened.
    pub(crate) start: u64,
    /// Connections of a step ÷ connections of the step before, while steps hold; above 1.
    pub(crate) factor: f64,
    /// Highest rate at which connections are opened, in connections per second.
    pub(crate) spawn_rate_per_s: f64,
    /// Time-out of connecting by TCP, of the upgrade, and of each echo, for each separately.
    pub(crate) timeout: Duration,
    /// Highest 99th percentile of the echo times at which a step holds, unless a rule in `stop_on`
    /// sets a lower one.
    pub(crate) latency_bound: Duration,
    /// Size of a message, in bytes.
    pub(crate) message_bytes: usize,
    /// Load of the connections that send messages, as an open or a closed loop.
    pub(crate) load: LoadPlan,
    /// Time for which messages are sent before measuring begins.
    pub(crate) warmup: Duration,
    /// Time for which each repeat of a step is measured.
    pub(crate) measure: Duration,
    /// Number of times that each step is run.
    pub(crate) repeats: u64,
    /// Seed of the generator of random numbers.
    pub(crate) seed: u64,
    /// Kind of runtime whose threads hold the connections.
    pub(crate) runtime: RuntimeKind,
    /// Way in which the thread that paces an open loop waits for the next message.
    pub(crate) waiting: WaitStrategy,
    /// Rules of `--stop-on`, which end a step early.
    pub(crate) stop_on: Vec<StopRule>,
}

impl LimitSettings {
    /// Returns the share of failed attempts, 0 to 1, above which a step breaks: the lowest of the
    /// user's rules, or the default if there is none.
    pub(crate) fn error_ratio(&self) -> f64 {
        let set = self.stop_on.iter().filter_map(|rule| match rule {
            StopRule::ErrorRatio { above } => Some(*above),
            StopRule::LatencyP99 { .. } => None,
        });
        set.reduce(f64::min).unwrap_or(ERROR_RATIO)
    }

    /// Returns the 99th percentile of the echo times above which a step breaks: the lowest of the
    /// latency bound and the user's rules.
    pub(crate) fn p99_bound(&self) -> Duration {
        let set = self.stop_on.iter().filter_map(|rule| match rule {
            StopRule::LatencyP99 { above } => Some(*above),
            StopRule::ErrorRatio { .. } => None,
        });
        set.fold(self.latency_bound, Duration::min)
    }

    /// Returns the settings of the connections.
    pub(crate) fn load_settings(&self) -> LoadSettings {
        LoadSettings {
            spawn_rate_per_s: self.spawn_rate_per_s,
            timeout: self.timeout,
            sizes: MessageSizes::of(self.message_bytes),
            runtime: self.runtime,
            waiting: self.waiting,
        }
    }

    /// Adds the settings of the search to `config`, that of the report; values of the same names
    /// are replaced.
    pub(crate) fn describe(&self, config: &mut BTreeMap<String, Value>) {
        let ns = |time: Duration| json!(time.as_nanos() as u64);
        for (name, value) in [
            ("max", json!(self.max)),
            ("start", json!(self.start)),
            ("factor", json!(self.factor)),
            ("spawn_rate_per_s", json!(self.spawn_rate_per_s)),
            ("timeout_ns", ns(self.timeout)),
            ("latency_bound_ns", ns(self.p99_bound())),
            ("error_ratio_bound", json!(self.error_ratio())),
            ("message_bytes", json!(self.message_bytes)),
            ("users", json!(self.load.sessions())),
        ] {
            config.insert(name.to_owned(), value);
        }
        if let LoadPlan::Open {
            rate_per_s, pacing, ..
        } = self.load
        {
            config.remove("think_time_ns");
            config.insert("rate_per_s".to_owned(), json!(rate_per_s));
            config.insert("pacing".to_owned(), json!(pacing));
        }
    }
}
