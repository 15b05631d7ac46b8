//! Stampedes: many requests find that the value of one hot key has expired, and all call the back-end
//! for it, unless a guard keeps them from it.

mod hot_key_stamp;
mod hot_key_work;
mod stampede_log;
mod stampede_text;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bench_cli::UsageError;
use bench_report::names::steps;
use bench_report::{Load, Report, Step};
use serde_json::json;

use self::hot_key_stamp::STAMP_BYTES;
use self::hot_key_work::{HotKey, HotKeyWork};
use self::stampede_log::StampedeLog;
use super::backend::Backend;
use crate::cli::{BackendFlag, CacheFlags, StampedeGuard};
use crate::clients::ClientKind;
use crate::keys::expiry::Expiry;
use crate::keys::run_keys::RunKeys;
use crate::run::workload::{RedisWorkload, Variants};

/// Largest number of times that a request usually sends the same command: reads while it waits for
/// the holder of a lock.
const MOST_READS: u64 = 20;

/// Scenario `cache` of `redis-bench` with `--stampede`.
#[derive(Debug)]
pub(crate) struct Stampede<'a> {
    flags: &'a CacheFlags,
    backend: BackendFlag,
    guards: Vec<StampedeGuard>,
    value_bytes: u64,
    /// Guard and calls of the current step; `None` before the first one.
    current: Mutex<Option<(StampedeGuard, Arc<StampedeLog>)>>,
}

impl<'a> Stampede<'a> {
    /// Creates the scenario from flags that were checked; `None` if they ask for no stampede.
    ///
    /// # Errors
    /// Fails with a usage error if the values cannot carry what the guards note in them.
    pub(crate) fn new(flags: &'a CacheFlags) -> Result<Option<Self>, UsageError> {
        let Some(backend) = flags.backend.filter(|_| !flags.stampede.guards.is_empty()) else {
            return Ok(None);
        };
        let fixed = flags.value_size.fixed();
        let Some(value_bytes) = fixed.filter(|bytes| *bytes >= STAMP_BYTES as u64) else {
            return Err(UsageError(format!(
                "the value of the hot key carries its expiry; use one --value-size of \
                 {STAMP_BYTES} bytes or more"
            )));
        };
        let mut guards = Vec::new();
        for guard in &flags.stampede.guards {
            if !guards.contains(guard) {
                guards.push(*guard);
            }
        }
        Ok(Some(Self {
            flags,
            backend,
            guards,
            value_bytes,
            current: Mutex::new(None),
        }))
    }

    fn lock_ms(&self) -> u64 {
        let life = self.flags.stampede.lock_ttl(self.backend);
        (life.as_millis() as u64).max(1)
    }
}

/// Returns the name of the lock of a run whose keys begin with `prefix`.
fn lock_name(prefix: &str) -> Vec<u8> {
    format!("{prefix}lock").into_bytes()
}

impl RedisWorkload for Stampede<'_> {
    type Work = HotKeyWork;

    /// Returns the hot key, which does not exist when a step begins.
    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys {
        RunKeys {
            keys: 1,
            value_bytes: self.value_bytes,
            ..RunKeys::new(prefix, seed)
        }
    }

    fn variants(&self) -> Variants {
        Variants {
            parameter: "guard",
            names: self.guards.iter().map(|g| g.name().to_owned()).collect(),
        }
    }

    fn work(&self, keyspace: RunKeys, variant: usize) -> HotKeyWork {
        let guard = self.guards.get(variant).copied();
        let guard = guard.unwrap_or(StampedeGuard::None);
        let log = Arc::new(StampedeLog::default());
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some((guard, Arc::clone(&log)));
        let mut name = Vec::new();
        keyspace.name_into(0, &mut name);
        HotKeyWork(Arc::new(HotKey {
            guard,
            name,
            lock: lock_name(&keyspace.prefix),
            lock_ms: self.lock_ms(),
            expiry: Expiry {
                ttl: self.flags.ttl,
                jitter_ratio: self.flags.ttl_jitter,
            },
            value: keyspace.value(),
            backend: Backend::new(self.backend),
            log,
            seed: keyspace.seed,
        }))
    }

    fn commands(&self) -> &'static [&'static str] {
        &["get", "set", "eval", "del"]
    }

    fn commands_per_request(&self) -> u64 {
        MOST_READS
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        let flags = self.flags;
        let names: Vec<&str> = self.guards.iter().map(|guard| guard.name()).collect();
        BTreeMap::from([
            ("guards".to_owned(), json!(names)),
            ("backend".to_owned(), json!(self.backend.to_string())),
            ("ttl_ns".to_owned(), json!(flags.ttl.as_nanos() as u64)),
            ("ttl_jitter_ratio".to_owned(), json!(flags.ttl_jitter)),
            ("lock_ttl_ms".to_owned(), json!(self.lock_ms())),
            ("value_bytes".to_owned(), json!(self.value_bytes)),
        ])
    }

    fn default_clients(&self) -> &'static [ClientKind] {
        &[ClientKind::Multiplexed]
    }

    fn written_keys(&self, prefix: &str) -> Vec<Vec<u8>> {
        vec![lock_name(prefix)]
    }

    fn conclude(&self, step: &mut Step) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((guard, log)) = &*current {
            conclude(step, *guard, log);
        }
    }

    fn text(&self, report: &Report) -> String {
        stampede_text::text(report, &self.variants(), self.backend)
    }
}

/// Adds the figures of a finished step with this guard about the expiries in `log`.
fn conclude(step: &mut Step, guard: StampedeGuard, log: &StampedeLog) {
    let expiries = log.expiries();
    step.figure(steps::STAMPEDE_EXPIRIES, expiries.len() as f64);
    if let Some(call_s) = log.call_s() {
        step.figure(steps::BACKEND_MEAN_NS, call_s * 1e9);
        let is_open = matches!(step.load, Load::Open { .. }) && step.curve.is_none();
        if guard == StampedeGuard::None && is_open {
            // The first miss, and the arrivals at random instants until its value is written.
            let expected = 1.0 + step.throughput_per_s() * call_s;
            step.figure(steps::STAMPEDE_EXPECTED_CALLS, expected);
        }
    }
    let count = expiries.len() as f64;
    if expiries.is_empty() {
        return;
    }
    let calls: u64 = expiries.iter().map(|expiry| expiry.calls).sum();
    let stalled: u64 = expiries.iter().map(|expiry| expiry.stalled).sum();
    let worst = expiries.iter().map(|expiry| expiry.calls).max();
    let at_once = expiries.iter().map(|expiry| expiry.at_once).max();
    for (name, value) in [
        (steps::STAMPEDE_CALLS_PER_EXPIRY, calls as f64 / count),
        (steps::STAMPEDE_STALLED_PER_EXPIRY, stalled as f64 / count),
        (steps::STAMPEDE_WORST_CALLS, worst.unwrap_or(0) as f64),
        (steps::STAMPEDE_MOST_AT_ONCE, at_once.unwrap_or(0) as f64),
    ] {
        step.figure(name, value);
    }
}
