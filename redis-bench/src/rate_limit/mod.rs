//! Scenario `rate-limit`: users ask limiters whether they are admitted. The decisions are held
//! against the limit, and with `--verify` against those of a model of the algorithm.

mod accuracy;
pub(crate) mod algorithm;
mod call;
mod client_clock;
mod decision_log;
mod edge_bursts;
pub(crate) mod library;
mod library_calls;
mod limiter;
pub(crate) mod model;
mod racy;
mod scripts;
mod server_cost;
mod stall;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod variant;
mod verification;
mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bench_cli::load::Defaults;
use bench_report::names::steps;
use bench_report::{Report, Step};
use load_engine::StepPlan;
use serde_json::json;

use self::accuracy::Accuracy;
use self::algorithm::{Algorithm, LimiterKeys};
use self::decision_log::StepLog;
use self::edge_bursts::EdgeBursts;
use self::library::LimiterLibrary;
use self::limiter::Limiter;
use self::racy::RacyLimiter;
use self::scripts::LimiterScript;
use self::stall::StallPolicy;
use self::variant::{LimiterForm, LimiterVariant};
use self::verification::Verification;
use self::work::{LimiterUse, LimiterWork};
use crate::cli::{OnStall, RateLimitFlags, RetryAfter};
use crate::clients::{self, ClientKind};
use crate::keys::run_keys::RunKeys;
use crate::keys::safety_ttl;
use crate::run::workload::{NeededCommand, RedisWorkload, Variants};

/// Upper estimate of the memory of one entry of a log of requests on the server, in bytes.
const LOG_ENTRY_BYTES: u64 = 128;
/// Upper estimate of the memory of the other keys of a limiter, in bytes.
const LIMITER_BYTES: u64 = 1_024;

/// Ways to connect of a run without `--client`: one, because the limiters are what is compared.
const CLIENTS: [ClientKind; 1] = [ClientKind::Multiplexed];

/// Scenario `rate-limit` of `redis-bench`, with its flags.
#[derive(Debug)]
pub(crate) struct RateLimiting<'a> {
    flags: &'a RateLimitFlags,
    variants: Vec<LimiterVariant>,
    /// Number of repeats of each variant.
    repeats: u64,
    /// Time to live of counters whose client ended; `None` on a throwaway server.
    safety_ttl: Option<Duration>,
    steps: Mutex<StepsSoFar>,
}

/// Steps that have begun so far.
#[derive(Debug, Default)]
struct StepsSoFar {
    begun: u64,
    /// Variant and log of the step that began last, until it is judged.
    current: Option<(LimiterVariant, Arc<StepLog>)>,
}

impl<'a> RateLimiting<'a> {
    /// Creates the scenario with these flags. `defaults` apply where they give no value.
    pub(crate) fn new(flags: &'a RateLimitFlags, defaults: Defaults) -> Self {
        let variants = flags.variants();
        let clients = clients::selected(&flags.common.client, &CLIENTS);
        let settings = variants.len() * clients.len();
        Self {
            flags,
            variants,
            repeats: flags.common.load.step.repeats(defaults),
            safety_ttl: safety_ttl::of_run(&flags.common, defaults, settings),
            steps: Mutex::default(),
        }
    }

    /// Begins a step of `variant`. Returns its number, counted from 0, and its log.
    fn begin(&self, variant: LimiterVariant) -> (u64, Arc<StepLog>) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let number = steps.begun;
        let log = Arc::new(StepLog::default());
        steps.begun += 1;
        steps.current = Some((variant, Arc::clone(&log)));
        (number, log)
    }

    fn limiter(&self, variant: LimiterVariant) -> Limiter {
        let limit = self.flags.limit;
        let script =
            |algorithm: Algorithm| LimiterScript::new(algorithm.script(), limit, self.flags.verify);
        match variant {
            LimiterVariant::Own(algorithm, LimiterForm::Atomic) => {
                Limiter::Script(script(algorithm))
            }
            LimiterVariant::Own(algorithm, LimiterForm::ClientClock) => {
                Limiter::ClientClockScript(script(algorithm))
            }
            LimiterVariant::Own(algorithm, LimiterForm::Racy) => Limiter::Racy(RacyLimiter {
                algorithm,
                limit,
                safety_ttl: self.safety_ttl,
            }),
            LimiterVariant::Library(library) => match library.script() {
                Some(own) => {
                    let script = LimiterScript::new(own, limit, false);
                    if library.uses_client_clock() {
                        Limiter::ClientClockScript(script)
                    } else {
                        Limiter::Script(script)
                    }
                }
                None if library == LimiterLibrary::RedisCell => Limiter::RedisCell(limit),
                None => Limiter::DjangoRatelimit(limit),
            },
        }
    }

    /// Returns the longest time by which the clock of a user is ahead.
    fn most_ahead(&self) -> Duration {
        self.flags
            .clock_skew
            .iter()
            .copied()
            .max()
            .unwrap_or_default()
    }
}

/// Returns the beginning of the names of the keys of step `number`, so that each step begins with
/// limiters that have admitted nothing.
fn step_prefix(prefix: &str, number: u64) -> String {
    format!("{prefix}s{number}:")
}

impl RedisWorkload for RateLimiting<'_> {
    type Work = LimiterWork;

    /// Returns a keyspace without keys: limiters that have admitted nothing have none.
    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys {
        RunKeys::new(prefix, seed)
    }

    fn variants(&self) -> Variants {
        Variants {
            parameter: "limiter",
            names: self.variants.iter().map(|variant| variant.name()).collect(),
        }
    }

    fn work(&self, keyspace: RunKeys, variant: usize) -> LimiterWork {
        let flags = self.flags;
        let variant = self.variants[variant];
        let (number, log) = self.begin(variant);
        let used = LimiterUse {
            variant,
            limiter: self.limiter(variant),
            crash_ratio: flags.crash,
            prefix: step_prefix(&keyspace.prefix, number),
            keys: flags.keys,
            seed: keyspace.seed,
            skews: flags.clock_skew.clone(),
            bursts: flags
                .burst_at
                .map(|_| EdgeBursts::new(flags.limit.window_us())),
            obeys: flags.retry_after == RetryAfter::Obey,
            on_stall: flags.on_stall.map(|policy| StallPolicy {
                patience: flags.stall_after,
                is_open: policy == OnStall::Open,
            }),
        };
        LimiterWork::new(used, log)
    }

    fn commands(&self) -> &'static [&'static str] {
        &scripts::COMMANDS
    }

    fn commands_per_request(&self) -> u64 {
        scripts::MOST_CALLS
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        let flags = self.flags;
        let skews = flags.clock_skew.iter();
        let skews: Vec<u64> = skews.map(|skew| skew.as_nanos() as u64).collect();
        BTreeMap::from([
            ("limiters".to_owned(), json!(self.variants().names)),
            ("limit".to_owned(), json!(flags.limit.to_string())),
            ("keys".to_owned(), json!(flags.keys)),
            ("burst_at_edges".to_owned(), json!(flags.burst_at.is_some())),
            (
                "obeys_retry_after".to_owned(),
                json!(flags.retry_after == RetryAfter::Obey),
            ),
            ("clock_skews_ns".to_owned(), json!(skews)),
            (
                "on_stall".to_owned(),
                json!(flags.on_stall.map(OnStall::name)),
            ),
            (
                "stall_after_ns".to_owned(),
                json!(flags.stall_after.as_nanos() as u64),
            ),
            ("crash_ratio".to_owned(), json!(flags.crash)),
            ("verify".to_owned(), json!(flags.verify)),
        ])
    }

    fn describe(&self, plan: StepPlan) -> StepPlan {
        plan.parameter("limit", self.flags.limit.to_string().as_str())
            .parameter("keys", u64::from(self.flags.keys))
    }

    fn default_clients(&self) -> &'static [ClientKind] {
        &CLIENTS
    }

    fn needed_command(&self) -> Option<NeededCommand> {
        let cell = LimiterVariant::Library(LimiterLibrary::RedisCell);
        self.variants.contains(&cell).then_some(NeededCommand {
            name: "CL.THROTTLE",
            remedy: "load the module redis-cell into the server, or leave redis-cell out of --library",
        })
    }

    fn written_bytes(&self) -> u64 {
        let limiters = u64::from(self.flags.keys) * self.variants.len() as u64 * self.repeats;
        let entries = self.flags.limit.allowed().saturating_mul(LOG_ENTRY_BYTES);
        limiters.saturating_mul(entries.saturating_add(LIMITER_BYTES))
    }

    /// Returns the names of all keys of all steps that may not have expired.
    fn written_keys(&self, prefix: &str) -> Vec<Vec<u8>> {
        let begun = self
            .steps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .begun;
        let mut written = Vec::new();
        let mut keys = LimiterKeys::default();
        for step in 0..begun {
            let prefix = step_prefix(prefix, step);
            for index in 0..self.flags.keys {
                keys.set(&prefix, index);
                written.push(keys.limiter.clone());
                written.push(keys.sequence.clone());
                let ahead = self.most_ahead();
                written.extend(keys.windows_alive(self.flags.limit, ahead));
            }
        }
        written
    }

    /// Judges the decisions of a step. A step that lacks some of them gets no figures.
    fn conclude(&self, step: &mut Step) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((variant, log)) = steps.current.take() else {
            return;
        };
        let Some(mut decisions) = log.take() else {
            return;
        };
        let limit = self.flags.limit;
        let accuracy = accuracy::judge(&decisions, limit, variant.decision_time());
        add_accuracy(step, &accuracy, limit.allowed());
        if let Some(ns) = server_cost::per_decision_ns(step) {
            step.figure(steps::LIMITER_SERVER_NS, ns);
        }
        if let Some(algorithm) = variant.bounded() {
            let most = algorithm.model(limit).most_in(limit.window_us());
            step.figure(
                steps::LIMITER_BOUND_RATIO,
                most as f64 / limit.allowed() as f64,
            );
        }
        let verifiable = variant.verifiable().filter(|_| self.flags.verify);
        if let Some(algorithm) = verifiable {
            let mut model = algorithm.model(limit);
            add_verification(step, &verification::verify(&mut decisions, model.as_mut()));
        }
    }

    fn text(&self, report: &Report) -> String {
        text::text(report, &self.variants(), self.flags.limit)
    }
}

fn add_accuracy(step: &mut Step, accuracy: &Accuracy, allowed: u64) {
    step.figure(steps::LIMITER_DECISIONS, accuracy.decisions as f64);
    step.figure(steps::LIMITER_WINDOWS, accuracy.windows as f64);
    step.figure(steps::LIMITER_WORST_BURST, accuracy.worst_burst as f64);
    let worst = accuracy.worst_window as f64 / allowed as f64;
    step.figure(steps::LIMITER_WORST_WINDOW_RATIO, worst);
    step.figure(
        steps::LIMITER_NEVER_EXPIRING,
        accuracy.never_expiring as f64,
    );
    step.figure(steps::LIMITER_WITHOUT_ANSWER, accuracy.blind as f64);
    if accuracy.allowed > 0 {
        let share = |count: u64| count as f64 / accuracy.allowed as f64;
        step.figure(steps::LIMITER_ADMITTED_RATIO, share(accuracy.admitted));
        step.figure(steps::LIMITER_OVER_ADMITTED_RATIO, share(accuracy.over));
        step.figure(steps::LIMITER_UNDER_ADMITTED_RATIO, share(accuracy.under));
    }
}

fn add_verification(step: &mut Step, verification: &Verification) {
    step.figure(steps::LIMITER_AGREED, verification.agreed as f64);
    step.figure(steps::LIMITER_DISAGREED, verification.disagreed as f64);
    step.figure(steps::LIMITER_UNVERIFIED, verification.unverified as f64);
}
