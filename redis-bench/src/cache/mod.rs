//! Scenario `cache`: reads with a skewed distribution over keys. A read that misses its key writes
//! the value back, with an expiry, after it has fetched it from a simulated back-end if there is one.

mod backend;
mod cache_work;
mod client_cache;
pub(crate) mod curve;
mod effective_latency;
mod hit_ratio_course;
mod known_writes;
mod limit_figures;
mod stampede;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bench_cli::table;
use bench_report::names::{self, steps};
use bench_report::{Operation, Report, Series, Step, Warning, WarningCode};
use serde_json::json;

use self::backend::Backend;
pub(crate) use self::cache_work::{CacheWork, STALE_MISS};
use self::cache_work::{HITS, LOCAL, STALE_LOCAL};
use self::hit_ratio_course::{DRIFT_BOUND, HitRatioCourse, HitRatioDrift};
use self::known_writes::KnownWrites;
pub(crate) use self::limit_figures::limit_text;
pub(crate) use self::stampede::Stampede;
use crate::cache::curve::{LimitedStep, MemoryLimit, StepKeys};
use crate::cache::limit_figures::LimitFigures;
use crate::cli::{CacheFlags, PreloadFlag, ReadFrom};
use crate::clients::{self, ClientKind};
use crate::evidence::MEMORY_LIMIT;
use crate::keys::expiry::Expiry;
use crate::keys::key_popularity::KeyPopularity;
use crate::keys::run_keys::{Preload, RunKeys};
use crate::keys::steady_state::SteadyState;
use crate::run::workload::{RedisWorkload, Variants};

/// Scenario `cache` of `redis-bench`, with its flags.
#[derive(Debug)]
pub(crate) struct Cache<'a>(pub(crate) &'a CacheFlags);

impl Cache<'_> {
    fn expiry(&self) -> Expiry {
        Expiry {
            ttl: self.0.ttl,
            jitter_ratio: self.0.ttl_jitter,
        }
    }

    /// Returns a warning about the hit ratio of `step`, the step at `index`, whose drift is `drift`.
    fn drift_doubt(&self, step: &Step, index: usize, drift: &HitRatioDrift) -> Warning {
        let verb = if drift.change() < 0.0 { "fell" } else { "rose" };
        let theory = step.value(steps::THEORY_HIT_RATIO).map(table::ratio);
        let theory = theory.map_or_else(String::new, |ratio| {
            format!("; a long time at this load would lead to {ratio}")
        });
        let settling = table::duration_ns(2 * self.0.ttl.as_nanos() as u64);
        let remedy = match self.0.preload {
            PreloadFlag::Steady => format!("warm up for two times to live ({settling})"),
            PreloadFlag::Ratio(_) | PreloadFlag::Fresh => {
                format!("use --preload steady, or warm up for two times to live ({settling})")
            }
        };
        let told = format!(
            "the hit ratio {verb} from {} in the first third of the step to {} in the last{theory}: \
             {remedy}",
            table::ratio(drift.first),
            table::ratio(drift.last),
        );
        Warning::new(WarningCode::HitRatioDrifting, told)
            .with_figures(drift.change().abs(), DRIFT_BOUND)
            .about_step(index, &["figures/hit_ratio", "figures/server_hit_ratio"])
    }

    /// Returns the keys with which steps begin, as `--preload` names them.
    fn preload_told(&self) -> String {
        if self.0.maxmemory.is_empty() {
            self.0.preload.to_string()
        } else {
            PreloadFlag::Ratio(0.0).to_string()
        }
    }

    /// Returns the number of entries of the cache in the client's memory, in the variant with this index;
    /// `None` without such a cache. Room for twice the keys is enough for all of them in each part of the
    /// cache, whose memory is reserved at once.
    fn client_cache(&self, variant: usize) -> Option<u64> {
        let entries = self.0.client_cache.get(variant)?;
        let most = self.0.keys.saturating_mul(2);
        Some(*entries.min(&most)).filter(|entries| *entries > 0)
    }

    fn limit_figures(&self) -> LimitFigures<'_> {
        LimitFigures {
            flags: self.0,
            expiry: self.expiry(),
        }
    }
}

impl RedisWorkload for Cache<'_> {
    type Work = CacheWork;

    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys {
        let sizes = &self.0.value_size;
        RunKeys {
            prefix: prefix.to_owned(),
            keys: self.0.keys,
            value_bytes: sizes.longest(),
            value_sizes: sizes.fixed().is_none().then(|| sizes.clone()),
            // A limited server would evict what is written first, the most popular keys.
            preload: match self.0.preload {
                _ if !self.0.maxmemory.is_empty() => Preload::Ratio(0.0),
                PreloadFlag::Steady => Preload::Ratio(1.0),
                PreloadFlag::Fresh => Preload::Fresh,
                PreloadFlag::Ratio(ratio) => Preload::Ratio(ratio),
            },
            expiry: Some(self.expiry()),
            safety_ttl: None,
            written: Vec::new(),
            seed,
        }
    }

    fn work(&self, keyspace: RunKeys, variant: usize) -> CacheWork {
        let client_cache = self.client_cache(variant);
        let may_be_stale = self.0.reads.read_from == ReadFrom::Replica || client_cache.is_some();
        CacheWork {
            sampler: self.0.skew().sampler(keyspace.keys),
            expiry: self.expiry(),
            writes_ratio: self.0.writes,
            value: keyspace.value().into(),
            backend: self.0.backend.map(|flag| Arc::new(Backend::new(flag))),
            writes: may_be_stale.then(|| Arc::new(KnownWrites::new(keyspace.keys))),
            client_cache,
            keyspace: Arc::new(keyspace),
        }
    }

    fn variants(&self) -> Variants {
        if !self.0.client_cache.is_empty() {
            return client_cache::variants(&self.0.client_cache);
        }
        let limits = self.limit_figures().limits();
        Variants {
            parameter: MEMORY_LIMIT,
            names: limits.iter().map(ToString::to_string).collect(),
        }
    }

    fn limit(&self, variant: usize) -> Option<MemoryLimit> {
        self.limit_figures().limits().get(variant).copied()
    }

    fn reads_from(&self) -> ReadFrom {
        self.0.reads.read_from
    }

    fn tracks_keys(&self) -> bool {
        self.0.client_cache.iter().any(|entries| *entries > 0)
    }

    fn default_clients(&self) -> &'static [ClientKind] {
        if self.0.reads.read_from == ReadFrom::Replica || !self.0.client_cache.is_empty() {
            return &[ClientKind::Multiplexed];
        }
        if self.0.maxmemory.is_empty() {
            return &clients::DEFAULT;
        }
        // Which keys are found does not depend on the way to connect.
        &[ClientKind::Multiplexed]
    }

    fn commands(&self) -> &'static [&'static str] {
        &["get", "set"]
    }

    fn without_commands(&self) -> &'static [&'static str] {
        &[LOCAL, STALE_LOCAL]
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        let mut config = BTreeMap::from([
            ("keys".to_owned(), json!(self.0.keys)),
            ("preload".to_owned(), json!(self.preload_told())),
            ("ttl_ns".to_owned(), json!(self.0.ttl.as_nanos() as u64)),
            ("ttl_jitter_ratio".to_owned(), json!(self.0.ttl_jitter)),
            ("writes_ratio".to_owned(), json!(self.0.writes)),
        ]);
        if !self.0.maxmemory.is_empty() {
            let policies: Vec<&str> = self.0.policy.iter().map(|policy| policy.name()).collect();
            config.insert("maxmemory_bytes".to_owned(), json!(self.0.maxmemory));
            config.insert("policies".to_owned(), json!(policies));
        }
        let sizes = &self.0.value_size;
        let (name, length) = match sizes.fixed() {
            Some(bytes) => ("value_bytes", json!(bytes)),
            None => ("value_sizes", json!(sizes.to_string())),
        };
        config.insert(name.to_owned(), length);
        let (name, skew) = match self.0.keys_as {
            Some(skew) => ("keys_as", skew),
            None => ("zipf", self.0.zipf),
        };
        config.insert(name.to_owned(), json!(skew.to_string()));
        if !self.0.client_cache.is_empty() {
            let sizes = json!(self.0.client_cache);
            config.insert("client_cache_entries".to_owned(), sizes);
        }
        if let Some(backend) = self.0.backend {
            config.insert("backend".to_owned(), json!(backend.to_string()));
        }
        config
    }

    fn conclude_limited(&self, step: &mut Step, limited: &LimitedStep, keys: StepKeys) {
        self.limit_figures().add(step, limited, keys);
    }

    fn steady_state(&self, requests_per_s: f64) -> Option<SteadyState> {
        Some(SteadyState {
            popularity: KeyPopularity::new(self.0.skew(), self.0.keys),
            requests_per_s,
            writes_ratio: self.0.writes,
            expiry: self.expiry(),
            fetch_s: self
                .0
                .backend
                .map_or(0.0, |backend| backend.time.mean().as_secs_f64()),
        })
    }

    fn begins_steady(&self) -> bool {
        self.0.preload == PreloadFlag::Steady && self.0.maxmemory.is_empty()
    }

    fn conclude(&self, step: &mut Step) {
        if let Some(ratio) = hit_ratio(step) {
            step.figure(steps::HIT_RATIO, ratio);
        }
        if let Some(ratio) = server_hit_ratio(step) {
            step.figure(steps::SERVER_HIT_RATIO, ratio);
        }
        client_cache::conclude(step);
        if self.0.backend.is_some() {
            effective_latency::conclude(step);
        }
    }

    fn text(&self, report: &Report) -> String {
        let backend = self.0.backend;
        let backend = backend.map_or_else(String::new, |backend| {
            effective_latency::text(report, &self.variants(), backend)
        });
        let client_cache = client_cache::text(report, &self.variants());
        self.limit_figures().text(report) + &client_cache + &backend
    }

    fn conclude_course(&self, step: &mut Step, index: usize, series: &[Series]) -> Option<Warning> {
        if step.curve.is_some() {
            // Where the load changes, the hit ratio changes with it.
            return None;
        }
        let drift = HitRatioCourse::of(step, series, &HITS).drift()?;
        step.figure(steps::HIT_DRIFT_RATIO, drift.change());
        if drift.is_certain {
            return Some(self.drift_doubt(step, index, &drift));
        }
        client_cache::drift_doubt(step, index, series, self.0.ttl)
    }
}

/// Returns the hit ratio of a step, from 0 to 1: reads that found their key ÷ all reads with an
/// answer. A read whose write-back failed counts as a miss. `None` if no read was answered.
pub(crate) fn hit_ratio(step: &Step) -> Option<f64> {
    let found = |name| {
        step.operations
            .get(name)
            .map_or(0, |hit: &Operation| hit.succeeded)
    };
    let hits = HITS.into_iter().map(found).sum::<u64>();
    let without_key = |name| {
        let operation = step.operations.get(name);
        operation.map_or(0, |miss: &Operation| miss.succeeded + miss.failures())
    };
    let misses = without_key("miss") + without_key(STALE_MISS);
    (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64)
}

/// Returns the hit ratio of a step as the server counted it, from 0 to 1; `None` if it did not, or had no
/// reads.
pub(crate) fn server_hit_ratio(step: &Step) -> Option<f64> {
    let server = step.server.as_ref()?;
    let hits = server.value(names::redis::KEYSPACE_HITS)?;
    let misses = server.value(names::redis::KEYSPACE_MISSES)?;
    (hits + misses > 0.0).then(|| hits / (hits + misses))
}
