//! Holders that keep VACUUM from removing the dead rows of a table: an open transaction, a prepared one, a
//! replication slot, a standby.
//!
//! Reads the table `xmin_holders`. A holder counts if it has held the same rows over the whole step. A standby
//! tells its oldest query every 10 s by default (`wal_receiver_status_interval`), so that in a short step a
//! healthy one, or its slot, holds the same rows, too: these count from 30 s on. Advice about a holder comes
//! first only if the load reads the table and 1,000 of its rows died in the step; rows that died before the
//! holder began are not kept. Reports without that table tell `transactions.oldest_age_s` (or `.oldest_s`) and
//! `.prepared`.

use crate::assessment::EvidenceItem;
use crate::cost::RepeatFacts;
use crate::figures::{duration_ns, plain};
use crate::postgres::CitedRow;
use bench_report::names;
use bench_report::names::postgres_tables::xmin_holders;

/// Smallest number of rows that die in the step at which advice about their holder comes first.
const LEAST_DIED: f64 = 1_000.0;
/// Shortest time in seconds over which a standby that does not move on keeps rows, and not only tells late:
/// three times the default interval of its messages.
const STANDBY_TELLS_S: f64 = 30.0;

/// Holders that keep VACUUM from removing dead rows, as far as they were recorded.
#[derive(Debug, Default)]
pub(super) struct RowKeepers {
    /// Sentences about them, each with a space before it; empty if none is known.
    pub(super) told: String,
    /// Actions that end them.
    pub(super) actions: Vec<String>,
    /// True if the actions come before VACUUM, which cannot help before them.
    pub(super) come_first: bool,
    /// Figures and names of the sentences.
    pub(super) evidence: Vec<EvidenceItem>,
}

impl RowKeepers {
    /// Finds the holders that keep dead rows of `table`.
    pub(super) fn of(repeat: &RepeatFacts<'_, '_>, table: &CitedRow<'_>) -> Self {
        match repeat.server.table(xmin_holders::TABLE) {
            Some(holders) => Self::recorded(repeat, table, &holders),
            None => Self::by_age(repeat),
        }
    }

    fn recorded(
        repeat: &RepeatFacts<'_, '_>,
        table: &CitedRow<'_>,
        holders: &[CitedRow<'_>],
    ) -> Self {
        let died = table.count("updated") + table.count("deleted");
        let is_read = table.count("seq_scan") + table.count("idx_scan") > 0.0;
        let mut keepers = Self {
            come_first: is_read && died >= LEAST_DIED,
            ..Self::default()
        };
        let span_s = repeat.server.figure(names::postgres::DELTAS_SPAN_S);
        for row in holders {
            if let Some(holder) = SteadyHolder::of(row, span_s.unwrap_or(0.0)) {
                keepers.told += &format!(
                    " VACUUM cannot remove rows that died in the last {} transactions while {}.",
                    plain(holder.age),
                    holder.clause()
                );
                keepers.actions.push(holder.action());
                keepers.evidence.extend(holder.evidence());
            }
        }
        if keepers.told.is_empty() {
            return keepers;
        }
        if keepers.come_first {
            keepers.told += &format!(
                " In this step alone {} rows of the table were updated or deleted.",
                plain(died)
            );
            let rows = [
                table.evidence("rows updated in the step", "updated"),
                table.evidence("rows deleted in the step", "deleted"),
            ];
            keepers.evidence.extend(rows.into_iter().flatten());
        } else {
            keepers.told += " How many of these rows died since then is not known.";
        }
        keepers
    }

    /// Finds a transaction that began before the measured part, and prepared transactions, by the ages that
    /// reports without the table of holders have.
    fn by_age(repeat: &RepeatFacts<'_, '_>) -> Self {
        let server = &repeat.server;
        let names = [
            names::postgres::TRANSACTIONS_OLDEST_AGE_S,
            names::postgres::TRANSACTIONS_OLDEST_S,
            names::postgres::TRANSACTIONS_PREPARED,
        ];
        let [oldest_of_all_s, oldest_of_load_s, prepared] = names.map(|name| server.figure(name));
        let oldest_s = oldest_of_all_s.or(oldest_of_load_s);
        let evidence = names.into_iter().filter_map(|name| server.evidence(name));
        let mut keepers = Self {
            come_first: true,
            evidence: evidence.collect(),
            ..Self::default()
        };
        if let Some(oldest_s) = oldest_s.filter(|s| *s > server.step.window.measured_s()) {
            keepers.told += &format!(
                " A transaction has been open for {}: until it ends, VACUUM cannot remove them.",
                duration_ns(oldest_s * 1e9)
            );
            let action = "end transactions that stay open for long";
            keepers.actions.push(action.to_owned());
        }
        if let Some(prepared) = prepared.filter(|count| *count >= 1.0) {
            keepers.told += &format!(
                " Prepared transactions are open: {}. VACUUM cannot remove rows that they may see.",
                plain(prepared)
            );
            let action = "end prepared transactions that are left over: COMMIT PREPARED or ROLLBACK PREPARED";
            keepers.actions.push(action.to_owned());
        }
        keepers
    }
}

/// Kinds of holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HolderKind {
    Session,
    Prepared,
    /// Replication slot without a consumer, which nobody moves on.
    IdleSlot,
    /// Replication slot whose consumer moves it on.
    UsedSlot,
    Standby,
}

impl HolderKind {
    /// Returns the kind of the holder in `row`; `None` for one that this version does not know.
    fn of(row: &CitedRow<'_>) -> Option<Self> {
        match (row.label("kind"), row.label("state")) {
            ("session", _) => Some(Self::Session),
            ("prepared transaction", _) => Some(Self::Prepared),
            ("replication slot", "inactive") => Some(Self::IdleSlot),
            ("replication slot", _) => Some(Self::UsedSlot),
            ("standby", _) => Some(Self::Standby),
            _ => None,
        }
    }
}

/// Holder that has held the same rows over the whole step.
struct SteadyHolder<'r, 'a> {
    row: &'r CitedRow<'a>,
    kind: HolderKind,
    /// Number of transactions whose dead rows it keeps.
    age: f64,
}

impl<'r, 'a> SteadyHolder<'r, 'a> {
    /// Returns the holder in `row` of a step of `span_s` seconds; `None` if it did not hold the same rows over
    /// the whole step, or may only tell late.
    fn of(row: &'r CitedRow<'a>, span_s: f64) -> Option<Self> {
        let kind = HolderKind::of(row)?;
        row.figure("begin_age_transactions")?;
        let age = row.figure("age_transactions").filter(|age| *age >= 1.0)?;
        let tells_late = matches!(kind, HolderKind::UsedSlot | HolderKind::Standby);
        (!tells_late || span_s >= STANDBY_TELLS_S).then_some(Self { row, kind, age })
    }

    /// Returns the holder as the object of a sentence, as in `the transaction of report.py`.
    fn object(&self) -> String {
        let name = self.row.label("name");
        match self.kind {
            HolderKind::Session if name.is_empty() => {
                "the transaction of a session without an application name".to_owned()
            }
            HolderKind::Session => format!("the transaction of {name}"),
            HolderKind::Prepared => format!("prepared transaction {name}"),
            HolderKind::IdleSlot | HolderKind::UsedSlot => format!("replication slot {name}"),
            HolderKind::Standby if name.is_empty() => "a standby without a name".to_owned(),
            HolderKind::Standby => format!("standby {name}"),
        }
    }

    /// Returns a clause about what the holder does, to follow `while`.
    fn clause(&self) -> String {
        let (object, state) = (self.object(), self.row.label("state"));
        match self.kind {
            HolderKind::Session => format!("{object} is open ({state})"),
            HolderKind::Prepared => format!("{object} is not ended"),
            HolderKind::IdleSlot => format!("{object} stands still without a consumer"),
            HolderKind::UsedSlot => format!("{object} does not move on"),
            HolderKind::Standby => format!("{object} asks to keep them (hot_standby_feedback)"),
        }
    }

    /// Returns the action that lets VACUUM remove the rows.
    fn action(&self) -> String {
        let (object, state) = (self.object(), self.row.label("state"));
        match self.kind {
            HolderKind::Session if state.starts_with("idle in transaction") => format!(
                "end {object}, whose client has left it open since before the step: commit earlier, or let \
                 idle_in_transaction_session_timeout end it"
            ),
            HolderKind::Session => format!(
                "end {object}, which has been open since before the step: let it finish before the load, divide \
                 it, or run it on a standby"
            ),
            HolderKind::Prepared => {
                format!("end {object}: COMMIT PREPARED or ROLLBACK PREPARED")
            }
            HolderKind::IdleSlot => format!(
                "drop {object} if nobody needs it (pg_drop_replication_slot), or start its consumer again, which \
                 moves it on"
            ),
            HolderKind::UsedSlot => format!(
                "find what holds the consumer of {object} up: a long query on a standby that sends feedback, or \
                 a subscriber that is behind"
            ),
            HolderKind::Standby => format!(
                "end the long query on {object}, or switch its feedback off there; the primary then cancels \
                 queries that need the rows"
            ),
        }
    }

    fn evidence(&self) -> impl Iterator<Item = EvidenceItem> {
        let kind = self.row.label("kind");
        // A session need not have a name.
        let name = self.row.label_evidence(kind, "name");
        let name = name.filter(|item| !item.shown.is_empty());
        let figures = [
            self.row
                .evidence("transactions whose dead rows it keeps", "age_transactions"),
            self.row.evidence(
                "the same at the beginning of the step",
                "begin_age_transactions",
            ),
        ];
        name.into_iter().chain(figures.into_iter().flatten())
    }
}
