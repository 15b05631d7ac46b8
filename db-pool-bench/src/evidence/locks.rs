//! Locks that are not granted, and who blocks whom. Asked for only while a sample shows a session
//! that waits for a lock, and once a second at most: finding the blockers of a session holds up
//! the server's lock table for a moment.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bench_report::{EvidenceRow, ServerEvidence};
use tokio_postgres::{Error, Row};

use super::Scope;
use crate::connect::Client;
use crate::shape;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Pairs that a table holds.
const MOST_ROWS: usize = 10;
/// Longest chain that is followed: a ring would be one without end.
const LONGEST_CHAIN: usize = 100;

/// `$1` is the application whose waits count, NULL for all. A row lock is waited for as a lock on
/// its transaction, which names no relation.
const QUERY: &str = "WITH /* plimsoll evidence */ waits AS (
        SELECT DISTINCT ON (l.pid) l.pid, l.locktype || ' ' || l.mode AS lock,
               CASE WHEN l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    THEN l.relation::regclass::text END AS relation,
               a.application_name, a.query
          FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE NOT l.granted AND ($1::text IS NULL OR a.application_name = $1)
         LIMIT 50)
    SELECT w.pid, w.lock, w.relation, w.application_name, w.query,
           b.pid, b.application_name, b.state, b.query
      FROM waits w
           LEFT JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocked(by) ON true
           LEFT JOIN pg_stat_activity b ON b.pid = blocked.by";

/// What the looks of a step saw.
#[derive(Debug, Default)]
pub(super) struct Locks {
    looks: u64,
    last: Option<Instant>,
    waiting: u64,
    waiting_max: usize,
    chain_max: usize,
    by_lock: BTreeMap<String, u64>,
    pairs: BTreeMap<Pair, u64>,
    unavailable: Option<String>,
}

/// Who waits for whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    lock: String,
    relation: String,
    waiting: (String, String),
    blocking: (String, String, String),
}

impl Locks {
    /// Whether the last look is long enough ago.
    pub(super) fn is_due(&self) -> bool {
        self.unavailable.is_none() && self.last.is_none_or(|last| last.elapsed() >= EVERY)
    }

    /// Looks once.
    pub(super) async fn look(client: &Client, scope: &Scope) -> Result<Vec<Row>, Error> {
        client.query(QUERY, &[&scope.application()]).await
    }

    /// Adds what a look saw, or why it saw nothing; `None` = the server did not answer in time.
    pub(super) fn add(&mut self, seen: Option<Result<Vec<Row>, Error>>) {
        self.last = Some(Instant::now());
        let noted = seen.map(|seen| seen.and_then(|rows| self.note(&rows)));
        let told = |error: &Error| crate::failure::of_postgres(error).message;
        self.unavailable = match noted {
            Some(Ok(())) => return,
            Some(Err(error)) => Some(told(&error)),
            None => Some("the server did not answer in time".to_owned()),
        };
    }

    fn note(&mut self, rows: &[Row]) -> Result<(), Error> {
        let mut blockers: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for row in rows {
            let pid: i32 = row.try_get(0)?;
            let lock: String = row.try_get(1)?;
            if !blockers.contains_key(&pid) {
                *self.by_lock.entry(lock.clone()).or_default() += 1;
            }
            let blocked_by = blockers.entry(pid).or_default();
            let text = |column: usize| -> Result<String, Error> {
                Ok(row
                    .try_get::<_, Option<String>>(column)?
                    .unwrap_or_default())
            };
            if let Some(blocker) = row.try_get::<_, Option<i32>>(5)? {
                blocked_by.push(blocker);
                let pair = Pair {
                    lock,
                    relation: text(2)?,
                    waiting: (text(3)?, shape::of(&text(4)?)),
                    blocking: (text(6)?, text(7)?, shape::of(&text(8)?)),
                };
                *self.pairs.entry(pair).or_default() += 1;
            }
        }
        self.looks += 1;
        self.waiting += blockers.len() as u64;
        self.waiting_max = self.waiting_max.max(blockers.len());
        self.chain_max = self.chain_max.max(longest_chain(&blockers));
        Ok(())
    }

    /// Writes what was seen into `evidence`. Means are over the looks, of which there is none
    /// while nobody waits for a lock.
    pub(super) fn report(&self, evidence: &mut ServerEvidence) {
        if let Some(reason) = &self.unavailable {
            evidence
                .unavailable
                .insert("locks".to_owned(), reason.clone());
        }
        evidence.figure("locks.looks", self.looks as f64);
        if self.looks == 0 {
            return;
        }
        let looks = self.looks as f64;
        evidence.figure("locks.waiting_mean", self.waiting as f64 / looks);
        evidence.figure("locks.waiting_max", self.waiting_max as f64);
        evidence.figure("blocking.chain_max", self.chain_max as f64);
        let ungranted = self.by_lock.iter().map(|(lock, seen)| {
            EvidenceRow::new(
                [("lock", lock.clone())],
                [("waiting_mean", *seen as f64 / looks)],
            )
        });
        evidence
            .tables
            .insert("locks".to_owned(), ungranted.collect());
        let mut pairs: Vec<_> = self.pairs.iter().collect();
        pairs.sort_by_key(|(_, seen)| std::cmp::Reverse(**seen));
        let blocking = pairs.into_iter().take(MOST_ROWS).map(|(pair, seen)| {
            let Pair {
                lock,
                relation,
                waiting,
                blocking,
            } = pair.clone();
            EvidenceRow::new(
                [
                    ("lock", lock),
                    ("relation", relation),
                    ("waiting", waiting.0),
                    ("waiting_statement", waiting.1),
                    ("blocking", blocking.0),
                    ("blocking_state", blocking.1),
                    ("blocking_statement", blocking.2),
                ],
                [("waiting_mean", *seen as f64 / looks)],
            )
        });
        evidence
            .tables
            .insert("blocking".to_owned(), blocking.collect());
    }
}

/// Sessions in the longest row of one waiting for the next, the one that waits for nobody
/// included; 0 where nobody waits for a session.
fn longest_chain(blockers: &BTreeMap<i32, Vec<i32>>) -> usize {
    let mut ends: Vec<i32> = blockers.keys().copied().collect();
    for length in 0..LONGEST_CHAIN {
        let next = ends.iter().filter_map(|pid| blockers.get(pid)).flatten();
        let mut next: Vec<i32> = next.copied().collect();
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
            longest_chain(&pairs.iter().map(|(pid, by)| (*pid, by.to_vec())).collect())
        };
        assert_eq!(chain(&[]), 0);
        assert_eq!(chain(&[(7, &[])]), 0, "its blocker has just let go");
        assert_eq!(chain(&[(2, &[1])]), 2);
        assert_eq!(chain(&[(2, &[1]), (3, &[1, 2]), (4, &[3])]), 4);
        assert_eq!(chain(&[(1, &[2]), (2, &[1])]), LONGEST_CHAIN, "a deadlock");
    }
}
