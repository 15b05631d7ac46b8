//! Sessions that hold the locks that others wait for, and their activities meanwhile.

use std::collections::BTreeMap;

use bench_report::names;
use bench_report::names::{TableName, postgres_tables};

use super::evidence::{CitedRow, PostgresEvidence};
use crate::assessment::{ComputedFigure, EvidenceItem};
use crate::catalogue::events;
use crate::figures::share;

/// Sessions that held locks of the wanted kinds, summed up over the samples in which another
/// session waited for such a lock.
#[derive(Debug, Default)]
pub(crate) struct LockHolders {
    /// Locked thing that was waited for most, as in `advisory lock 42` or `table p.orders`; empty
    /// if not known.
    pub(crate) thing: String,
    /// Statement whose sessions wait most often; empty if not known.
    pub(crate) waiting: String,
    /// Activities of the holders, each with its share of the samples from 0 to 1, the most frequent first.
    pub(crate) doing: Vec<(String, f64)>,
    /// Statement that the holders ran last, in most of the samples; empty if not known.
    pub(crate) statement: String,
    /// Name of the application that holds the locks, if at least half of the samples show a holder
    /// that is not of the load; empty if that application has no name.
    pub(crate) outsider: Option<String>,
    /// Age of the oldest transaction of any holder, in seconds; 0 if not known.
    pub(crate) oldest_s: f64,
    /// Evidence that the other fields rest on.
    pub(crate) evidence: Vec<EvidenceItem>,
}

impl LockHolders {
    /// All kinds of lock that sessions wait for, spelled as in the tables of locks.
    pub(crate) const KINDS: [&str; 6] = [
        "transactionid",
        "tuple",
        "relation",
        "advisory",
        "object",
        "extend",
    ];

    /// Finds the holders of locks of `kinds` (as in `transactionid`) that other sessions waited
    /// for; `None` if none was sampled.
    pub(crate) fn find(server: &PostgresEvidence<'_>, kinds: &[&str]) -> Option<Self> {
        let is_one = |lock: &str| {
            let kind = lock.split(' ').next().unwrap_or_default();
            kinds.contains(&kind)
        };
        let among = |table: TableName| -> Vec<CitedRow<'_>> {
            let rows = server.rows(table).into_iter();
            rows.filter(|row| is_one(row.label("lock"))).collect()
        };
        let roots = among(postgres_tables::blockers::TABLE);
        if !roots.is_empty() {
            return Some(Self::gather(server, &roots, &ROOTS));
        }
        let pairs = without_queues(among(postgres_tables::blocking::TABLE));
        (!pairs.is_empty()).then(|| Self::gather(server, &pairs, &PAIRS))
    }

    fn gather(server: &PostgresEvidence<'_>, rows: &[CitedRow<'_>], table: &HolderColumns) -> Self {
        let weight = |row: &CitedRow<'_>| row.count(table.weight);
        let most = |of: &dyn Fn(&CitedRow<'_>) -> String| most_of(rows, of, weight);
        let total: f64 = rows.iter().map(weight).sum();
        let mut doing: BTreeMap<String, f64> = BTreeMap::new();
        for row in rows {
            *doing.entry(what_it_does(row)).or_default() += weight(row) / total.max(f64::EPSILON);
        }
        let mut doing: Vec<(String, f64)> = doing.into_iter().collect();
        doing.sort_by(|a, b| b.1.total_cmp(&a.1));
        let ours = |row: &CitedRow<'_>| match row.label("ours") {
            // Without a label that tells: a holder of the load has the same application name as the waiting
            // sessions, which are of the load.
            "" => row.label(table.application) == row.label("waiting"),
            told => told == "true",
        };
        let outsiders: Vec<CitedRow<'_>> = rows.iter().filter(|row| !ours(row)).cloned().collect();
        let theirs: f64 = outsiders.iter().map(weight).sum();
        let outsider = most_of(
            &outsiders,
            &|row| row.label(table.application).to_owned(),
            weight,
        );
        let mut evidence: Vec<EvidenceItem> = rows
            .iter()
            .take(3)
            .flat_map(|row| {
                [
                    row.evidence(table.label, table.weight),
                    table
                        .behind
                        .and_then(|column| row.evidence("sessions behind this holder", column)),
                ]
            })
            .flatten()
            .collect();
        evidence.extend(server.evidence(names::postgres::LOCKS_WAITING_MEAN));
        Self {
            thing: most(&thing_of),
            waiting: most(&|row| row.label("waiting_statement").to_owned()),
            statement: most(&|row| row.label("blocking_statement").to_owned()),
            doing,
            outsider: (theirs >= 0.5 * total).then_some(outsider),
            oldest_s: rows
                .iter()
                .map(|row| row.count("transaction_age_max_s"))
                .fold(0.0, f64::max),
            evidence,
        }
    }

    /// Returns the shares of [`LockHolders::doing`] with the way in which they were computed.
    pub(crate) fn computed(&self) -> Vec<ComputedFigure> {
        const HOW: &str = "samples in which a holder did so ÷ all samples of holders";
        let doing = self.doing.iter();
        let share = |(what, part): &(String, f64)| {
            ComputedFigure::new(format!("share of the samples: {what}"), *part, HOW)
        };
        doing.map(share).collect()
    }

    /// Returns a sentence about the holders and their activities; empty if no activity is known.
    pub(crate) fn sentence(&self) -> String {
        let told: Vec<String> = self
            .doing
            .iter()
            .take(3)
            .filter(|(what, _)| !what.is_empty())
            .map(|(what, part)| format!("{what} (in {} of the samples)", share(*part)))
            .collect();
        if told.is_empty() {
            return String::new();
        }
        let who = match self.outsider.as_deref() {
            Some("") => "a session that is no part of the load".to_owned(),
            Some(name) => format!("{name}, which is no part of the load"),
            None => "another session of the load".to_owned(),
        };
        let last = match self.statement.as_str() {
            "" => String::new(),
            statement => format!(" Its last statement: {statement}."),
        };
        let age = if self.oldest_s >= 0.1 {
            let age = crate::figures::duration_ns(self.oldest_s * 1e9);
            format!(" The longest of their transactions was open for {age}.")
        } else {
            String::new()
        };
        format!(
            "Held by {who}; meanwhile the holder is {}.{last}{age}",
            told.join(", ")
        )
    }

    /// Returns the holders' most frequent activity, as in `idle in transaction`; empty if not
    /// known.
    pub(crate) fn mostly(&self) -> &str {
        self.doing.first().map_or("", |(what, _)| what)
    }
}

/// Removes pairs whose blocking session only waits in the same queue, because it runs the same
/// statement as waiting sessions. Keeps all pairs if none would remain.
fn without_queues(pairs: Vec<CitedRow<'_>>) -> Vec<CitedRow<'_>> {
    let queues = |row: &CitedRow<'_>| {
        let statement = row.label("blocking_statement");
        let waits = |other: &CitedRow<'_>| other.label("waiting_statement") == statement;
        row.label("blocking_state") == "active" && pairs.iter().any(waits) && !is_commit(statement)
    };
    let holders: Vec<CitedRow<'_>> = pairs.iter().filter(|row| !queues(row)).cloned().collect();
    if holders.is_empty() { pairs } else { holders }
}

/// Names of the columns of a table of blocking sessions, which differ between versions of the
/// report.
struct HolderColumns {
    weight: &'static str,
    application: &'static str,
    label: &'static str,
    /// Mean number of sessions behind a holder; `None` if the weight is that number.
    behind: Option<&'static str>,
}

const ROOTS: HolderColumns = HolderColumns {
    weight: "looks",
    application: "blocking_application",
    label: "samples that saw this holder",
    behind: Some("waiting_mean"),
};

const PAIRS: HolderColumns = HolderColumns {
    weight: "waiting_mean",
    application: "blocking",
    label: "sessions waiting for this holder",
    behind: None,
};

/// Returns the text that has the largest sum of weights over the rows; empty if all texts are empty.
fn most_of<'r>(
    rows: &[CitedRow<'r>],
    text: &dyn Fn(&CitedRow<'r>) -> String,
    weight: impl Fn(&CitedRow<'r>) -> f64,
) -> String {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for row in rows {
        *sums.entry(text(row)).or_default() += weight(row);
    }
    sums.remove("");
    let most = sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    most.map_or(String::new(), |(text, _)| text)
}

/// Names the locked thing in `row`: `advisory lock 42`, `table p.orders`; empty if the row has no
/// name.
fn thing_of(row: &CitedRow<'_>) -> String {
    let kind = row.label("lock").split(' ').next().unwrap_or_default();
    let relation = row.label("relation");
    match (kind, row.label("key"), relation) {
        ("advisory", key, _) if !key.is_empty() => format!("advisory lock {}", advisory(key)),
        ("object", "pg_database:0", _) => "the lock that NOTIFY takes at commit".to_owned(),
        (_, _, relation) if !relation.is_empty() => format!("table {relation}"),
        ("relation", key, _) if !key.is_empty() => format!("table {key}"),
        _ => String::new(),
    }
}

/// Converts the key of an advisory lock to the arguments of `pg_advisory_lock`: `0:42` becomes
/// `42`, and `7:42` becomes `(7, 42)`. A key without a colon stays as it is.
fn advisory(key: &str) -> String {
    match key.split_once(':') {
        Some(("0", object)) => object.to_owned(),
        Some((class, object)) => format!("({class}, {object})"),
        None => key.to_owned(),
    }
}

/// Activity of a holder that sleeps, with the name that the catalogue of wait events uses.
const SLEEPING: &str = "sleeping (pg_sleep)";

/// Describes what the holder in `row` does while other sessions wait for it; empty if its state is
/// not known.
fn what_it_does(row: &CitedRow<'_>) -> String {
    let state = row.label("blocking_state");
    let event = row.label("blocking_event");
    if state == "prepared transaction" {
        return "a prepared transaction that nobody has ended yet".to_owned();
    }
    if state.starts_with("idle in transaction") {
        return "idle in transaction: it waits for its client to go on".to_owned();
    }
    if event.is_empty() || event.starts_with("Lock.") {
        return match (state, row.label("blocking_statement")) {
            ("", _) => String::new(),
            (_, statement) if is_commit(statement) => "committing".to_owned(),
            (_, statement) if statement.to_lowercase().contains("pg_sleep") => SLEEPING.to_owned(),
            (_, _) if event.starts_with("Lock.") => "waiting for a lock itself".to_owned(),
            _ => "running a statement".to_owned(),
        };
    }
    let known = events::find(&event.to_lowercase());
    let named = event.replacen('.', ":", 1);
    known.map_or(named.clone(), |e| format!("{} ({named})", e.part))
}

fn is_commit(statement: &str) -> bool {
    let first = statement.split([' ', ';']).next().unwrap_or_default();
    ["COMMIT", "END"]
        .iter()
        .any(|word| first.eq_ignore_ascii_case(word))
}
