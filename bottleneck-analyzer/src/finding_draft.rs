//! Builder of findings.

use crate::assessment::{
    ComponentKind, ComputedFigure, Confidence, EvidenceItem, Finding, FindingAdvice, FindingId,
    FindingKind, Impact, ImpactOf, Rule,
};
use crate::capacity_gain::CapacityGain;
use crate::own_time::OwnTime;

/// Finding under construction. An impact above the whole is reduced to the whole.
#[derive(Debug)]
pub(crate) struct FindingDraft {
    finding: Finding,
    own_time: Option<OwnTime>,
}

impl FindingDraft {
    /// Begins a finding of `rule` about `subject`, which is the id of a bench or `machine`. The id
    /// of the finding is made of both, so a rule with several findings about one subject must call
    /// [`FindingDraft::one_of_several`].
    pub(crate) fn new(
        rule: Rule,
        subject: &str,
        component: ComponentKind,
        kind: FindingKind,
    ) -> Self {
        Self {
            finding: Finding {
                id: FindingId::new(rule, subject),
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
                computed: Vec::new(),
                parent: None,
                not_ordered_with: Vec::new(),
                advice: None,
            },
            own_time: None,
        }
    }

    /// Returns the finished finding, and the time that its cause takes of a call by itself, if it is known.
    /// The finding's score is 0 until `Conclusions::add_finding` computes it.
    pub(crate) fn into_finding(self) -> (Finding, Option<OwnTime>) {
        (self.finding, self.own_time)
    }

    /// Sets the time that the cause takes of a call by itself, so that the causes of a component can be
    /// removed one after another.
    #[must_use]
    pub(crate) fn takes(mut self, own_time: OwnTime) -> Self {
        self.own_time = Some(own_time);
        self
    }

    /// Sets the title (one line) and the explanation shown below it (a few sentences).
    #[must_use]
    pub(crate) fn says(mut self, title: impl Into<String>, detail: impl Into<String>) -> Self {
        self.finding.title = title.into();
        self.finding.detail = detail.into();
        self
    }

    /// Puts `words` before the title, without a space between.
    #[must_use]
    pub(crate) fn prefixed(mut self, words: &str) -> Self {
        self.finding.title.insert_str(0, words);
        self
    }

    /// Sets the impact: the share `ratio` of the quantity `of` would be gained. The share is
    /// limited to 0 to 1; one that is not finite leaves the finding without an impact.
    #[must_use]
    pub(crate) fn impact(mut self, ratio: f64, of: ImpactOf) -> Self {
        self.finding.impact = ratio
            .is_finite()
            .then(|| Impact::share(ratio.clamp(0.0, 1.0), of));
        self
    }

    /// Sets the impact: of a mean response time of `whole_ns` nanoseconds, `ns` would be gained at
    /// the same load. Values outside the whole are limited to it.
    #[must_use]
    pub(crate) fn saves(mut self, ns: f64, whole_ns: f64) -> Self {
        self = self.impact(ns / whole_ns, ImpactOf::ResponseTime);
        if let Some(impact) = &mut self.finding.impact {
            impact.saved_ns = Some(ns.clamp(0.0, whole_ns));
        }
        self
    }

    /// Adds the smallest and the largest saved time over the repeats to the impact, in nanoseconds; `None`
    /// adds nothing. Has no effect on a finding without an impact.
    #[must_use]
    pub(crate) fn saves_between(mut self, range_ns: Option<(f64, f64)>) -> Self {
        if let Some((impact, (least, most))) = self.finding.impact.as_mut().zip(range_ns) {
            impact.saved_least_ns = Some(least);
            impact.saved_most_ns = Some(most);
        }
        self
    }

    /// Adds the possible rise of throughput to the impact; a rise that is not positive is dropped. Has no
    /// effect on a finding without an impact.
    #[must_use]
    pub(crate) fn raises_capacity(mut self, gain: Option<CapacityGain>) -> Self {
        if let Some(impact) = &mut self.finding.impact {
            let gain = gain.filter(|gain| gain.ratio.is_finite() && gain.ratio > 0.0);
            impact.capacity_gain_ratio = gain.map(|gain| gain.ratio);
            impact.next_limit = gain.and_then(|gain| gain.limit);
        }
        self
    }

    /// Adds figures of title and explanation that no single place of a report has.
    #[must_use]
    pub(crate) fn computes(mut self, figures: impl IntoIterator<Item = ComputedFigure>) -> Self {
        self.finding.computed.extend(figures);
        self
    }

    /// Sets whether the cause, although rare, made calls slower than the objective allows.
    #[must_use]
    pub(crate) fn breaks_objective(mut self, breaks: bool) -> Self {
        self.finding.breaks_objective = breaks;
        self
    }

    /// Sets the name of the thing at fault, as in `maxclients`.
    #[must_use]
    pub(crate) fn thing(mut self, thing: impl Into<String>) -> Self {
        self.finding.thing = Some(thing.into());
        self
    }

    /// Adds `mark` to the end of the id, for rules with several findings about one subject.
    #[must_use]
    pub(crate) fn one_of_several(mut self, mark: &str) -> Self {
        self.finding.id = self.finding.id.with_mark(mark);
        self
    }

    /// Sets the confidence. It stays unless the evidence is missing or spoiled by a warning.
    #[must_use]
    pub(crate) fn confidence(mut self, confidence: Confidence) -> Self {
        self.finding.confidence = confidence;
        self
    }

    /// Adds evidence to what the finding already has.
    #[must_use]
    pub(crate) fn evidence(mut self, evidence: impl IntoIterator<Item = EvidenceItem>) -> Self {
        self.finding.evidence.extend(evidence);
        self
    }

    /// Sets the id of the finding that causes this one; `None` removes it.
    #[must_use]
    pub(crate) fn parent(mut self, parent: Option<FindingId>) -> Self {
        self.finding.parent = parent;
        self
    }

    /// Sets the advice: the actions in order, the expected gain in words, and the reason why the
    /// actions help.
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

    /// Marks the advice as one that needs a restart of the server or of the application. Has no
    /// effect before the advice is set.
    #[must_use]
    pub(crate) fn needs_restart(mut self) -> Self {
        if let Some(advice) = &mut self.finding.advice {
            advice.needs_restart = true;
        }
        self
    }
}

/// Returns the confidence that the true value lies on the same side of `threshold` as `value`: high
/// if they differ by more than twice the `noise`, medium if by more than the noise, else low. All
/// three have the same unit.
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
