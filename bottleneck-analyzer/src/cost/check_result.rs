//! Results of checking one repeat.

use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, Rule};
use crate::own_time::{CausePart, OwnTime};

/// Cause with the time that it takes of each call in one repeat of the operating point.
#[derive(Debug, Clone)]
pub(crate) struct CauseCost {
    /// Name of the rule that found the cause.
    pub(crate) rule: Rule,
    /// Parts in which the time is spent, in order. They distinguish the cause from other causes of the same rule,
    /// and are the same in every repeat.
    pub(crate) key: Vec<CausePart>,
    /// Name of the thing at fault, as in `Lock:advisory 42`.
    pub(crate) thing: String,
    /// Mean time that a call spends in the cause, in nanoseconds.
    pub(crate) own_ns: f64,
    /// Bound for a finding: the share of the service time, from 0 to 1, that the cause must take.
    pub(crate) least: f64,
    /// True if the time could be avoided; only such a cause can be a problem.
    pub(crate) avoidable: bool,
    /// True if `own_ns` is a lower bound of the true time.
    pub(crate) lower_bound: bool,
    /// Highest confidence that the cause allows: medium if one of its conditions was not measured and is only
    /// likely.
    pub(crate) highest_confidence: Confidence,
    /// Title of a finding in one line, without the time.
    pub(crate) title: String,
    /// Explanation of the cause in a few sentences.
    pub(crate) detail: String,
    /// Evidence that `own_ns` rests on.
    pub(crate) evidence: Vec<EvidenceItem>,
    /// Figures of title and detail that were computed from evidence.
    pub(crate) computed: Vec<ComputedFigure>,
    /// Actions in order; empty if there is nothing to do.
    pub(crate) actions: Vec<String>,
    /// Reason why the actions help.
    pub(crate) rationale: String,
    /// True if at least one of `actions` needs a restart of a server or of the application.
    pub(crate) restart: bool,
}

impl CauseCost {
    /// Returns the name that tells the cause apart from others of its rule in the ids of findings.
    pub(crate) fn mark(&self) -> String {
        let texts: Vec<&str> = self.key.iter().map(CausePart::text).collect();
        texts.join("; ")
    }

    /// Returns the time that the cause takes of a call of `bench` by itself.
    pub(super) fn own_time(&self, bench: String) -> OwnTime {
        OwnTime::new(bench, self.rule, self.key.clone(), self.own_ns)
    }
}

/// Fact worth knowing about one repeat, whose cost was not measured.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    /// Name of the rule that found the fact.
    pub(crate) rule: Rule,
    /// Name of the thing that the fact is about.
    pub(crate) thing: String,
    /// Title of a finding in one line.
    pub(crate) title: String,
    /// Explanation of the fact in a few sentences.
    pub(crate) detail: String,
    /// Evidence that the fact rests on.
    pub(crate) evidence: Vec<EvidenceItem>,
    /// Figures of title and detail that were computed from evidence.
    pub(crate) computed: Vec<ComputedFigure>,
    /// Recommended actions, in order.
    pub(crate) actions: Vec<String>,
    /// Expected gain in words, without a figure, as in `fewer pages to read for each call`.
    pub(crate) gain: String,
    /// Reason why the actions help.
    pub(crate) rationale: String,
}

/// Result of one check of one repeat of the operating point.
#[derive(Debug, Clone)]
pub(crate) enum CheckResult {
    /// Cause with its cost in the repeat, large or small.
    Cost(CauseCost),
    /// Fact worth knowing without a measured cost.
    Note(Note),
    /// Passed check: the rule, a statement with the figure, and its evidence.
    Fine(Rule, String, Vec<EvidenceItem>),
    /// Open question: the rule, the question, and the measurement that would answer it.
    Unknown(Rule, String, String),
}
