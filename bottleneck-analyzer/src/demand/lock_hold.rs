//! Hold of a hot lock: the mean time for which each call keeps the lock that other calls wait for, divided
//! by what the holders do meanwhile.

use crate::assessment::{Rule, TimeModel, TimePart};
use crate::catalogue::events;
use crate::postgres::{LockHolders, PostgresEvidence};
use crate::queueing::utilisation_behind;
use bench_report::names::postgres_tables;

/// Smallest share of the service time, from 0 to 1, that lock waits must take for a hold to be computed.
const LEAST_SHARE: f64 = 0.10;
/// Smallest share of the samples of locks, from 0 to 1, in which a holder must be listed for that share to
/// count as the utilisation of the lock. Below it the list, which has ten entries, may lack holders.
const LISTED: f64 = 0.90;
/// Smallest number of samples of locks at which the share of those with a holder counts.
const LEAST_LOOKS: f64 = 20.0;

/// Hold of the locks that calls wait for, as if they were one lock with one holder at a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LockHold {
    /// Share of time, from 0 to 1, for which the lock is held.
    pub(crate) used_ratio: f64,
    /// Mean time for which one call holds the lock, in nanoseconds: `used_ratio` ÷ calls per second.
    pub(crate) ns: f64,
    /// Activities of the holders as the finding names them, each with its part of `ns`; the largest first.
    /// Empty if the holders are not known.
    pub(crate) doing: Vec<(String, f64)>,
    /// Name of a holder outside of the load, which has the lock whatever the calls do; `None` if the holders
    /// are calls of the load or are not known.
    pub(crate) outsider: Option<String>,
}

impl LockHold {
    /// Computes the hold of the locks that the calls in `model` wait for. `None` if they wait for less than a
    /// tenth of the service time, or if no call was made.
    ///
    /// The utilisation follows from the number of waiting sessions (the machine-repairman model). Where the
    /// samples show a holder nearly always, it is multiplied by the share of samples that do.
    pub(crate) fn of(model: &TimeModel, server: &PostgresEvidence<'_>) -> Option<Self> {
        let waited = model.lock_ns();
        let rate = server.calls_per_s();
        if waited < LEAST_SHARE * model.served_ns() || rate <= 0.0 {
            return None;
        }
        // Little's law turns times of a call into mean numbers of sessions.
        let waiting = waited / 1e9 * rate;
        let inside = inside(model, server).max(waiting);
        let used_ratio = utilisation_behind(inside, waiting) * presence(server);
        let ns = used_ratio / rate * 1e9;
        let holders = LockHolders::find(server, &LockHolders::KINDS);
        let doing = holders.as_ref().map_or(Vec::new(), |holders| {
            let told = holders.doing.iter().filter(|(what, _)| !what.is_empty());
            told.map(|(what, part)| (what.clone(), part * ns)).collect()
        });
        Some(Self {
            used_ratio,
            ns,
            doing,
            outsider: holders.and_then(|holders| holders.outsider),
        })
    }

    /// Shortens the hold by what its holders do no longer. Each of `parts` is a part of a call with its length
    /// before and now, in nanoseconds. What a holder outside of the load does stays as it is.
    pub(crate) fn shorten(&mut self, parts: &[(&TimePart, f64, f64)]) {
        if self.outsider.is_some() || self.ns <= 0.0 {
            return;
        }
        let before = self.ns;
        for (what, ns) in &mut self.doing {
            let of_it = parts.iter().filter(|(part, ..)| is_spent_in(what, part));
            let (then, now) = of_it.fold((0.0, 0.0), |(t, n), (_, b, a)| (t + b, n + a));
            if then > 0.0 {
                let spared = *ns * (1.0 - now / then).max(0.0);
                *ns -= spared;
                self.ns -= spared;
            }
        }
        self.ns = self.ns.max(0.0);
        self.used_ratio *= self.ns / before;
    }
}

/// Returns the mean number of sessions that are served at the same time: the connections of the pool in use,
/// or throughput × service time without a pool.
pub(super) fn inside(model: &TimeModel, server: &PostgresEvidence<'_>) -> f64 {
    let in_service = model.served_ns() / 1e9 * server.calls_per_s();
    let pool = server.step.pool.as_ref();
    pool.map_or(in_service, |pool| pool.in_use_mean)
}

/// Returns the share of the samples of locks, from 0 to 1, in which a holder was seen; 1 if that is not known
/// or is so small that holders may be missing in the list.
fn presence(server: &PostgresEvidence<'_>) -> f64 {
    let rows = server.rows(postgres_tables::blockers::TABLE);
    let seen: f64 = rows.iter().map(|row| row.count("looks")).sum();
    let all = rows.first().map_or(0.0, |row| row.count("looks_total"));
    if all < LEAST_LOOKS || seen < LISTED * all {
        return 1.0;
    }
    (seen / all).min(1.0)
}

/// Returns true if `part` of a call is the time in which a holder does `what`.
fn is_spent_in(what: &str, part: &TimePart) -> bool {
    let rule = events::find(&part.name).map(|event| event.rule);
    if what.starts_with("idle in transaction") {
        return part.name == "client.idle_in_transaction";
    }
    if what.starts_with("committing") {
        return rule == Some(Rule::CommitWaits);
    }
    if what.starts_with("sleeping") {
        return rule == Some(Rule::Sleeps);
    }
    if what.starts_with("running a statement") {
        return ["server_cpu", "server_runnable"].contains(&&*part.name);
    }
    what.starts_with(&part.title)
}
