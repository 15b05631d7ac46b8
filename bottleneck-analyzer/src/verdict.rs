//! Readiness verdict, from gates, findings, missing parts and doubts.

use crate::assessment::{
    Assessment, Confidence, FindingKind, Gate, GateOutcome, Readiness, ReadinessVerdict,
};

/// Decides the verdict. If a gate failed, the target is not ready. Otherwise, if a part is missing,
/// if no gate passed, or if more gates are unknown than passed, readiness cannot be told. Otherwise
/// the target is ready, with reservations if there is any reason for one.
pub(crate) fn decide(assessment: &Assessment) -> ReadinessVerdict {
    let Assessment { gates, missing, .. } = assessment;
    let having = |outcome| gates.iter().filter(move |g| g.outcome == outcome);
    let (passed, failed) = (
        having(GateOutcome::Pass).count(),
        having(GateOutcome::Fail).count(),
    );
    let unknown = having(GateOutcome::Unknown).count();
    let reasons = reasons(assessment);
    let readiness = if failed > 0 {
        Readiness::NotReady
    } else if !missing.is_empty() || passed == 0 || unknown > passed {
        Readiness::CannotTell
    } else if reasons.is_empty() {
        Readiness::Ready
    } else {
        Readiness::ReadyWithReservations
    };
    let headline = headline(gates.len(), (passed, failed, unknown), missing);
    ReadinessVerdict {
        readiness,
        headline,
        reasons,
    }
}

/// Returns the reasons of the verdict, the worst first: failed gates, problems, missing
/// measurements, unknown gates, doubtful figures, notes. Empty if there is none.
fn reasons(assessment: &Assessment) -> Vec<String> {
    let having = |outcome| {
        let gates = assessment.gates.iter();
        gates.filter(move |gate| gate.outcome == outcome)
    };
    let mut reasons: Vec<String> = having(GateOutcome::Fail).map(failure).collect();
    let problems = assessment
        .findings
        .iter()
        .filter(|f| f.kind == FindingKind::Problem && f.confidence > Confidence::Low);
    reasons.extend(problems.map(|f| format!("problem: {}", f.title)));
    reasons.extend(
        assessment
            .missing
            .iter()
            .map(|what| format!("missing: {what}")),
    );
    reasons.extend(having(GateOutcome::Unknown).map(|g| {
        let reason = g.reason.as_deref().unwrap_or("not measured");
        format!("{} {}: cannot tell ({reason})", g.subject(), g.sentence())
    }));
    let touched = assessment.spoiled.iter().filter(|s| s.touches_a_conclusion);
    reasons.extend(touched.map(|s| format!("doubt: {}", s.sentence())));
    reasons.extend(assessment.notes.iter().cloned());
    reasons
}

/// Returns the summary: the counts of gates by outcome, and the first missing measurement with the
/// number of others.
fn headline(
    gates: usize,
    (passed, failed, unknown): (usize, usize, usize),
    missing: &[String],
) -> String {
    let mut headline = format!("{passed} of {gates} gates passed");
    if failed > 0 {
        headline += &format!(", {failed} failed");
    }
    if unknown > 0 {
        headline += &format!(", {unknown} could not be judged");
    }
    if let [first, rest @ ..] = missing {
        headline += &format!("; missing: {first}");
        if !rest.is_empty() {
            headline += &format!(", and {} more", rest.len());
        }
    }
    headline
}

fn failure(gate: &Gate) -> String {
    let measured = gate.measured.map_or_else(String::new, |value| {
        format!(", measured {}", crate::figures::show(&gate.unit, value))
    });
    format!("{} failed: {}{measured}", gate.subject(), gate.sentence())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_counts_what_failed_what_is_unknown_and_what_is_missing() {
        let say = |gates, counts, missing: &[&str]| {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            headline(gates, counts, &missing)
        };
        assert_eq!(say(3, (3, 0, 0), &[]), "3 of 3 gates passed");
        assert_eq!(say(3, (2, 1, 0), &[]), "2 of 3 gates passed, 1 failed");
        let unknown = "2 of 4 gates passed, 2 could not be judged";
        assert_eq!(say(4, (2, 0, 2), &[]), unknown);
        let one = "1 of 4 gates passed, 2 failed, 1 could not be judged; missing: a part";
        assert_eq!(say(4, (1, 2, 1), &["a part"]), one);
        let three = "1 of 1 gates passed; missing: a part, and 2 more";
        assert_eq!(say(1, (1, 0, 0), &["a part", "b", "c"]), three);
    }
}
