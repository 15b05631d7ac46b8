//! Scenario `replay`: sends the requests of a trace of a cache at the instants of the trace, and fills
//! the cache where they miss.
//!
//! A trace is read piece by piece, because published ones are larger than any memory: once before the
//! run, for its keys and its length, and once for each step.

mod arrival_counts;
mod format_guess;
mod kv_replay;
mod lag_counts;
mod monitor;
mod oracle_general;
mod quoted_words;
mod replay_feed;
mod replay_text;
mod replay_work;
mod schedule;
mod skipped_lines;
mod spread;
mod trace_error;
mod trace_event;
mod trace_input;
mod trace_keys;
pub(crate) mod trace_reader;
mod trace_survey;
mod twitter;
mod zstd_frames;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bench_cli::UsageError;
use bench_cli::load::Defaults;
use bench_report::names::steps;
use bench_report::{Report, Step};
use load_engine::{FittedCurve, LoadCurve, LoadPlan, RuntimeKind, StepPlan};
use serde_json::json;

use self::format_guess::format_of;
use self::lag_counts::LagCounts;
use self::replay_feed::{ReplayFeed, RequestRules};
use self::replay_text::ToldReplay;
use self::replay_work::{ReplayStep, ReplayWork};
use self::trace_keys::TraceKeys;
use self::trace_survey::{TracePart, TraceSurvey};
use crate::cache::curve::{LimitedStep, MemoryLimit, StepKeys};
use crate::cache::{hit_ratio, limit_text, server_hit_ratio};
use crate::cli::{CommonFlags, ReplayFlags};
use crate::clients::{self, ClientKind};
use crate::evidence::MEMORY_LIMIT;
use crate::keys::run_keys::{LONGEST_VALUE, RunKeys};
use crate::keys::safety_ttl;
use crate::run::workload::{RedisWorkload, Variants};

/// Size of a value whose size the trace does not tell, in bytes.
const UNKNOWN_BYTES: u32 = 256;
/// Ways to connect without `--client`: which keys are found does not depend on it.
const CLIENTS: [ClientKind; 1] = [ClientKind::Multiplexed];

/// Scenario `replay` of `redis-bench`, with its flags and what is known of its trace.
#[derive(Debug)]
pub(crate) struct Replay {
    flags: ReplayFlags,
    part: TracePart,
    survey: TraceSurvey,
    keys: Arc<TraceKeys>,
    rules: RequestRules,
    /// Text of which all values are the beginning.
    value: Arc<[u8]>,
    /// Requests per second over the measured part.
    curve: FittedCurve,
    /// Lag of the current step; `None` before the first one.
    lag: Mutex<Option<Arc<LagCounts>>>,
}

impl Replay {
    /// Reads the trace once, and creates the scenario with the load that it sets.
    ///
    /// # Errors
    /// Fails with a usage error if the trace cannot be replayed, or the flags contradict it.
    pub(crate) fn read(flags: &ReplayFlags) -> Result<Self, UsageError> {
        flags.check()?;
        if flags.common.load.step.runtime(Self::defaults()) == RuntimeKind::PerCore {
            let told = "a trace is read by one thread, in its order; leave --runtime out";
            return Err(UsageError(told.to_owned()));
        }
        let mut flags = flags.clone();
        let part = part(&flags)?;
        let mut survey = TraceSurvey::read(&part).map_err(|error| {
            UsageError(format!(
                "cannot replay {}: {error}; {}",
                flags.file_name(),
                error.remedy()
            ))
        })?;
        let keys = Arc::new(mem::take(&mut survey.keys));
        let warmup = flags.common.load.step.warmup(Self::defaults());
        if warmup >= survey.length {
            return Err(UsageError(format!(
                "the replay lasts {:.1?} and --warmup leaves nothing of it to measure; use a shorter one",
                survey.length
            )));
        }
        let curve = survey.arrivals.points(warmup, survey.length);
        let curve = FittedCurve::through(format!("trace:{}", flags.file_name()), &curve)
            .map_err(|error| UsageError(error.to_string()))?;
        let rate = survey.count() as f64 / survey.length.as_secs_f64();
        let load = &mut flags.common.load;
        load.rate = Some(LoadCurve::Constant(rate));
        load.step.duration = Some(survey.length.saturating_sub(warmup));
        let rules = RequestRules {
            value_bytes: flags.value_size.map(|bytes| bytes as u32),
            unknown_bytes: UNKNOWN_BYTES,
            speed: flags.speed,
            longest_life_ms: longest_life(&flags).map(|life| life.as_millis() as u64),
        };
        let longest = longest_value(&keys, &rules)?;
        Ok(Self {
            flags,
            part,
            survey,
            keys,
            rules,
            value: (0..longest).map(|i| b'a' + (i % 26) as u8).collect(),
            curve,
            lag: Mutex::new(None),
        })
    }

    /// Returns the lengths and repeats of a replay without flags for them. Its length is that of the
    /// trace.
    pub(crate) fn defaults() -> Defaults {
        Defaults {
            warmup: Duration::ZERO,
            measure: Duration::from_secs(1),
            repeats: 1,
            runtime: RuntimeKind::Shared,
        }
    }

    /// Returns the flags of every scenario, with the load of the trace.
    pub(crate) fn common(&self) -> &CommonFlags {
        &self.flags.common
    }

    fn limits(&self) -> Vec<MemoryLimit> {
        MemoryLimit::all(&self.flags.policy, &self.flags.maxmemory)
    }
}

/// Returns the part of the trace that the flags choose.
fn part(flags: &ReplayFlags) -> Result<TracePart, UsageError> {
    if fs::metadata(&flags.trace).is_ok_and(|found| !found.is_file()) {
        return Err(UsageError(format!(
            "{} is no regular file, and a trace is read several times; write it into one",
            flags.trace.display()
        )));
    }
    let format = match flags.trace_format {
        Some(format) => format,
        None => format_of(&flags.trace)
            .map_err(|error| UsageError(error.to_string()))?
            .ok_or_else(|| {
                UsageError(format!(
                    "{} may be of several formats; name its own with --trace-format",
                    flags.file_name()
                ))
            })?,
    };
    let step = &flags.common.load.step;
    let warmup = step.warmup(Replay::defaults());
    Ok(TracePart {
        file: flags.trace.clone(),
        format,
        speed: flags.speed,
        rate_per_s: flags
            .common
            .load
            .rate
            .as_ref()
            .and_then(LoadCurve::constant),
        loops: u32::try_from(flags.loops).unwrap_or(u32::MAX),
        requests: flags.requests,
        longest: step.duration.map(|measured| measured + warmup),
    })
}

/// Returns the longest life of a key of the run; `None` if its keys may stay.
fn longest_life(flags: &ReplayFlags) -> Option<Duration> {
    let clients = clients::selected(&flags.common.client, &CLIENTS);
    let settings = clients.iter().map(|client| flags.common.settings(*client));
    safety_ttl::of_run(&flags.common, Replay::defaults(), settings.sum())
}

/// Returns the length of the longest value, in bytes.
fn longest_value(keys: &TraceKeys, rules: &RequestRules) -> Result<u64, UsageError> {
    let known = match rules.value_bytes {
        Some(bytes) => u64::from(bytes),
        None if keys.without_size() > 0 => keys.longest().max(u64::from(rules.unknown_bytes)),
        None => keys.longest(),
    };
    if known > LONGEST_VALUE {
        return Err(UsageError(format!(
            "the trace has a value of {known} bytes, and Redis takes up to 512 MiB; give all values \
             another size with --value-size"
        )));
    }
    Ok(known)
}

impl RedisWorkload for Replay {
    type Work = ReplayWork;

    /// Returns all keys of the trace. None of them exists when a step begins.
    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys {
        RunKeys {
            keys: self.keys.count(),
            ..RunKeys::new(prefix, seed)
        }
    }

    fn variants(&self) -> Variants {
        Variants {
            parameter: MEMORY_LIMIT,
            names: self.limits().iter().map(ToString::to_string).collect(),
        }
    }

    fn limit(&self, variant: usize) -> Option<MemoryLimit> {
        self.limits().get(variant).copied()
    }

    fn work(&self, keyspace: RunKeys, _variant: usize) -> ReplayWork {
        let lag = Arc::new(LagCounts::default());
        let mut current = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::clone(&lag));
        let (part, count) = (self.part.clone(), self.survey.count());
        let feed = ReplayFeed::start(part, count, Arc::clone(&self.keys), self.rules);
        ReplayWork(Arc::new(ReplayStep {
            keyspace,
            value: Arc::clone(&self.value),
            feed: Arc::new(feed),
            lag,
        }))
    }

    fn commands(&self) -> &'static [&'static str] {
        &["get", "set", "del"]
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        let (flags, survey) = (&self.flags, &self.survey);
        let [reads, writes, removals] = survey.requests;
        let mut config = BTreeMap::from([
            ("trace".to_owned(), json!(flags.file_name())),
            ("trace_format".to_owned(), json!(self.part.format.name())),
            ("trace_reads".to_owned(), json!(reads)),
            ("trace_writes".to_owned(), json!(writes)),
            ("trace_removals".to_owned(), json!(removals)),
            (
                "trace_faulty_lines".to_owned(),
                json!(survey.skipped.faulty),
            ),
            (
                "trace_other_commands".to_owned(),
                json!(survey.skipped.commands),
            ),
            ("trace_out_of_order".to_owned(), json!(survey.out_of_order)),
            ("keys".to_owned(), json!(self.keys.count())),
            ("loops".to_owned(), json!(flags.loops)),
            ("in_order".to_owned(), json!(flags.in_order)),
        ]);
        match self.part.rate_per_s {
            Some(per_s) => config.insert("trace_rate_per_s".to_owned(), json!(per_s)),
            None => config.insert("speed".to_owned(), json!(flags.speed)),
        };
        if let Some(bytes) = flags.value_size {
            config.insert("value_bytes".to_owned(), json!(bytes));
        }
        if !flags.maxmemory.is_empty() {
            let policies: Vec<&str> = flags.policy.iter().map(|policy| policy.name()).collect();
            config.insert("maxmemory_bytes".to_owned(), json!(flags.maxmemory));
            config.insert("policies".to_owned(), json!(policies));
        }
        config
    }

    /// Makes the plan follow the trace: by its rate, of which the report has a series, and with one
    /// request at a time if they must keep their order.
    fn describe(&self, plan: StepPlan) -> StepPlan {
        let mut plan = plan.following(self.curve.clone());
        plan.takes_changes = false;
        if let (LoadPlan::Open { in_flight_cap, .. }, true) = (&mut plan.load, self.flags.in_order)
        {
            *in_flight_cap = 1;
        }
        match self.part.rate_per_s {
            Some(_) => plan,
            None => plan.parameter("speed", self.flags.speed),
        }
    }

    fn default_clients(&self) -> &'static [ClientKind] {
        &CLIENTS
    }

    fn fewer_keys(&self) -> &'static str {
        "a part of the trace (--requests N, --duration TIME)"
    }

    fn written_bytes(&self) -> u64 {
        if !self.flags.maxmemory.is_empty() {
            // The server evicts what is above its limit.
            return 0;
        }
        self.keys.value_bytes(|key| self.rules.length(key).into())
    }

    fn conclude(&self, step: &mut Step) {
        if let Some(ratio) = hit_ratio(step) {
            step.figure(steps::HIT_RATIO, ratio);
        }
        if let Some(ratio) = server_hit_ratio(step) {
            step.figure(steps::SERVER_HIT_RATIO, ratio);
        }
        let current = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lag) = &*current else {
            return;
        };
        let (begun, late, longest_ns) = lag.read();
        let planned = self.survey.count();
        step.figure(steps::REPLAY_REQUESTS, planned as f64);
        step.figure(steps::REPLAY_UNSENT, planned.saturating_sub(begun) as f64);
        step.figure(steps::REPLAY_LATE, late as f64);
        if begun > 0 {
            step.figure(steps::REPLAY_LONGEST_LAG_NS, longest_ns as f64);
        }
    }

    fn conclude_limited(&self, step: &mut Step, _limited: &LimitedStep, keys: StepKeys) {
        step.figure(steps::KEYS_HELD, keys.held as f64);
    }

    fn text(&self, report: &Report) -> String {
        let told = ToldReplay {
            file: self.flags.file_name(),
            part: &self.part,
            survey: &self.survey,
            keys: self.keys.count(),
            without_size: match self.rules.value_bytes {
                Some(_) => 0,
                None => self.keys.without_size(),
            },
            unknown_bytes: UNKNOWN_BYTES,
            in_order: self.flags.in_order,
        };
        told.text(report, &self.variants()) + &limit_text(report, &self.limits())
    }
}
