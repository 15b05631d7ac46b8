//! The generator spoilt results at an operating point.

use bench_report::{Warning, WarningCode};

use crate::assessment::{Evidence, FindingKind, ImpactOf};
use crate::conclusions::{Conclusions, Draft};
use crate::facts::{Bench, Facts};
use crate::figures::share;

const RULE: &str = "generator_spoilt_results";

/// What the generator accuses itself of.
const OWN_FAULT: [WarningCode; 4] = [
    WarningCode::GeneratorSaturated,
    WarningCode::PacingLag,
    WarningCode::GeneratorStalled,
    WarningCode::InFlightCapReached,
];

pub(super) fn look(facts: &Facts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        judge(bench, out);
    }
}

fn judge(bench: &Bench<'_>, out: &mut Conclusions) {
    let Some((_, step)) = bench.operating() else {
        return;
    };
    let used = bench.step_evidence("generator's CPU", "generator/cpu_ratio");
    let faults: Vec<_> = bench
        .operating_warnings()
        .filter(|(_, w)| OWN_FAULT.contains(&w.code))
        .collect();
    let Some((_, first)) = faults.first() else {
        let statement = format!(
            "the generator kept its plan: {} of its threads busy, longest stall {}",
            share(step.generator.cpu_ratio),
            crate::figures::duration_ns(step.generator.worst_stall_ns as f64)
        );
        out.rule_out(RULE, bench.component, statement, used);
        return;
    };
    let messages: Vec<&str> = faults.iter().map(|(_, w)| w.message.as_str()).collect();
    let evidence: Vec<Evidence> = faults
        .iter()
        .filter_map(|(i, w)| {
            let figure = bench
                .source
                .evidence(code_of(w), &format!("/warnings/{i}/value"));
            figure.or_else(|| {
                let pointer = format!("/warnings/{i}/message");
                bench.source.evidence(code_of(w), &pointer)
            })
        })
        .collect();
    let lost = match first.code {
        WarningCode::GeneratorSaturated => step.generator.cpu_ratio.min(1.0) / 2.0,
        _ => 0.1,
    };
    let draft = Draft::new(RULE, &bench.id(), bench.component, FindingKind::Problem)
        .says(
            "The generator spoilt figures at the operating point",
            format!(
                "{}. The target may do better than was measured.",
                messages.join("; ")
            ),
        )
        .impact(lost, ImpactOf::Capacity)
        .evidence(evidence)
        .evidence(used)
        .advice(
            &[
                "give the generator a machine of its own, or more threads (--runtime per-core)",
                "or offer less load, and repeat the run",
            ],
            "figures that say something about the target",
            "what the generator delays or cannot send is not the target's doing",
        );
    out.find(draft);
}

fn code_of(warning: &Warning) -> &'static str {
    match warning.code {
        WarningCode::GeneratorSaturated => "what the generator's CPU warning measured",
        WarningCode::PacingLag => "what the pacing warning measured",
        WarningCode::GeneratorStalled => "what the stall warning measured",
        _ => "what the in-flight warning measured",
    }
}
