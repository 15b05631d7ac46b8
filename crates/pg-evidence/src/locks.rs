//! Lock waits, pairs of sessions of which one blocks the other, and root blockers. They are sampled
//! only while a session waits for a lock, because finding the blockers locks the server's lock
//! table for a moment. An expensive sample is followed by a longer pause.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bench_report::names::postgres;
use bench_report::names::postgres_tables::{blockers, blocking, locks};
use bench_report::{EvidenceRow, ServerEvidence};
use tokio_postgres::Error;

use crate::blockers::Blockers;
use crate::lock_table::{LockTable, Waiter};
use crate::server::client::Client;
use crate::sessions::scope::Scope;

/// Shortest time between two samples of locks.
const EVERY: Duration = Duration::from_millis(250);
/// Shortest time between a failed sample of locks and the next one.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Share of one core, from 0 to 1, that sampling locks may use.
const SHARE: f64 = 0.0035;
/// Largest number of pairs of sessions in the table of blocking.
const MOST_ROWS: usize = 10;
/// Largest number of waits in a chain that are followed, because a cycle has no end.
const LONGEST_CHAIN: usize = 100;

/// Sums over the samples of locks in one measured part.
#[derive(Debug)]
pub(crate) struct LockSamples {
    scope: Scope,
    name: String,
    looks: u64,
    /// Earliest instant of the next sample; `None` before the first.
    next: Option<Instant>,
    waiting: u64,
    waiting_max: usize,
    chain_max: usize,
    by_lock: BTreeMap<String, u64>,
    pairs: BTreeMap<BlockingPair, u64>,
    blockers: Blockers,
    unavailable: Option<String>,
}

/// Description of a waiting session, its lock, and a session that blocks it. Equal pairs are
/// counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct BlockingPair {
    lock: String,
    relation: String,
    waiting: (String, String),
    blocking: (String, String, String),
}

impl LockSamples {
    /// Creates empty sums over the lock waits of the sessions in `scope`, for the run `name`.
    pub(crate) fn new(scope: Scope, name: &str) -> Self {
        Self {
            scope,
            name: name.to_owned(),
            looks: 0,
            next: None,
            waiting: 0,
            waiting_max: 0,
            chain_max: 0,
            by_lock: BTreeMap::new(),
            pairs: BTreeMap::new(),
            blockers: Blockers::default(),
            unavailable: None,
        }
    }

    /// Returns true if at `now` the pause after the last sample is over.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// Takes one sample of locks. Fails with the error of the query.
    pub(crate) async fn read(client: &Client) -> Result<LockTable, Error> {
        LockTable::read(client).await
    }

    /// Adds the sample `seen`, or its error, that ended at `now` and used `cost` of the server's
    /// CPU time. `None` means that the server did not answer in time.
    pub(crate) fn add(
        &mut self,
        seen: Option<Result<LockTable, Error>>,
        (now, cost): (Instant, Duration),
    ) {
        let earned = cost.div_f64(SHARE);
        let message = |error: &Error| crate::failure::from_postgres(error).to_string();
        let reason = match seen {
            Some(Ok(table)) => {
                self.next = Some(now + earned.max(EVERY));
                return self.note(&table);
            }
            Some(Err(error)) => message(&error),
            None => "the server did not answer in time".to_owned(),
        };
        self.unavailable = Some(reason);
        self.next = Some(now + earned.max(AFTER_FAILURE));
    }

    fn note(&mut self, table: &LockTable) {
        let waiters = || {
            table
                .waiters()
                .filter(|w| self.scope.contains(&w.application))
        };
        self.looks += 1;
        let waiting = waiters().count();
        self.waiting += waiting as u64;
        self.waiting_max = self.waiting_max.max(waiting);
        for waiter in waiters() {
            *self.by_lock.entry(waiter.lock()).or_default() += 1;
            for pair in pairs(table, waiter) {
                *self.pairs.entry(pair).or_default() += 1;
            }
        }
        let blocked_by = |pid: i32| table.waiter(pid).map_or(&[][..], |w| &w.blocked_by);
        let ends = waiters().map(|waiter| waiter.pid).collect();
        self.chain_max = self.chain_max.max(longest_chain(ends, blocked_by));
        self.blockers.note(table, &self.scope, &self.name);
    }

    /// Writes figures and tables of locks into `evidence`. Means are over the samples, and there
    /// are no samples while no session waits for a lock.
    pub(crate) fn report(&self, evidence: &mut ServerEvidence) {
        if let Some(reason) = &self.unavailable {
            evidence
                .unavailable
                .insert("locks".to_owned(), reason.clone());
        }
        evidence.figure(postgres::LOCKS_LOOKS, self.looks as f64);
        if self.looks == 0 {
            return;
        }
        let looks = self.looks as f64;
        evidence.figure(postgres::LOCKS_WAITING_MEAN, self.waiting as f64 / looks);
        evidence.figure(postgres::LOCKS_WAITING_MAX, self.waiting_max as f64);
        evidence.figure(postgres::BLOCKING_CHAIN_MAX, self.chain_max as f64);
        let ungranted = self.by_lock.iter().map(|(lock, seen)| {
            EvidenceRow::new(
                [(locks::LOCK, lock.clone())],
                [(locks::WAITING_MEAN, *seen as f64 / looks)],
            )
        });
        evidence.table(locks::TABLE, ungranted.collect());
        let mut pairs: Vec<_> = self.pairs.iter().collect();
        pairs.sort_by_key(|(_, seen)| std::cmp::Reverse(**seen));
        let pairs = pairs.into_iter().take(MOST_ROWS);
        let pairs = pairs.map(|(pair, seen)| pair.row(*seen as f64 / looks));
        evidence.table(blocking::TABLE, pairs.collect());
        let rows = self.blockers.rows(self.looks);
        evidence.table(blockers::TABLE, rows);
    }
}

/// Returns `waiter` paired with each session that blocks it.
fn pairs(table: &LockTable, waiter: &Waiter) -> Vec<BlockingPair> {
    let pair = |by: &i32| {
        let session = table.sessions.get(by);
        let blocking = session.map_or_else(Default::default, |session| {
            let state = session.state.clone().unwrap_or_default();
            (
                session.application.clone(),
                state,
                session.statement.clone(),
            )
        });
        BlockingPair {
            lock: waiter.lock(),
            relation: waiter.relation.clone(),
            waiting: (waiter.application.clone(), waiter.statement.clone()),
            blocking,
        }
    };
    waiter.blocked_by.iter().map(pair).collect()
}

impl BlockingPair {
    fn row(&self, waiting_mean: f64) -> EvidenceRow {
        let Self {
            lock,
            relation,
            waiting,
            blocking,
        } = self.clone();
        EvidenceRow::new(
            [
                (blocking::LOCK, lock),
                (blocking::RELATION, relation),
                (blocking::WAITING, waiting.0),
                (blocking::WAITING_STATEMENT, waiting.1),
                (blocking::BLOCKING, blocking.0),
                (blocking::BLOCKING_STATE, blocking.1),
                (blocking::BLOCKING_STATEMENT, blocking.2),
            ],
            [(blocking::WAITING_MEAN, waiting_mean)],
        )
    }
}

/// Returns the number of sessions in the longest chain of waits that ends with one of `ends`, its
/// root included; 0 if none of them waits, and 100 for a cycle. `blocked_by` returns the sessions
/// that block a session.
fn longest_chain<'a>(mut ends: Vec<i32>, blocked_by: impl Fn(i32) -> &'a [i32]) -> usize {
    for length in 0..LONGEST_CHAIN {
        let mut next: Vec<i32> = ends
            .iter()
            .flat_map(|pid| blocked_by(*pid))
            .copied()
            .collect();
        next.sort_unstable();
        next.dedup();
        if next.is_empty() {
            return if length == 0 { 0 } else { length + 1 };
        }
        ends = next;
    }
    LONGEST_CHAIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_as_long_as_the_sessions_in_it() {
        let chain = |pairs: &[(i32, &[i32])]| {
            let of = |pid: i32| pairs.iter().find(|(end, _)| *end == pid);
            let ends = pairs.iter().map(|(pid, _)| *pid).collect();
            longest_chain(ends, |pid| of(pid).map_or(&[], |(_, by)| by))
        };
        assert_eq!(chain(&[]), 0);
        assert_eq!(chain(&[(7, &[])]), 0, "its blocker has just let go");
        assert_eq!(chain(&[(2, &[1])]), 2);
        assert_eq!(chain(&[(2, &[1]), (3, &[1, 2]), (4, &[3])]), 4);
        assert_eq!(chain(&[(1, &[2]), (2, &[1])]), LONGEST_CHAIN, "a deadlock");
    }

    #[test]
    fn a_look_that_cost_much_is_followed_by_a_longer_pause_and_a_failed_one_by_another() {
        let mut locks = LockSamples::new(Scope::Everyone, "run");
        let now = Instant::now();
        assert!(locks.is_due(now));
        let after = |millis| now + Duration::from_millis(millis);
        let seen = || Some(Ok(LockTable::default()));
        locks.add(seen(), (now, Duration::from_micros(300)));
        assert!(!locks.is_due(after(249)) && locks.is_due(after(250)));
        locks.add(seen(), (now, Duration::from_millis(70)));
        assert!(!locks.is_due(after(19_900)) && locks.is_due(after(20_100)));
        locks.add(None, (now, Duration::ZERO));
        assert!(!locks.is_due(after(999)) && locks.is_due(after(1_000)));
        let mut evidence = ServerEvidence::default();
        locks.report(&mut evidence);
        assert_eq!(evidence.figures["locks.looks"], 2.0);
        assert!(evidence.unavailable["locks"].contains("in time"));
    }
}
