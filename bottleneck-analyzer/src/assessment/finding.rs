//! Conclusions of the rules: findings, checks that found nothing, and open questions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComponentKind, ComputedFigure, EvidenceItem, FindingId, Rule};

/// Confidence in a conclusion, from `Low` to `High`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Confidence {
    /// Doubtful: the effect is inside the noise, or a warning spoils the figures.
    Low,
    /// Likely, but another explanation is possible.
    Medium,
    /// Well outside the noise, on reliable figures.
    High,
}

impl Confidence {
    /// Returns the name shown to people, as in `medium`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Returns the factor, from 0 to 1, by which the impact of a finding is multiplied for the
    /// ranking.
    pub(crate) fn weight(self) -> f64 {
        match self {
            Self::Low => 0.3,
            Self::Medium => 0.6,
            Self::High => 1.0,
        }
    }
}

/// Kinds of finding, as in Oracle's Automatic Database Diagnostic Monitor (ADDM).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FindingKind {
    /// Cause that keeps a component from its objective.
    Problem,
    /// Consequence of a cause; the cause is usually the finding named by `parent`.
    Symptom,
    /// Fact worth knowing; nothing is wrong.
    Information,
}

impl FindingKind {
    /// Returns the name shown to people, as in `problem`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Symptom => "symptom",
            Self::Information => "information",
        }
    }
}

/// Quantity of which an impact is a share: response time, capacity, requests or session time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImpactOf {
    /// The mean response time at the operating point.
    ResponseTime,
    /// The throughput, or the CPU time that would allow more throughput.
    Capacity,
    /// The number of requests.
    Requests,
    /// The time of the server's active sessions, where no client timed the calls.
    SessionTime,
}

/// Limit that throughput reaches next when a cause is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NextLimit {
    /// Processors that server and generator may use.
    Cpu,
    /// Lock that one call at a time may hold.
    HotLock,
    /// Size of the pool.
    Pool,
    /// Number of users, each of whom waits for one call at a time.
    Users,
}

impl NextLimit {
    /// Returns the name shown to people, as in `the CPU`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "the CPU",
            Self::HotLock => "the hot lock",
            Self::Pool => "the size of the pool",
            Self::Users => "the number of users",
        }
    }
}

/// Share of a quantity that would be gained if one cause were removed. Impacts of several causes
/// overlap, so their sum may exceed the whole; only the figures named `…_after…` add up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Impact {
    /// Share of the quantity `of` that would be gained, from 0 to 1.
    pub ratio: f64,
    /// Quantity of which `ratio` is a share, as in the response time.
    pub of: ImpactOf,
    /// Mean response time that would be gained at the same load, in nanoseconds: `ratio` × the mean
    /// response time. Absent unless `of` is the response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_ns: Option<f64>,
    /// Possible throughput ÷ measured throughput − 1. The possible throughput is the one at which
    /// the next limit is reached. Absent if it is not known or not above the measured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_gain_ratio: Option<f64>,
    /// Limit at which the possible throughput ends. Absent if the throughput was measured at another setting,
    /// or is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_limit: Option<NextLimit>,
    /// Mean response time that would be gained at the same load, in nanoseconds, if the problems of the same
    /// component that are listed before this one were already removed. These times add up. Absent if no
    /// problem is listed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_after_ns: Option<f64>,
    /// Possible throughput ÷ possible throughput without the problems of the same component that are listed
    /// before this one − 1. Absent if no problem is listed before, or if it is not known or not above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_gain_after_ratio: Option<f64>,
    /// Smallest `saved_ns` over the repeats of the operating point, in nanoseconds; a repeat without the
    /// cause counts as 0. Absent with fewer than two repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_least_ns: Option<f64>,
    /// Largest `saved_ns` over the repeats of the operating point, in nanoseconds. Absent with fewer than two
    /// repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_most_ns: Option<f64>,
}

impl Impact {
    /// Creates an impact of which only the share `ratio` of the quantity `of` is known.
    pub(crate) fn share(ratio: f64, of: ImpactOf) -> Self {
        Self {
            ratio,
            of,
            saved_ns: None,
            capacity_gain_ratio: None,
            next_limit: None,
            saved_after_ns: None,
            capacity_gain_after_ratio: None,
            saved_least_ns: None,
            saved_most_ns: None,
        }
    }

    /// Returns the smallest and the largest saved time over the repeats, in nanoseconds; `None` with fewer
    /// than two repeats.
    pub(crate) fn saved_range_ns(&self) -> Option<(f64, f64)> {
        self.saved_least_ns.zip(self.saved_most_ns)
    }
}

/// Advice about a finding: actions with the gain to expect from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Advice")]
pub(crate) struct FindingAdvice {
    /// Recommended actions, in the order in which to take them.
    pub actions: Vec<String>,
    /// Expected gain in words.
    pub expected_gain: String,
    /// Reason why the actions help.
    pub rationale: String,
    /// True if at least one of the `actions` needs a restart of a server or of the application.
    pub needs_restart: bool,
}

/// One conclusion of a rule about a cause, a consequence or a fact, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Finding {
    /// Rule and bench, as in `pool_too_small:postgres.sweep`. The name of the thing at fault follows if the
    /// rule has several findings about the bench. `parent` of other findings refers to this id.
    #[schemars(with = "String")]
    pub id: FindingId,
    /// Component that the finding is about.
    pub component: ComponentKind,
    /// Kind of the finding: problem, symptom or information.
    pub kind: FindingKind,
    /// Name of the thing at fault, as in `Lock:advisory 42`, `SQLSTATE 40001` or `p.orders`; absent
    /// if the rule names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing: Option<String>,
    /// Summary of the finding in one line.
    pub title: String,
    /// Explanation of the finding in a few sentences, with the figures.
    pub detail: String,
    /// Time, capacity or requests that would be gained without the cause; absent if nothing is wrong or the
    /// impact was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// True if the cause made calls slower than the objective allows, although it occurs too rarely to change
    /// the mean: an episode or a stall.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaks_objective: bool,
    /// Confidence in the finding.
    pub confidence: Confidence,
    /// Value by which findings of one group are ordered, the highest first: ratio of the impact × weight of
    /// the confidence, where the impact is the one after the problems listed before, if that is known; 0
    /// without a measured impact.
    pub score: f64,
    /// Evidence that the finding rests on.
    pub evidence: Vec<EvidenceItem>,
    /// Figures of title and explanation that were computed from evidence. Empty if each is the value of a piece
    /// of evidence, or the sum, difference, product or quotient of two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed: Vec<ComputedFigure>,
    /// Id of the finding that causes this one; absent if no other finding explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub parent: Option<FindingId>,
    /// Ids of the problems whose saved times overlap with this one's over the repeats, so that which of them
    /// costs more is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub not_ordered_with: Vec<FindingId>,
    /// Advice about the cause; absent if there is nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<FindingAdvice>,
}

impl Finding {
    /// Returns the rule that the finding comes from.
    pub(crate) fn rule(&self) -> Rule {
        self.id.rule
    }

    /// Returns true if the finding is about `subject`: the id of a bench, as in `postgres.sweep`,
    /// or `machine`.
    pub(crate) fn is_about(&self, subject: &str) -> bool {
        self.id.subject == subject
    }

    /// Returns true if the confidence is above low: the finding is outside the noise and rests on
    /// reliable figures.
    pub(crate) fn is_sure(&self) -> bool {
        self.confidence > Confidence::Low
    }
}

/// Check of a rule that found nothing wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RuledOut {
    /// Name of the rule.
    #[schemars(with = "String")]
    pub rule: Rule,
    /// Component that was checked.
    pub component: ComponentKind,
    /// Statement in words, with the figure that is within its bound.
    pub statement: String,
    /// Evidence that the statement rests on.
    pub evidence: Vec<EvidenceItem>,
}

/// Question of a rule that the reports cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Unknown {
    /// Name of the rule that could not decide.
    #[schemars(with = "String")]
    pub rule: Rule,
    /// Component that the question is about.
    pub component: ComponentKind,
    /// The question, with the reason why it is open.
    pub question: String,
    /// Measurement that would answer the question, in words.
    #[serde(alias = "would_tell")]
    pub to_find_out: String,
}
