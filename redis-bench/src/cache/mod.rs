//! Scenario `cache`: reads with a skewed distribution over keys. A read that misses its key writes
//! the value back, with an expiry, after it has fetched it from a simulated back-end if there is one.

mod backend;
pub(crate) mod curve;
mod effective_latency;
mod hit_ratio_course;
mod limit_figures;
mod stampede;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bench_cli::table;
use bench_report::names::{self, steps};
use bench_report::{Operation, Report, Series, Step, Warning, WarningCode};
use load_engine::{OperationId, OperationSpec, OperationTable, Timestamps, UserId};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use redis::{Cmd, ErrorKind, RedisError, Value};
use serde_json::json;

use self::backend::Backend;
use self::hit_ratio_course::{DRIFT_BOUND, HitRatioCourse, HitRatioDrift};
pub(crate) use self::stampede::Stampede;
use crate::cache::curve::{LimitedStep, MemoryLimit, StepKeys};
use crate::cache::limit_figures::LimitFigures;
use crate::cli::{CacheFlags, PreloadFlag};
use crate::clients::{self, ClientKind, RedisConnection, RequestError, RequestResult, Task, Work};
use crate::evidence::MEMORY_LIMIT;
use crate::keys::expiry::Expiry;
use crate::keys::key_popularity::KeyPopularity;
use crate::keys::key_skew::KeySampler;
use crate::keys::run_keys::{Preload, RunKeys};
use crate::keys::steady_state::SteadyState;
use crate::run::workload::{RedisWorkload, Variants};

const OPERATIONS: &[&str] = &["get", "miss", "set"];
/// Operation of a read that found its key.
const GET: OperationId = OperationId::nth(0);
/// Operation of a read that did not find its key, together with the write-back: one request with
/// two round trips. Its service time includes both.
const MISS: OperationId = OperationId::nth(1);
/// Operation of a write that does not follow a read.
const SET: OperationId = OperationId::nth(2);

/// Successive phases of a miss with a back-end: the read with the wait for a connection, the call of
/// the back-end, and the write-back.
const MISS_PHASES: &[&str] = &["redis", effective_latency::BACKEND_PHASE, "write"];

/// Size of a value, in bytes, above which the buffer with the value's command is freed after each
/// request, because every user has such a buffer.
const LONGEST_KEPT: usize = 64 << 10;

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

    fn work(&self, keyspace: RunKeys, _variant: usize) -> CacheWork {
        CacheWork {
            sampler: self.0.skew().sampler(keyspace.keys),
            expiry: self.expiry(),
            writes_ratio: self.0.writes,
            value: keyspace.value().into(),
            backend: self.0.backend.map(|flag| Arc::new(Backend::new(flag))),
            keyspace: Arc::new(keyspace),
        }
    }

    fn variants(&self) -> Variants {
        let limits = self.limit_figures().limits();
        Variants {
            parameter: MEMORY_LIMIT,
            names: limits.iter().map(ToString::to_string).collect(),
        }
    }

    fn limit(&self, variant: usize) -> Option<MemoryLimit> {
        self.limit_figures().limits().get(variant).copied()
    }

    fn default_clients(&self) -> &'static [ClientKind] {
        if self.0.maxmemory.is_empty() {
            return &clients::DEFAULT;
        }
        // Which keys are found does not depend on the way to connect.
        &[ClientKind::Multiplexed]
    }

    fn commands(&self) -> &'static [&'static str] {
        &["get", "set"]
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
        if self.0.backend.is_some() {
            effective_latency::conclude(step);
        }
    }

    fn text(&self, report: &Report) -> String {
        let backend = self.0.backend;
        let backend = backend.map_or_else(String::new, |backend| {
            effective_latency::text(report, &self.variants(), backend)
        });
        self.limit_figures().text(report) + &backend
    }

    fn conclude_course(&self, step: &mut Step, index: usize, series: &[Series]) -> Option<Warning> {
        if step.curve.is_some() {
            // Where the load changes, the hit ratio changes with it.
            return None;
        }
        let drift = HitRatioCourse::of(step, series).drift()?;
        step.figure(steps::HIT_DRIFT_RATIO, drift.change());
        let is_certain = drift.is_certain;
        is_certain.then(|| self.drift_doubt(step, index, &drift))
    }
}

/// Returns the hit ratio of a step, from 0 to 1: reads that found their key ÷ all reads with an
/// answer. A read whose write-back failed counts as a miss. `None` if no read was answered.
fn hit_ratio(step: &Step) -> Option<f64> {
    let answered = |operation: &Operation| operation.succeeded;
    let hits = step.operations.get("get").map_or(0, answered);
    let misses = step
        .operations
        .get("miss")
        .map_or(0, |miss| miss.succeeded + miss.failures());
    (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64)
}

fn server_hit_ratio(step: &Step) -> Option<f64> {
    let server = step.server.as_ref()?;
    let hits = server.value(names::redis::KEYSPACE_HITS)?;
    let misses = server.value(names::redis::KEYSPACE_MISSES)?;
    (hits + misses > 0.0).then(|| hits / (hits + misses))
}

/// Requests of the scenario, from which the requests of each user are created.
#[derive(Debug, Clone)]
pub(crate) struct CacheWork {
    keyspace: Arc<RunKeys>,
    sampler: KeySampler,
    expiry: Expiry,
    writes_ratio: f64,
    value: Arc<[u8]>,
    /// Back-end that misses fetch the value from; `None` if they have it at once.
    backend: Option<Arc<Backend>>,
}

impl Work for CacheWork {
    type Task = CacheTask;

    fn operations(&self) -> OperationTable {
        if self.backend.is_none() {
            return OPERATIONS.into();
        }
        let specs = OPERATIONS.iter().copied().map(|name| {
            let spec = OperationSpec::new(name);
            if name == OPERATIONS[1] {
                spec.with_phases(MISS_PHASES)
            } else {
                spec
            }
        });
        OperationTable::from(specs.collect::<Vec<_>>())
    }

    fn task(&self, user: UserId) -> CacheTask {
        CacheTask {
            // Users with neighbouring numbers must not have neighbouring seeds.
            random: SmallRng::seed_from_u64(
                self.keyspace.seed ^ (user.0 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            ),
            work: self.clone(),
            operation: GET,
            name: Vec::new(),
            length: 0,
            get: Cmd::new(),
            set: Cmd::new(),
        }
    }
}

/// Requests of one user of the cache.
#[derive(Debug)]
pub(crate) struct CacheTask {
    work: CacheWork,
    random: SmallRng,
    /// Operation that was drawn last: [`GET`] or [`SET`]. A read that misses is still [`GET`] here.
    operation: OperationId,
    name: Vec<u8>,
    /// Length of the value of the key that was drawn last, in bytes.
    length: usize,
    get: Cmd,
    set: Cmd,
}

impl CacheTask {
    /// Reads the key that was drawn. Returns false if it is not there, which is a miss of the cache
    /// and no failure.
    async fn read<C: RedisConnection>(&mut self, connection: &mut C) -> Result<bool, RequestError> {
        self.get.clear();
        self.get.arg("GET").arg(&self.name);
        match connection.command(&self.get).await? {
            Value::Nil => Ok(false),
            Value::BulkString(value) if value.len() == self.length => Ok(true),
            _ => Err(RequestError::Redis(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "a key of ours holds what we never wrote",
            )))),
        }
    }

    async fn write<C: RedisConnection>(&mut self, connection: &mut C) -> Result<(), RequestError> {
        let life_ms = self.work.expiry.draw_ms(&mut self.random);
        self.set.clear();
        self.set
            .arg("SET")
            .arg(&self.name)
            .arg(&self.work.value[..self.length])
            .arg("PX")
            .arg(life_ms);
        let answer = connection.command(&self.set).await;
        if self.length > LONGEST_KEPT {
            self.set = Cmd::new();
        }
        answer?;
        Ok(())
    }
}

impl Task for CacheTask {
    fn draw(&mut self) -> OperationId {
        let index = self.work.sampler.draw(&mut self.random);
        self.work.keyspace.name_into(index, &mut self.name);
        self.length = self
            .work
            .keyspace
            .value_length(index)
            .min(self.work.value.len());
        let writes = self.work.writes_ratio;
        let write = writes > 0.0 && self.random.random::<f64>() < writes;
        self.operation = if write { SET } else { GET };
        self.operation
    }

    async fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        timestamps: &mut Timestamps,
    ) -> RequestResult {
        if self.operation == SET {
            let result = self.write(connection).await;
            return RequestResult {
                operation: SET,
                command: "SET",
                result,
            };
        }
        match self.read(connection).await {
            Ok(true) => RequestResult {
                operation: GET,
                command: "GET",
                result: Ok(()),
            },
            Ok(false) => {
                timestamps.operation(MISS);
                if let Some(backend) = &self.work.backend {
                    timestamps.phase_ended();
                    backend.call(&mut self.random).await;
                    timestamps.phase_ended();
                }
                RequestResult {
                    operation: MISS,
                    command: "SET",
                    result: self.write(connection).await,
                }
            }
            Err(error) => RequestResult {
                operation: GET,
                command: "GET",
                result: Err(error),
            },
        }
    }
}
