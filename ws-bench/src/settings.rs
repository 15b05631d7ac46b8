//! Settings of a search for the limit, with all defaults filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::load::Defaults;
use load_engine::{LoadPlan, RuntimeKind, StopRule, WaitStrategy};
use serde_json::{Value, json};

/// Defaults where a shared flag is not given. A connection lives on from step to step, so one
/// runtime per core costs nothing and is the cheapest.
pub(crate) const DEFAULTS: Defaults = Defaults {
    warmup: Duration::ZERO,
    measure: Duration::from_secs(2),
    repeats: 1,
    runtime: RuntimeKind::PerCore,
};
/// Connections that talk where nothing else is said.
pub(crate) const TALKERS: u64 = 200;
/// Echoes per second over all talkers where nothing else is said.
pub(crate) const RATE_PER_S: f64 = 2_000.0;
/// Failures ÷ attempts at which a step breaks where no `--stop-on` says otherwise.
const ERROR_RATIO: f64 = 0.01;

/// A search for the highest number of open connections.
#[derive(Debug, Clone)]
pub(crate) struct LimitSettings {
    /// Most connections to try.
    pub(crate) max: u64,
    /// Connections of the first step.
    pub(crate) start: u64,
    /// Each step's connections ÷ the last one's.
    pub(crate) factor: f64,
    /// New connections per second.
    pub(crate) spawn_rate_per_s: f64,
    /// Time that TCP, the upgrade and each echo may take.
    pub(crate) timeout: Duration,
    /// Highest p99 of the echo at which a step still holds.
    pub(crate) latency_bound: Duration,
    /// Size of a message.
    pub(crate) message_bytes: usize,
    /// Load of the talkers: open or closed loop.
    pub(crate) load: LoadPlan,
    /// Time in which talkers send messages before measuring begins.
    pub(crate) warmup: Duration,
    /// Time that each step is held and measured.
    pub(crate) measure: Duration,
    /// Number of times that each step is held.
    pub(crate) repeats: u64,
    /// Seed of everything random.
    pub(crate) seed: u64,
    /// Kind of runtime.
    pub(crate) runtime: RuntimeKind,
    /// Way in which the pacer waits.
    pub(crate) waiting: WaitStrategy,
    /// Rules that the user set.
    pub(crate) stop_on: Vec<StopRule>,
}

impl LimitSettings {
    /// Failures ÷ attempts above which a step has broken.
    pub(crate) fn error_ratio(&self) -> f64 {
        let set = self.stop_on.iter().filter_map(|rule| match rule {
            StopRule::ErrorRatio { above } => Some(*above),
            StopRule::LatencyP99 { .. } => None,
        });
        set.reduce(f64::min).unwrap_or(ERROR_RATIO)
    }

    /// The p99 above which a step has broken: the tightest that was set.
    pub(crate) fn p99_bound(&self) -> Duration {
        let set = self.stop_on.iter().filter_map(|rule| match rule {
            StopRule::LatencyP99 { above } => Some(*above),
            StopRule::ErrorRatio { .. } => None,
        });
        set.fold(self.latency_bound, Duration::min)
    }

    /// Adds the settings of the search to the report's configuration.
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
