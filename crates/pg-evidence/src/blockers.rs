//! Root blockers: sessions that block others and do not wait for a lock themselves. Their state and
//! wait event show why they still hold the lock.

use std::collections::BTreeMap;

use bench_report::EvidenceRow;
use bench_report::names::postgres_tables::blockers;

use crate::lock_table::{BlockingSession, LockTable, Waiter};
use crate::sessions::scope::Scope;

/// Largest number of rows in the table of root blockers.
const MOST_ROWS: usize = 10;

/// Root blockers seen in the samples of locks, with sums over these samples.
#[derive(Debug, Default)]
pub(crate) struct Blockers {
    roots: BTreeMap<RootBlocker, RootTotals>,
}

/// Description of a root blocker, and of the lock for which the sessions directly behind it wait.
/// Equal ones are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RootBlocker {
    lock: String,
    key: String,
    relation: String,
    waiting_statement: String,
    blocking_statement: String,
    state: String,
    event: String,
    application: String,
    ours: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct RootTotals {
    looks: u64,
    /// Number of sessions that the root blocker delays, summed over the samples; a session with
    /// several root blockers counts in equal parts.
    waiting: f64,
    transaction_max_s: Option<f64>,
}

impl Blockers {
    /// Adds one sample. Each waiting session in scope counts for its root blockers, in equal parts.
    /// `name` is the label of the load's own sessions.
    pub(crate) fn note(&mut self, table: &LockTable, scope: &Scope, name: &str) {
        let mut now: BTreeMap<RootBlocker, RootTotals> = BTreeMap::new();
        for waiter in table.waiters().filter(|w| scope.contains(&w.application)) {
            let roots = roots_of(table, waiter);
            let part = 1.0 / roots.len() as f64;
            for (pid, direct) in roots {
                let blocking = &table.sessions[&pid];
                let seen = now.entry(root(direct, blocking, scope, name)).or_default();
                seen.waiting += part;
                seen.transaction_max_s = later(seen.transaction_max_s, blocking.transaction_s);
            }
        }
        for (root, new) in now {
            let seen = self.roots.entry(root).or_default();
            seen.looks += 1;
            seen.waiting += new.waiting;
            seen.transaction_max_s = later(seen.transaction_max_s, new.transaction_max_s);
        }
    }

    /// Returns the ten root blockers with the most sessions behind them, most first. `looks` is the
    /// number of all samples, over which means are calculated.
    pub(crate) fn rows(&self, looks: u64) -> Vec<EvidenceRow> {
        let mut roots: Vec<_> = self.roots.iter().collect();
        roots.sort_by(|a, b| b.1.waiting.total_cmp(&a.1.waiting));
        let roots = roots.into_iter().take(MOST_ROWS);
        roots.map(|(root, seen)| root.row(seen, looks)).collect()
    }
}

fn later(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::max)
}

/// Returns the root blockers of `waiter`, each process id with the session that waits for it
/// directly. A cycle, which is a deadlock, has no root.
fn roots_of<'a>(table: &'a LockTable, waiter: &'a Waiter) -> BTreeMap<i32, &'a Waiter> {
    let mut roots = BTreeMap::new();
    let (mut met, mut to_visit) = (vec![waiter.pid], vec![waiter]);
    while let Some(waiter) = to_visit.pop() {
        for by in &waiter.blocked_by {
            match table.waiter(*by) {
                Some(next) if !met.contains(by) => {
                    met.push(*by);
                    to_visit.push(next);
                }
                Some(_) => {}
                // A blocker that waits itself is no root, even if its own wait was not read.
                None if table.sessions.get(by).is_none_or(|s| s.waits_for_lock) => {}
                None => {
                    roots.entry(*by).or_insert(waiter);
                }
            }
        }
    }
    roots
}

fn root(direct: &Waiter, blocking: &BlockingSession, scope: &Scope, name: &str) -> RootBlocker {
    let hidden = || "hidden".to_owned();
    RootBlocker {
        lock: direct.lock_type.clone(),
        key: direct.key.clone(),
        relation: direct.relation.clone(),
        waiting_statement: direct.statement.clone(),
        blocking_statement: blocking.statement.clone(),
        state: blocking.state.clone().unwrap_or_else(hidden),
        event: blocking.event.clone(),
        application: scope.label(&blocking.application, name),
        ours: scope.is_load(&blocking.application),
    }
}

impl RootBlocker {
    fn row(&self, seen: &RootTotals, looks: u64) -> EvidenceRow {
        let Self {
            lock,
            key,
            relation,
            waiting_statement,
            blocking_statement,
            state,
            event,
            application,
            ours,
        } = self.clone();
        EvidenceRow::new(
            [
                (blockers::LOCK, lock),
                (blockers::KEY, key),
                (blockers::RELATION, relation),
                (blockers::WAITING_STATEMENT, waiting_statement),
                (blockers::BLOCKING_STATEMENT, blocking_statement),
                (blockers::BLOCKING_STATE, state),
                (blockers::BLOCKING_EVENT, event),
                (blockers::BLOCKING_APPLICATION, application),
                (blockers::OURS, ours.to_string()),
            ],
            [
                (blockers::LOOKS, seen.looks as f64),
                (blockers::LOOKS_TOTAL, looks as f64),
                (blockers::WAITING_MEAN, seen.waiting / looks as f64),
                (
                    blockers::TRANSACTION_AGE_MAX_S,
                    seen.transaction_max_s.unwrap_or(f64::NAN),
                ),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a sample with waiting sessions of the load, given as (session, blocker), and the
    /// session `root`, given as process id, application, and whether it waits for a lock itself.
    fn look(waits: &[(i32, i32)], root: (i32, &str, bool)) -> LockTable {
        let mut table = LockTable::default();
        for (pid, by) in waits {
            let waiter = Waiter {
                pid: *pid,
                lock_type: if *by == root.0 {
                    "transactionid"
                } else {
                    "tuple"
                }
                .to_owned(),
                application: "load".to_owned(),
                statement: format!("UPDATE {pid}"),
                blocked_by: vec![*by],
                ..Waiter::default()
            };
            table.waiting.insert(*pid, waiter);
            let blocking = BlockingSession {
                application: "load".to_owned(),
                state: Some("active".to_owned()),
                waits_for_lock: true,
                ..BlockingSession::default()
            };
            table.sessions.insert(*by, blocking);
        }
        let blocking = BlockingSession {
            application: "shop".to_owned(),
            state: Some("idle in transaction".to_owned()),
            event: "Client.ClientRead".to_owned(),
            transaction_s: Some(f64::from(root.0)),
            waits_for_lock: root.2,
            ..BlockingSession::default()
        };
        table.sessions.insert(root.0, blocking);
        table
    }

    fn rows_of(looks: &[LockTable]) -> Vec<EvidenceRow> {
        let mut blockers = Blockers::default();
        let scope = Scope::Application("load".to_owned());
        for look in looks {
            blockers.note(look, &scope, "load");
        }
        blockers.rows(looks.len() as u64)
    }

    #[test]
    fn all_behind_a_root_count_for_it_and_its_own_wait_is_told() {
        // Sessions 3 and 4 queue behind 2, which waits for 1. The second sample has only 2.
        let looks = [
            look(&[(2, 1), (3, 2), (4, 3)], (1, "shop", false)),
            look(&[(2, 1)], (1, "shop", false)),
        ];
        let rows = rows_of(&looks);
        assert_eq!(rows.len(), 1, "{rows:?}");
        let row = &rows[0];
        assert_eq!(row.labels["lock"], "transactionid");
        assert_eq!(row.labels["waiting_statement"], "UPDATE 2");
        assert_eq!(row.labels["blocking_state"], "idle in transaction");
        assert_eq!(row.labels["blocking_event"], "Client.ClientRead");
        assert_eq!(row.labels["blocking_application"], "shop");
        assert_eq!(row.labels["ours"], "false");
        assert_eq!(row.figures["looks"], 2.0);
        assert_eq!(row.figures["waiting_mean"], 2.0);
        assert_eq!(row.figures["transaction_age_max_s"], 1.0);
    }

    #[test]
    fn neither_a_ring_nor_one_that_waits_itself_is_a_root() {
        assert!(rows_of(&[look(&[(2, 3), (3, 2)], (1, "shop", false))]).is_empty());
        assert!(rows_of(&[look(&[(2, 1)], (1, "shop", true))]).is_empty());
    }
}
