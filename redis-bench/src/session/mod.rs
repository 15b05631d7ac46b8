//! Scenario `session`: people log in, view pages whose requests read and change their session at
//! once, and log out or leave. Their clients find changes and sessions that the store lost, and
//! sessions that came back.

mod ledger;
mod page_request;
mod population;
#[cfg(test)]
mod races;
mod session_image;
mod session_setup;
mod session_store;
mod session_user;
mod store_buffers;
mod tallies;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bench_report::names::steps;
use bench_report::{Report, Step};
use load_engine::StepPlan;
use serde_json::json;

use self::population::Population;
use self::session_setup::SessionSetup;
use self::session_store::{KEY_KINDS, SessionStore};
use self::session_user::SessionWork;
use self::tallies::{StepTallies, TOLD, Tally};
use crate::cli::{SessionFlags, StoreForm};
use crate::clients::ClientKind;
use crate::keys::run_keys::RunKeys;
use crate::run::workload::{RedisWorkload, Variants};

/// Scenario `session` of `redis-bench`, with its flags.
#[derive(Debug)]
pub(crate) struct Sessions<'a> {
    flags: &'a SessionFlags,
    forms: Vec<StoreForm>,
    /// Number above all that the keys of the run were named by so far.
    numbers: Arc<AtomicU64>,
    /// Counts of the current step; `None` before the first one.
    tallies: Mutex<Option<(StoreForm, Arc<StepTallies>)>>,
}

impl<'a> Sessions<'a> {
    /// Creates the scenario with these flags, which were checked.
    pub(crate) fn new(flags: &'a SessionFlags) -> Self {
        let mut forms = Vec::new();
        for form in &flags.store {
            if !forms.contains(form) {
                forms.push(*form);
            }
        }
        Self {
            flags,
            forms,
            numbers: Arc::new(AtomicU64::new(1)),
            tallies: Mutex::new(None),
        }
    }

    fn parallel(&self) -> usize {
        usize::try_from(self.flags.parallel).unwrap_or(usize::MAX)
    }
}

impl RedisWorkload for Sessions<'_> {
    type Work = SessionWork;

    /// Returns the keys of all sessions so far. None of them exists when a step begins.
    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys {
        let numbers = self.numbers.load(Ordering::Relaxed);
        RunKeys {
            keys: numbers.saturating_mul(KEY_KINDS),
            value_bytes: self.flags.session_size,
            ..RunKeys::new(prefix, seed)
        }
    }

    fn variants(&self) -> Variants {
        Variants {
            parameter: "store",
            names: self.forms.iter().map(|f| f.name().to_owned()).collect(),
        }
    }

    fn work(&self, keyspace: RunKeys, variant: usize) -> SessionWork {
        let form = self.forms.get(variant).copied();
        let form = form.unwrap_or(StoreForm::String);
        let tallies = Arc::new(StepTallies::default());
        let mut current = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some((form, Arc::clone(&tallies)));
        let life_ms = (self.flags.ttl.as_millis() as u64).max(1);
        SessionWork(Arc::new(SessionSetup {
            seed: keyspace.seed,
            store: SessionStore::new(form, keyspace, life_ms),
            population: Population::new(self.flags),
            parallel: self.parallel(),
            ttl: self.flags.ttl,
            tallies,
            created: AtomicU64::new(0),
            numbers: Arc::clone(&self.numbers),
        }))
    }

    fn commands(&self) -> &'static [&'static str] {
        &[
            "get",
            "set",
            "hgetall",
            "hset",
            "pexpire",
            "del",
            "getdel",
            "evalsha",
            "eval",
            "sadd",
            "srem",
            "smembers",
            "exists",
            "memory|usage",
            "memory",
        ]
    }

    /// A log-out asks for each session in the index of its user.
    fn unbounded_commands(&self) -> &'static [&'static str] {
        &["exists"]
    }

    /// Returns the largest number of times that a page view sends the same command without a
    /// refusal: as many as its requests, and as many again in scripts.
    fn commands_per_request(&self) -> u64 {
        self.flags.parallel.saturating_mul(2)
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        let flags = self.flags;
        let names: Vec<&str> = self.forms.iter().map(|form| form.name()).collect();
        let mut config = BTreeMap::from([
            ("stores".to_owned(), json!(names)),
            ("session_length".to_owned(), json!(flags.session_length)),
            ("parallel".to_owned(), json!(flags.parallel)),
            ("updates_ratio".to_owned(), json!(flags.updates)),
            ("touches_ratio".to_owned(), json!(flags.touches)),
            ("csrf_ratio".to_owned(), json!(flags.csrf)),
            ("abandoned_ratio".to_owned(), json!(flags.abandoned)),
            ("ttl_ns".to_owned(), json!(flags.ttl.as_nanos() as u64)),
            ("session_bytes".to_owned(), json!(flags.session_size)),
        ]);
        if let Some(per_s) = flags.login_rate {
            config.insert("login_rate_per_s".to_owned(), json!(per_s));
        }
        config
    }

    fn describe(&self, plan: StepPlan) -> StepPlan {
        plan.parameter("parallel", self.flags.parallel)
    }

    fn default_clients(&self) -> &'static [ClientKind] {
        &[ClientKind::Multiplexed]
    }

    fn conclude(&self, step: &mut Step) {
        let current = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((form, tallies)) = &*current else {
            return;
        };
        let total = |tally| tallies.total(tally) as f64;
        for (tally, name) in TOLD {
            step.figure(name, total(tally));
        }
        match form {
            StoreForm::StringCas => {
                let refused = total(Tally::RefusedUpdates);
                step.figure(steps::SESSIONS_REFUSED_UPDATES, refused);
            }
            StoreForm::Indexed => step.figure(steps::SESSIONS_ORPHANS, total(Tally::Orphans)),
            StoreForm::String | StoreForm::Hash => {}
        }
        if let Some(bytes) = tallies.session_bytes() {
            step.figure(steps::SESSIONS_EACH_BYTES, bytes);
        }
    }

    fn text(&self, report: &Report) -> String {
        text::told(report, &self.variants())
    }
}
