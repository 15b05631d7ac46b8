//! Sentences about waits, with their evidence, that rest on counters of the server.

use bench_report::names::FigureName;

use crate::assessment::EvidenceItem;
use crate::postgres::PostgresEvidence;

/// Sentences, evidence and advice about a group of waits from the server's counters; empty if they tell
/// nothing.
pub(in crate::rules::postgres::waits) struct CounterFacts<'r, 'a> {
    pub(super) server: &'r PostgresEvidence<'a>,
    /// Sentences, each with a space before it.
    pub(in crate::rules::postgres::waits) text: String,
    /// Evidence of the sentences.
    pub(in crate::rules::postgres::waits) evidence: Vec<EvidenceItem>,
    /// Actions that come before those of the catalogue.
    pub(in crate::rules::postgres::waits) actions: Vec<String>,
    /// Settings that the counters acquit: the catalogue's actions about them are left out.
    pub(in crate::rules::postgres::waits) acquitted: Vec<&'static str>,
}

impl<'r, 'a> CounterFacts<'r, 'a> {
    /// Creates facts that tell nothing yet, of the server in one repeat.
    pub(super) fn new(server: &'r PostgresEvidence<'a>) -> Self {
        Self {
            server,
            text: String::new(),
            evidence: Vec::new(),
            actions: Vec::new(),
            acquitted: Vec::new(),
        }
    }

    /// Returns the actions of the counters, then those of `actions` that no counter acquits.
    pub(in crate::rules::postgres::waits) fn join_actions(
        &self,
        actions: Vec<String>,
    ) -> Vec<String> {
        let helps = |action: &String| !self.acquitted.iter().any(|name| action.contains(name));
        let mut joined = self.actions.clone();
        joined.extend(actions.into_iter().filter(helps));
        joined
    }

    pub(super) fn figure(&self, name: FigureName) -> Option<f64> {
        self.server.figure(name)
    }

    /// Returns the figure `name` if it is above 0.
    pub(super) fn positive(&self, name: FigureName) -> Option<f64> {
        self.figure(name).filter(|value| *value > 0.0)
    }

    /// Adds a sentence with the figures that it rests on.
    pub(super) fn say(&mut self, sentence: &str, names: &[FigureName]) {
        self.text += &format!(" {sentence}");
        self.cite(names);
    }

    /// Adds figures as evidence, each once.
    pub(super) fn cite(&mut self, names: &[FigureName]) {
        for item in names.iter().filter_map(|name| self.server.evidence(*name)) {
            if !self.evidence.contains(&item) {
                self.evidence.push(item);
            }
        }
    }

    /// Returns the first of `pairs`, names of a count and of its time, whose count is above 0.
    pub(super) fn timed_count(&self, pairs: &[(FigureName, FigureName)]) -> Option<TimedCount> {
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
pub(super) struct TimedCount {
    /// Names of the count and of the time.
    pub(super) names: [FigureName; 2],
    pub(super) count: f64,
    /// Time of all operations, in nanoseconds; `None` if it was not measured.
    pub(super) ns: Option<f64>,
}

impl TimedCount {
    /// Returns the mean time of an operation, in nanoseconds; `None` if it was not measured.
    pub(super) fn each_ns(&self) -> Option<f64> {
        Some(self.ns? / self.count)
    }
}
