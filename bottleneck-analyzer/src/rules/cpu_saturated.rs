//! Rule `cpu_saturated`: CPU use at each operating point, with its largest user.
//!
//! Fires if server and generator used `cpu.critical_ratio` or more of the CPU or quota that they may use.
//! Reads the recording's `cpu.busy_ratio` and `cpu.steal_ratio`, and the CPU times of server and generator
//! in the step. It is information, because a CPU that is used up at the knee is the expected limit.

use crate::assessment::{FindingId, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::share;
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::run_facts::RunFacts;
use crate::step_cpu_use::{CpuOwner, StepCpuUse};

const RULE: Rule = Rule::CpuSaturated;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        let Some(cpu) = &bench.cpu else {
            continue;
        };
        match bench.cpu_past(facts.thresholds.cpu.critical_ratio) {
            Some(true) => out.add_finding(saturated(bench, cpu, facts)),
            Some(false) => out.rule_out(
                RULE,
                bench.component,
                format!("CPU at the operating point: {}", cpu.sentence()),
                cpu.evidence.clone(),
            ),
            None => out.cannot_judge(
                RULE,
                bench.component,
                format!("whether the CPU quota was used up: {}", cpu.sentence()),
                "the same run without a CPU quota, or sysmon record beside the server",
            ),
        }
    }
}

/// Builds the finding about a CPU that is used up. It is a symptom of `cpu_others` if other programs use
/// most of it.
fn saturated(bench: &BenchFacts<'_>, cpu: &StepCpuUse, facts: &RunFacts<'_>) -> FindingDraft {
    let owner = cpu.owner();
    let whose = match owner {
        Some(CpuOwner::Server) => ", most of it by the server",
        Some(CpuOwner::Generator) => ", most of it by the generator",
        Some(CpuOwner::Others) => ", most of it by somebody else",
        None => "; by whom was not recorded",
    };
    let title = format!("The {} is used up{whose}", cpu.resource());
    let detail = format!(
        "At the operating point it is {}. Server and generator share it, so the capacity measured \
         is a lower bound of what the server does alone.",
        cpu.sentence()
    );
    let draft = bench
        .finding(RULE, FindingKind::Information)
        .says(title, detail)
        .confidence(confidence_past(
            cpu.used_ratio().unwrap_or(0.0),
            facts.thresholds.cpu.critical_ratio,
            0.02,
        ))
        .evidence(cpu.evidence.clone());
    advise(draft, cpu)
}

/// Adds advice that depends on the user of the largest share of the CPU. If outside programs use
/// it, sets their finding as the parent instead.
fn advise(draft: FindingDraft, cpu: &StepCpuUse) -> FindingDraft {
    let owner = cpu.owner();
    if owner == Some(CpuOwner::Others) {
        return draft.parent(Some(FindingId::new(Rule::CpuOthers, "machine")));
    }
    if owner == Some(CpuOwner::Generator) {
        return draft.advice(
            &["run the generator on a machine of its own (--url points at the server)"],
            format!(
                "up to {} of the CPU for the server",
                share(cpu.generator_ratio)
            ),
            "server and generator take CPU from each other; measured capacity is a lower bound",
        );
    }
    draft.advice(
        &[
            "make each call cheaper (prepared statements, fewer round trips, better plans)",
            "or give the server more cores, and sweep again",
        ],
        "throughput in proportion to the CPU time saved or added",
        "with the CPU used up, more connections only lengthen the queue for it",
    )
}
