//! Readiness verdict, from gates, findings, missing parts and doubts.

use crate::assessment::{
    Assessment, Confidence, FindingKind, Gate, GateOutcome, Readiness, ReadinessVerdict,
};

/// Decides the verdict. A failed gate means not ready; missing parts, or more unknown than passed gates,
/// mean that readiness cannot be told.
pub(crate) fn decide(assessment: &Assessment) -> ReadinessVerdict {
    let Assessment {
        gates,
        findings,
        spoiled,
        missing,
        notes,
        ..
    } = assessment;
    let having = |outcome| gates.iter().filter(move |g| g.outcome == outcome);
    let (passed, failed) = (
        having(GateOutcome::Pass).count(),
        having(GateOutcome::Fail).count(),
    );
    let unknown = having(GateOutcome::Unknown).count();
    let mut reasons: Vec<String> = having(GateOutcome::Fail).map(failure).collect();
    let problems = findings
        .iter()
        .filter(|f| f.kind == FindingKind::Problem && f.confidence > Confidence::Low);
    reasons.extend(problems.map(|f| format!("problem: {}", f.title)));
    reasons.extend(missing.iter().map(|what| format!("missing: {what}")));
    reasons.extend(having(GateOutcome::Unknown).map(|g| {
        let reason = g.reason.as_deref().unwrap_or("not measured");
        format!("{} {}: cannot tell ({reason})", g.subject(), g.requirement)
    }));
    let touched = spoiled.iter().filter(|s| s.touches_a_conclusion);
    reasons.extend(touched.map(|s| format!("doubt: {}", s.sentence())));
    reasons.extend(notes.iter().cloned());
    let readiness = if failed > 0 {
        Readiness::NotReady
    } else if !missing.is_empty() || passed == 0 || unknown > passed {
        Readiness::CannotTell
    } else if reasons.is_empty() {
        Readiness::Ready
    } else {
        Readiness::ReadyWithReservations
    };
    let counts = format!("{passed} of {} gates passed", gates.len());
    let mut headline = counts;
    if failed > 0 {
        headline += &format!(", {failed} failed");
    }
    if unknown > 0 {
        headline += &format!(", {unknown} could not be judged");
    }
    if let [first, rest @ ..] = missing.as_slice() {
        headline += &format!("; missing: {first}");
        if !rest.is_empty() {
            headline += &format!(", and {} more", rest.len());
        }
    }
    ReadinessVerdict {
        readiness,
        headline,
        reasons,
    }
}

fn failure(gate: &Gate) -> String {
    let measured = gate.measured.map_or_else(String::new, |value| {
        format!(", measured {}", crate::figures::show(&gate.unit, value))
    });
    format!("{} failed: {}{measured}", gate.subject(), gate.requirement)
}
