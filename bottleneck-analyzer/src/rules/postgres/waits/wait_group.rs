//! Group of wait events that are counted together.

use std::collections::BTreeMap;

use bench_report::names::postgres_tables;

use crate::assessment::Rule;
use crate::catalogue::events::{WaitEvent, WaitKind};
use crate::own_time::CausePart;
use crate::postgres::waits::Wait;
use crate::postgres::{CitedRow, PostgresEvidence};

/// Smallest mean number of sessions outside the load waiting for the same event at which the
/// finding names them.
const LEAST_BESIDE: f64 = 0.1;

/// Kinds of lock that a session may have waited for if the report does not name events.
const LOCK_KINDS: [&str; 6] = [
    "transactionid",
    "tuple",
    "relation",
    "advisory",
    "object",
    "extend",
];

/// Waits for the events of one entry of the catalogue, or for one event that the catalogue does not have.
pub(super) struct WaitGroup {
    pub(super) event: Option<&'static WaitEvent>,
    pub(super) waits: Vec<Wait>,
}

/// Groups waits by their entry in the catalogue; each event without an entry becomes a group of its
/// own.
pub(super) fn groups(waits: Vec<Wait>) -> Vec<WaitGroup> {
    let mut groups: BTreeMap<String, WaitGroup> = BTreeMap::new();
    for wait in waits {
        let event = wait.event();
        let key = event.map_or_else(|| wait.key.clone(), |event| event.part.clone());
        let group = groups.entry(key).or_insert_with(|| WaitGroup {
            event,
            waits: Vec::new(),
        });
        group.waits.push(wait);
    }
    groups.into_values().collect()
}

impl WaitGroup {
    /// Returns the mean number of the load's sessions that wait for events of the group at the same
    /// time.
    pub(super) fn sessions(&self) -> f64 {
        self.waits.iter().map(|wait| wait.sessions).sum()
    }

    /// Returns the wait with the most sessions; `None` if the group is empty.
    pub(super) fn main(&self) -> Option<&Wait> {
        let all = self.waits.iter();
        all.max_by(|a, b| a.sessions.total_cmp(&b.sessions))
    }

    /// Names the events, the most frequent first: `Lock:transactionid, Lock:tuple`.
    pub(super) fn names(&self) -> String {
        let mut waits: Vec<&Wait> = self.waits.iter().collect();
        waits.sort_by(|a, b| b.sessions.total_cmp(&a.sessions));
        let names: Vec<&str> = waits.iter().map(|wait| wait.shown.as_str()).collect();
        names.join(", ")
    }

    /// Returns true if the group contains the event `key`, in lower case as in `lock.tuple`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.waits.iter().any(|wait| wait.key == key)
    }

    /// Returns the kind of waiting time; events that the catalogue does not have count as a queue.
    pub(super) fn kind(&self) -> WaitKind {
        self.event.map_or(WaitKind::Queue, |event| event.kind)
    }

    /// Returns the part of the time model that distinguishes the group from other causes of its rule. It has
    /// the title of the catalogue's entry, so a whole class and its single events have the same part;
    /// without an entry it has the name of `main`.
    pub(super) fn cause_part(&self, main: &Wait) -> CausePart {
        match self.event {
            Some(event) => CausePart::Title(event.part.clone()),
            None => CausePart::Name(main.key.clone()),
        }
    }

    /// Returns the name of the rule that reports the group; `other_waits` if the catalogue has no
    /// entry.
    pub(super) fn rule(&self) -> Rule {
        self.event.map_or(Rule::OtherWaits, |event| event.rule)
    }

    /// Returns the kinds of lock in the group, spelled as in the tables of locks: `transactionid`,
    /// `tuple`. All kinds if the report does not name the events of locks.
    pub(super) fn lock_kinds(&self) -> Vec<&str> {
        let named = self.waits.iter();
        let mut kinds: Vec<&str> = named
            .filter_map(|w| w.shown.strip_prefix("Lock:"))
            .collect();
        if self.has("lock") {
            kinds.extend(LOCK_KINDS);
        }
        kinds
    }

    /// Returns true if at least one session, on average, waits for the log flush of another session.
    pub(super) fn is_behind_other_flushes(&self) -> bool {
        let queue = self.waits.iter();
        let queue = queue.filter(|wait| wait.key == "lwlock.walwrite");
        queue.map(|wait| wait.sessions).sum::<f64>() >= 1.0
    }

    /// Iterates over the rows of background processes and other applications of which a tenth of a
    /// session or more, on average, waits for an event of the group.
    pub(super) fn beside_load<'a>(
        &self,
        server: &PostgresEvidence<'a>,
    ) -> impl Iterator<Item = CitedRow<'a>> {
        let rows = server.rows(postgres_tables::backends::TABLE).into_iter();
        rows.filter(move |row| {
            let event = row.label("event").to_lowercase();
            let is_load = matches!(row.label("application"), "ours" | "watch");
            !is_load && row.count("sessions_mean") >= LEAST_BESIDE && self.has(&event)
        })
    }
}
