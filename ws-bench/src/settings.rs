//! What a search for the limit is told, with every default filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::load::Defaults;
use load_engine::{LoadPlan, RuntimeKind, StopRule, WaitStrategy};
use serde_json::{Value, json};

/// Defaults where a shared flag is not given. A connection lives on from level to level, so one
/// runtime per core costs nothing and is the cheapest.
pub const DEFAULTS: Defaults = Defaults {
    warmup: Duration::ZERO,
    measure: Duration::from_secs(2),
    repeats: 1,
    runtime: RuntimeKind::PerCore,
};
/// Connections that talk where nothing else is said.
pub const TALKERS: u64 = 200;
/// Echoes per second over all talkers where nothing else is said.
pub const RATE_PER_S: f64 = 2_000.0;
/// Failures ÷ attempts at which a level breaks where no `--stop-on` says otherwise.
const ERROR_RATIO: f64 = 0.01;

/// A search for the highest number of open connections.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Most connections to try.
    pub max: u64,
    /// Connections of the first level.
    pub start: u64,
    /// Each level's connections ÷ the last one's.
    pub factor: f64,
    /// New connections per second.
    pub spawn_rate_per_s: f64,
    /// Time that TCP, the upgrade and each echo may take.
    pub bound: Duration,
    /// Highest p99 of the echo at which a level still holds.
    pub latency_bound: Duration,
    /// Size of a message.
    pub message_bytes: usize,
    /// Who talks, and how much.
    pub load: LoadPlan,
    /// Talk that is not measured.
    pub warmup: Duration,
    /// Time that each level is held and measured.
    pub measure: Duration,
    /// Number of times that each level is held.
    pub repeats: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// Which runtime.
    pub runtime: RuntimeKind,
    /// How the pacer waits.
    pub waiting: WaitStrategy,
    /// Rules that the user set.
    pub stop_on: Vec<StopRule>,
}

impl LimitSettings {
    /// Failures ÷ attempts above which a level has broken.
    pub(crate) fn error_ratio(&self) -> f64 {
        let set = self.stop_on.iter().filter_map(|rule| match rule {
            StopRule::ErrorRatio { above } => Some(*above),
            StopRule::LatencyP99 { .. } => None,
        });
        set.reduce(f64::min).unwrap_or(ERROR_RATIO)
    }

    /// The p99 above which a level has broken: the tightest that was set.
    pub(crate) fn p99_bound(&self) -> Duration {
        let set = self.stop_on.iter().filter_map(|rule| match rule {
            StopRule::LatencyP99 { above } => Some(*above),
            StopRule::ErrorRatio { .. } => None,
        });
        set.fold(self.latency_bound, Duration::min)
    }

    /// Adds what the report says of the search to what it says of the shared flags.
    pub(crate) fn describe(&self, config: &mut BTreeMap<String, Value>) {
        let ns = |time: Duration| json!(time.as_nanos() as u64);
        for (name, value) in [
            ("max", json!(self.max)),
            ("start", json!(self.start)),
            ("factor", json!(self.factor)),
            ("spawn_rate_per_s", json!(self.spawn_rate_per_s)),
            ("timeout_ns", ns(self.bound)),
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
