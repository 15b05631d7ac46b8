//! Place for the conclusions of rules. Requirements on every finding are enforced here, once:
//! no confidence on spoilt figures, nothing ruled out by them, no impact beyond the whole.

use crate::assessment::{
    ComponentKind, Confidence, EvidenceItem, Finding, FindingAdvice, FindingKind, Impact, ImpactOf,
};

/// A finding in the making.
#[derive(Debug)]
pub(crate) struct FindingDraft {
    finding: Finding,
}

impl FindingDraft {
    /// A finding of `rule` about `subject` (a component or a bench), one of its kind per subject.
    pub(crate) fn new(
        rule: &str,
        subject: &str,
        component: ComponentKind,
        kind: FindingKind,
    ) -> Self {
        Self {
            finding: Finding {
                id: format!("{rule}:{subject}"),
                component,
                kind,
                thing: None,
                title: String::new(),
                detail: String::new(),
                impact: None,
                breaks_objective: false,
                confidence: Confidence::Medium,
                score: 0.0,
                evidence: Vec::new(),
                parent: None,
                advice: None,
            },
        }
    }

    /// Ends the draft.
    pub(crate) fn into_finding(self) -> Finding {
        self.finding
    }

    /// One line, and the sentences below it.
    #[must_use]
    pub(crate) fn says(mut self, title: impl Into<String>, detail: impl Into<String>) -> Self {
        self.finding.title = title.into();
        self.finding.detail = detail.into();
        self
    }

    /// Puts `words` before its line.
    #[must_use]
    pub(crate) fn prefixed(mut self, words: &str) -> Self {
        self.finding.title.insert_str(0, words);
        self
    }

    /// Impact: time or capacity that would come back.
    #[must_use]
    pub(crate) fn impact(mut self, ratio: f64, of: ImpactOf) -> Self {
        self.finding.impact = ratio.is_finite().then(|| Impact {
            ratio: ratio.clamp(0.0, 1.0),
            of,
            saved_ns: None,
            capacity_gain_ratio: None,
        });
        self
    }

    /// Time that would come back of a mean response time of `whole_ns`, at the same load.
    #[must_use]
    pub(crate) fn saves(mut self, ns: f64, whole_ns: f64) -> Self {
        self = self.impact(ns / whole_ns, ImpactOf::ResponseTime);
        if let Some(impact) = &mut self.finding.impact {
            impact.saved_ns = Some(ns.clamp(0.0, whole_ns));
        }
        self
    }

    /// Rise of throughput, until the next limit.
    #[must_use]
    pub(crate) fn raises_capacity(mut self, gain: Option<f64>) -> Self {
        if let Some(impact) = &mut self.finding.impact {
            impact.capacity_gain_ratio = gain.filter(|g| g.is_finite() && *g > 0.0);
        }
        self
    }

    /// Calls took longer than the objective allows because of it.
    #[must_use]
    pub(crate) fn breaks_objective(mut self, breaks: bool) -> Self {
        self.finding.breaks_objective = breaks;
        self
    }

    /// The thing that it names.
    #[must_use]
    pub(crate) fn thing(mut self, thing: impl Into<String>) -> Self {
        self.finding.thing = Some(thing.into());
        self
    }

    /// Told from the rule's other findings about the same subject by `mark`.
    #[must_use]
    pub(crate) fn one_of_several(mut self, mark: &str) -> Self {
        let mark = mark.replace(':', ".");
        self.finding.id = format!("{}:{mark}", self.finding.id);
        self
    }

    /// Confidence on sound figures.
    #[must_use]
    pub(crate) fn confidence(mut self, confidence: Confidence) -> Self {
        self.finding.confidence = confidence;
        self
    }

    /// Evidence that it rests on.
    #[must_use]
    pub(crate) fn evidence(mut self, evidence: impl IntoIterator<Item = EvidenceItem>) -> Self {
        self.finding.evidence.extend(evidence);
        self
    }

    /// Cause of it.
    #[must_use]
    pub(crate) fn parent(mut self, parent: Option<String>) -> Self {
        self.finding.parent = parent;
        self
    }

    /// Advice.
    #[must_use]
    pub(crate) fn advice(
        mut self,
        actions: &[&str],
        expected_gain: impl Into<String>,
        rationale: &str,
    ) -> Self {
        self.finding.advice = Some(FindingAdvice {
            actions: actions.iter().map(ToString::to_string).collect(),
            expected_gain: expected_gain.into(),
            rationale: rationale.to_owned(),
            needs_restart: false,
        });
        self
    }

    /// The advice needs a restart of the server or of the application.
    #[must_use]
    pub(crate) fn needs_restart(mut self) -> Self {
        if let Some(advice) = &mut self.finding.advice {
            advice.needs_restart = true;
        }
        self
    }
}

/// Confidence by the distance of `value` past `threshold`: past twice the noise high, past the
/// noise medium, else low. A share's distance is what is left between the two.
pub(crate) fn confidence_past(value: f64, threshold: f64, noise: f64) -> Confidence {
    let distance = (value - threshold).abs();
    if distance > 2.0 * noise {
        Confidence::High
    } else if distance > noise {
        Confidence::Medium
    } else {
        Confidence::Low
    }
}
