//! Result of a check of one repeat.

use crate::assessment::EvidenceItem;

/// A cause with the time that it takes of each call.
#[derive(Debug, Clone)]
pub(crate) struct CauseCost {
    /// The rule that tells of it.
    pub(crate) rule: &'static str,
    /// Tells it from the rule's other causes, the same in every repeat.
    pub(crate) key: String,
    /// The thing as it is named.
    pub(crate) thing: String,
    /// Mean time that a call spends in it, in nanoseconds.
    pub(crate) own_ns: f64,
    /// Share of the time in service from which it is told at all.
    pub(crate) least: f64,
    /// True if the time could be avoided.
    pub(crate) avoidable: bool,
    /// True if more time than `own_ns` goes into it for sure.
    pub(crate) lower_bound: bool,
    /// One line, without its figure.
    pub(crate) title: String,
    /// A few sentences.
    pub(crate) detail: String,
    /// Places in the report.
    pub(crate) evidence: Vec<EvidenceItem>,
    /// Actions, in order; none where there is nothing to do.
    pub(crate) actions: Vec<String>,
    /// Reason for which that helps.
    pub(crate) rationale: String,
    /// True if an action needs a restart.
    pub(crate) restart: bool,
}

/// Worth knowing, at a price that was not measured.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    /// The rule that tells of it.
    pub(crate) rule: &'static str,
    /// The thing as it is named.
    pub(crate) thing: String,
    /// One line.
    pub(crate) title: String,
    /// A few sentences.
    pub(crate) detail: String,
    /// Places in the report.
    pub(crate) evidence: Vec<EvidenceItem>,
    /// Actions, in order.
    pub(crate) actions: Vec<String>,
    /// Gain to expect of it.
    pub(crate) gain: String,
    /// Reason for which that helps.
    pub(crate) rationale: String,
}

/// Result of one look at one step.
#[derive(Debug, Clone)]
pub(crate) enum CheckResult {
    /// A cause, large or small.
    Cost(CauseCost),
    /// Worth knowing.
    Note(Note),
    /// Nothing to find, with its figure.
    Fine(&'static str, String, Vec<EvidenceItem>),
    /// A figure is missing: the question, and the measurement that would tell.
    Unknown(&'static str, String, String),
}
