//! Thresholds: values of an embedded file with comments. A user's file can replace each value.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Text of the thresholds that the analyzer uses unless the user replaces them, in TOML.
const DEFAULTS: &str = include_str!("../thresholds.toml");

/// Reason why thresholds cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ThresholdsError {
    /// The user's file cannot be read.
    #[error("cannot read the thresholds {path}: {source}", path = path.display())]
    Read {
        /// File that cannot be read.
        path: PathBuf,
        /// Error of the operating system on reading the file.
        source: std::io::Error,
    },
    /// The file is not TOML, has an unknown name, or a value of the wrong type or out of range.
    #[error("{path} is not a thresholds file: {reason}", path = path.display())]
    Malformed {
        /// File with the error.
        path: PathBuf,
        /// Description of the error in words.
        reason: String,
    },
}

macro_rules! sections {
    ($($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $field:ident : $kind:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[allow(
            missing_docs,
            clippy::struct_field_names,
            reason = "thresholds.toml documents the values, whose names end in their unit"
        )]
        pub(crate) struct $name { $($(#[$of])* pub $field: $kind),* }
    )*};
}

sections! {
    /// Thresholds that rules and gates use; the comments of `thresholds.toml` explain each value.
    Thresholds {
        objectives: Objectives, sla: Sla, cpu: Cpu,
        memory: Memory, pool: Pool, waits: Waits, cache: Cache, measurement: Measurement,
    }
    /// Objectives of production readiness, which the gates judge.
    Objectives {
        postgres_p90_ms: f64, redis_p90_ms: f64, websocket_p95_ms: f64,
        websocket_connect_p95_ms: f64, error_ratio: f64, cache_hit_ratio: f64,
        websocket_success_ratio: f64, memory_used_ratio: f64,
    }
    /// Margins and minimum load of recommended promises.
    Sla {
        throughput_headroom_ratio: f64, latency_margin_ratio: f64, budget_days: u64,
        #[serde(default)]
        least_load_s: f64,
    }
    /// Thresholds of CPU use, as ratios from 0 to 1.
    Cpu {
        warning_ratio: f64, critical_ratio: f64, others_ratio: f64, steal_ratio: f64,
        generator_ratio: f64,
    }
    /// Thresholds of memory and swap.
    Memory {
        warning_ratio: f64, pressure_ratio: f64, swap_in_bytes_per_s: f64,
    }
    /// Thresholds of connection pools.
    Pool {
        checkout_share_ratio: f64, checkout_cost_ratio: f64, too_large_p99_ratio: f64,
        connections_warning_ratio: f64, connections_critical_ratio: f64,
    }
    /// Thresholds of waits inside PostgreSQL.
    Waits {
        lock_share_ratio: f64, lwlock_share_ratio: f64, io_share_ratio: f64, slow_commit_ms: f64,
    }
    /// Thresholds of evictions in a Redis that is used as a cache.
    Cache { evicted_per_write_ratio: f64, least_evictions: u64 }
    /// Thresholds for the noise and the number of samples of a measurement.
    Measurement { noise_ratio: f64, least_samples: u64 }
}

impl Thresholds {
    /// Returns the embedded thresholds, with values from the file `overrides` in place of those of
    /// the same names.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not TOML, names an unknown value, or has a
    /// value of the wrong type or out of range.
    pub(crate) fn load(overrides: Option<&Path>) -> Result<Self, ThresholdsError> {
        let mut table = parse(Path::new("thresholds.toml"), DEFAULTS)?;
        let at = overrides.unwrap_or_else(|| Path::new("thresholds.toml"));
        if let Some(path) = overrides {
            let text = std::fs::read_to_string(path).map_err(|source| ThresholdsError::Read {
                path: path.to_owned(),
                source,
            })?;
            overlay(&mut table, parse(path, &text)?);
            in_range(path, &table)?;
        }
        table.try_into().map_err(|e| malformed(at, &e))
    }
}

fn parse(path: &Path, text: &str) -> Result<toml::Table, ThresholdsError> {
    text.parse().map_err(|e| malformed(path, &e))
}

/// Names of ratios that may be above 1; all other ratios must lie between 0 and 1.
const ABOVE_ONE: [&str; 3] = [
    "too_large_p99_ratio",
    "latency_margin_ratio",
    "evicted_per_write_ratio",
];

/// Checks that every value of `table` is in its range: 0 or more, and at most 1 for most ratios.
///
/// # Errors
/// Fails at the first value out of its range, because every figure or none would meet such
/// a threshold.
fn in_range(path: &Path, table: &toml::Table) -> Result<(), ThresholdsError> {
    let sections = table
        .iter()
        .filter_map(|(section, values)| Some((section, values.as_table()?)));
    let values = sections.flat_map(|(section, values)| {
        let named = values.iter();
        named.map(move |(name, value)| (section, name, value))
    });
    for (section, name, value) in values {
        let number = value.as_float().or(value.as_integer().map(|n| n as f64));
        let most = if name.ends_with("_ratio") && !ABOVE_ONE.contains(&name.as_str()) {
            1.0
        } else {
            f64::MAX
        };
        if number.is_some_and(|number| !(0.0..=most).contains(&number)) {
            let bound = if most > 1.0 {
                "0 or more"
            } else {
                "from 0 to 1"
            };
            return Err(ThresholdsError::Malformed {
                path: path.to_owned(),
                reason: format!("{section}.{name} is {value}, and has to be {bound}"),
            });
        }
    }
    Ok(())
}

fn malformed(path: &Path, error: &toml::de::Error) -> ThresholdsError {
    ThresholdsError::Malformed {
        path: path.to_owned(),
        reason: error.message().to_owned(),
    }
}

fn overlay(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => overlay(base, over),
            // A whole number is accepted where a fraction is expected: 500 instead of 500.0.
            (Some(slot @ toml::Value::Float(_)), toml::Value::Integer(n)) => {
                *slot = toml::Value::Float(n as f64);
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Thresholds, ThresholdsError> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("mine.toml");
        std::fs::write(&path, text).unwrap();
        Thresholds::load(Some(&path))
    }

    #[test]
    fn a_generator_is_full_for_the_analyzer_where_it_is_for_the_benches() {
        let shipped = Thresholds::load(None).unwrap();
        let ours = shipped.cpu.generator_ratio;
        let theirs = bench_report::Generator::SATURATED_RATIO;
        assert!((ours - theirs).abs() < f64::EPSILON, "{ours}, {theirs}");
    }

    #[test]
    fn a_file_overrides_what_it_names_and_nothing_else() {
        let mine = with("[objectives]\npostgres_p90_ms = 20\n").unwrap();
        let shipped = Thresholds::load(None).unwrap();
        assert!((mine.objectives.postgres_p90_ms - 20.0).abs() < f64::EPSILON);
        assert_eq!(mine.cpu, shipped.cpu);
        assert!((shipped.objectives.postgres_p90_ms - 500.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_name_that_does_not_exist_is_refused_by_name() {
        let error = with("[objectives]\npostgres_p9 = 20\n").unwrap_err();
        assert!(error.to_string().contains("postgres_p9"), "{error}");
        assert!(error.to_string().contains("mine.toml"), "{error}");
    }

    #[test]
    fn a_bound_that_nothing_could_meet_or_miss_is_refused_by_name() {
        for (section, value, name) in [
            ("objectives", "error_ratio = 1.5", "error_ratio"),
            ("objectives", "error_ratio = nan", "error_ratio"),
            ("objectives", "redis_p90_ms = -1", "redis_p90_ms"),
            ("sla", "latency_margin_ratio = inf", "latency_margin_ratio"),
            (
                "sla",
                "throughput_headroom_ratio = 30",
                "throughput_headroom_ratio",
            ),
        ] {
            let error = with(&format!("[{section}]\n{value}\n")).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(&format!("{section}.{name}")), "{error}");
        }
        assert!(with("[pool]\ntoo_large_p99_ratio = 3\n").is_ok());
    }

    #[test]
    fn a_wrong_type_is_refused() {
        assert!(matches!(
            with("[cpu]\nsteal_ratio = \"much\"\n"),
            Err(ThresholdsError::Malformed { .. })
        ));
    }
}
