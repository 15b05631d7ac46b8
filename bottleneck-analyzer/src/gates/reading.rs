//! Measured figure of a gate, and the decision on it.

use bench_report::WarningCode;

use crate::assessment::{EvidenceItem, GateOutcome};
use crate::figures;
use crate::requirement::{GateBound, Requirement};
use crate::source_report::SourceReport;

use super::interval::ValueInterval;

/// Reason for an unknown gate of a bench without an operating point.
pub(super) const NO_STEP: &str =
    "no setting held to the end of its step with requests that succeeded";

/// Reservation about a gate that passed although the generator was late.
const LATE: &str = "with the generator's own delay in it";

/// Reason for an unknown gate whose figure a warning spoils.
const SPOILT: &str = "a warning spoils the figure";

/// Reason for an unknown gate whose figure is a lower bound.
const UNANSWERED: &str = "it falls among requests that were never answered, and may be higher";

/// Warnings about the generator's own delay. It is part of a measured latency and can only have made it
/// larger.
const LATENESS: [WarningCode; 2] = [WarningCode::PacingLag, WarningCode::GeneratorStalled];

/// Doubt about a measured figure: which way the true figure may differ.
#[derive(Clone, Copy, PartialEq)]
enum Doubt {
    None,
    /// The true figure may be smaller, not larger.
    TooLarge,
    /// The true figure may be larger: it is a lower bound.
    TooSmall,
    Spoiled,
}

/// Measured figure that a gate judges, with its evidence.
pub(super) struct GateMeasurement {
    value: f64,
    /// Values between which the true one lies, for all that the measurement can tell.
    interval: ValueInterval,
    doubt: Doubt,
    evidence: Vec<EvidenceItem>,
    /// Words about the figure that are shown with it.
    note: Option<String>,
}

/// Measured figure of one repeat, or the reason why the repeat has none.
pub(super) type GateReading = Result<GateMeasurement, String>;

impl GateMeasurement {
    /// Creates a measurement without uncertainty. Warnings of `source` that spoil its evidence make
    /// it doubtful.
    pub(super) fn new(source: &SourceReport, value: f64, evidence: Vec<EvidenceItem>) -> Self {
        let doubts = evidence.iter().flat_map(|e| source.spoiling(&e.pointer));
        let doubt = doubts.fold(Doubt::None, |so_far, warning| match so_far {
            Doubt::None | Doubt::TooLarge if LATENESS.contains(&warning.code) => Doubt::TooLarge,
            _ => Doubt::Spoiled,
        });
        Self {
            value,
            interval: (value, value),
            doubt,
            evidence,
            note: None,
        }
    }

    /// Sets the values between which the true one lies. `None` leaves them as they are.
    pub(super) fn within(mut self, interval: Option<ValueInterval>) -> Self {
        if let Some((low, high)) = interval {
            self.interval = (low.min(self.value), high.max(self.value));
        }
        self
    }

    /// Marks the figure as a lower bound, unless it has another reservation.
    pub(super) fn at_least(mut self) -> Self {
        if self.doubt == Doubt::None {
            self.doubt = Doubt::TooSmall;
            self.interval.0 = self.value;
        }
        self
    }

    /// Adds words that are shown with the figure.
    pub(super) fn note(mut self, note: Option<String>) -> Self {
        self.note = note;
        self
    }

    /// Returns true if the true figure is certainly past the bound.
    fn fails(&self, bound: GateBound) -> bool {
        let best = if bound.is_least {
            self.interval.1
        } else {
            self.interval.0
        };
        let is_sure = match self.doubt {
            Doubt::None => true,
            Doubt::TooSmall => !bound.is_least,
            Doubt::TooLarge | Doubt::Spoiled => false,
        };
        is_sure && !bound.holds(best)
    }

    /// Returns the reason why it is not certain that the true figure is within the bound of
    /// `requirement`; `None` if it is certain. Valid only for figures for which
    /// [`GateMeasurement::fails`] is false.
    fn is_open(&self, requirement: Requirement) -> Option<String> {
        let bound = requirement.bound;
        let worst = if bound.is_least {
            self.interval.0
        } else {
            self.interval.1
        };
        let is_within = bound.holds(worst);
        match self.doubt {
            Doubt::None if is_within => None,
            Doubt::TooLarge if is_within && !bound.is_least => None,
            Doubt::None => Some(self.near(requirement)),
            Doubt::TooSmall => Some(UNANSWERED.to_owned()),
            Doubt::TooLarge | Doubt::Spoiled => Some(SPOILT.to_owned()),
        }
    }

    /// Returns the reason for an unknown gate whose figure is too near its bound.
    fn near(&self, requirement: Requirement) -> String {
        let show = |value| figures::show(requirement.figure.unit(), value);
        let (low, high) = self.interval;
        format!(
            "too near the bound to tell: the true value may be {} to {}",
            show(low),
            show(high)
        )
    }
}

/// Decision on a gate, with the figure that it rests on.
pub(super) struct GateDecision {
    pub(super) outcome: GateOutcome,
    /// Reason for the outcome, or a reservation about it.
    pub(super) reason: Option<String>,
    /// Value of the worst repeat.
    pub(super) measured: Option<f64>,
    /// Values between which the true value of the worst repeat lies; `None` if the figure is exact.
    pub(super) interval: Option<ValueInterval>,
    /// Number of repeats that certainly break the bound, and number of repeats.
    pub(super) broken: (usize, usize),
    pub(super) evidence: Vec<EvidenceItem>,
}

/// Decides a gate: it fails if a figure is certainly past the bound, passes if all figures are
/// certainly within, and is unknown otherwise. The worst figure is the one shown.
pub(super) fn decide(requirement: Requirement, readings: Vec<GateReading>) -> GateDecision {
    let bound = requirement.bound;
    let all = readings.len();
    let mut open = readings.iter().find_map(|r| r.as_ref().err().cloned());
    if readings.is_empty() {
        open = Some(NO_STEP.to_owned());
    }
    let mut figures: Vec<GateMeasurement> = readings.into_iter().flatten().collect();
    figures.sort_by(|a, b| bound.badness(b.value).total_cmp(&bound.badness(a.value)));
    let broken = figures.iter().filter(|f| f.fails(bound)).count();
    let decided = |outcome, reason, worst: Option<&GateMeasurement>, evidence| GateDecision {
        outcome,
        reason,
        measured: worst.map(|f| f.value),
        interval: worst.map(|f| f.interval).filter(|(low, high)| low < high),
        broken: (broken, all),
        evidence,
    };
    if let Some(worst) = figures.iter().find(|f| f.fails(bound)) {
        let counted = (all > 1).then(|| format!("in {broken} of {all} repeats"));
        let reason = joined([counted, worst.note.clone()]);
        return decided(
            GateOutcome::Fail,
            reason,
            Some(worst),
            worst.evidence.clone(),
        );
    }
    let open = open.or_else(|| figures.iter().find_map(|f| f.is_open(requirement)));
    let is_late = figures.iter().any(|f| f.doubt == Doubt::TooLarge);
    let late = is_late.then(|| LATE.to_owned());
    let note = figures.iter().find_map(|f| f.note.clone());
    let (outcome, reason) = match open {
        Some(reason) => (GateOutcome::Unknown, Some(reason)),
        None => (GateOutcome::Pass, joined([late, note])),
    };
    let evidence = figures.iter().flat_map(|f| f.evidence.iter().cloned());
    let evidence = evidence.collect();
    decided(outcome, reason, figures.first(), evidence)
}

fn joined(reasons: [Option<String>; 2]) -> Option<String> {
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}
