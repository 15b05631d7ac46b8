//! Sentences about waits that rest on counters of the server: how often and how long it flushed, read and
//! wrote, and for whom. They sharpen the cause that the catalogue gives for an event.

mod locks;
mod log;
mod reads;
mod standbys;
mod writes;

use bench_report::names::FigureName;

use super::wait_group::WaitGroup;
use crate::assessment::{EvidenceItem, Rule};
use crate::catalogue::events::WaitKind;
use crate::cost::RepeatFacts;
use crate::postgres::PostgresEvidence;

/// What the server's counters tell about a group of waits; empty if they tell nothing.
pub(super) struct CounterFacts<'r, 'a> {
    server: &'r PostgresEvidence<'a>,
    /// Sentences, each with a space before it.
    pub(super) text: String,
    /// Evidence of the sentences.
    pub(super) evidence: Vec<EvidenceItem>,
    /// Actions that come before those of the catalogue.
    pub(super) actions: Vec<String>,
    /// Settings that the counters acquit: the catalogue's actions about them are left out.
    pub(super) acquitted: Vec<&'static str>,
}

impl<'r, 'a> CounterFacts<'r, 'a> {
    /// Reads the counters that concern `group` in one repeat.
    pub(super) fn read(repeat: &'r RepeatFacts<'a, '_>, group: &WaitGroup) -> Self {
        let mut facts = Self {
            server: &repeat.server,
            text: String::new(),
            evidence: Vec::new(),
            actions: Vec::new(),
            acquitted: Vec::new(),
        };
        match group.rule() {
            Rule::CommitWaits if group.kind() == WaitKind::Durable => log::flushes(&mut facts),
            Rule::LwlockWaits if group.has("lwlock.walbufmapping") => log::full_buffers(&mut facts),
            Rule::ReadWaits => reads::reads(&mut facts, group),
            Rule::IoWaits if writes::is_of_pages(group) => writes::by_whom(&mut facts, group),
            Rule::IoWaits if writes::is_of_flushes(group) => writes::flushes(&mut facts),
            Rule::SyncReplica => standbys::delays(&mut facts),
            Rule::LockWaits => locks::queue(&mut facts),
            Rule::KeptTransactions => locks::kept(&mut facts),
            _ => {}
        }
        facts
    }

    /// Returns the actions of the counters, then those of `actions` that no counter acquits.
    pub(super) fn join_actions(&self, actions: Vec<String>) -> Vec<String> {
        let helps = |action: &String| !self.acquitted.iter().any(|name| action.contains(name));
        let mut joined = self.actions.clone();
        joined.extend(actions.into_iter().filter(helps));
        joined
    }

    fn figure(&self, name: FigureName) -> Option<f64> {
        self.server.figure(name)
    }

    /// Returns the figure `name` if it is above 0.
    fn positive(&self, name: FigureName) -> Option<f64> {
        self.figure(name).filter(|value| *value > 0.0)
    }

    /// Adds a sentence with the figures that it rests on.
    fn say(&mut self, sentence: &str, names: &[FigureName]) {
        self.text += &format!(" {sentence}");
        self.cite(names);
    }

    /// Adds figures as evidence, each once.
    fn cite(&mut self, names: &[FigureName]) {
        for item in names.iter().filter_map(|name| self.server.evidence(*name)) {
            if !self.evidence.contains(&item) {
                self.evidence.push(item);
            }
        }
    }

    /// Returns the first of `pairs`, names of a count and of its time, whose count is above 0.
    fn timed_count(&self, pairs: &[(FigureName, FigureName)]) -> Option<TimedCount> {
        pairs.iter().find_map(|(count, ns)| {
            Some(TimedCount {
                names: [*count, *ns],
                count: self.positive(*count)?,
                ns: self.positive(*ns),
            })
        })
    }
}

/// Count of operations with their time.
struct TimedCount {
    /// Names of the count and of the time.
    names: [FigureName; 2],
    count: f64,
    /// Time of all operations, in nanoseconds; `None` if it was not measured.
    ns: Option<f64>,
}

impl TimedCount {
    /// Returns the mean time of an operation, in nanoseconds; `None` if it was not measured.
    fn each_ns(&self) -> Option<f64> {
        Some(self.ns? / self.count)
    }
}
