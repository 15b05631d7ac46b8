//! Rule `steal`: CPU time that the hypervisor gave to other guests.
//!
//! Fires if the mean `cpu.steal_ratio` of the recording reaches `cpu.steal_ratio` over an operating point or
//! the whole load. The impact is that share of the capacity.

use crate::assessment::{ComponentKind, FindingKind, ImpactOf, Rule};
use crate::conclusions::Conclusions;
use crate::figures::share;
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

const RULE: Rule = Rule::Steal;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    let Some(reading) = facts.highest_machine_reading("cpu.steal_ratio") else {
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            "whether the hypervisor took CPU time: steal was not recorded",
            "sysmon on a kernel that counts steal (Linux guests do)",
        );
        return;
    };
    let limit = facts.thresholds.cpu.steal_ratio;
    let evidence = machine.typical_sample("CPU stolen", reading);
    if reading.mean < limit {
        let statement = format!("the hypervisor took {} of the CPU", share(reading.mean));
        out.rule_out(RULE, ComponentKind::Machine, statement, evidence);
        return;
    }
    let peak = machine.peak_sample("CPU stolen", reading);
    out.add_finding(finding(reading, limit).evidence(evidence).evidence(peak));
}

/// Builds the finding about stolen CPU time; `limit` is the share from which it is a problem.
fn finding(reading: SeriesReading, limit: f64) -> FindingDraft {
    FindingDraft::new(
        RULE,
        "machine",
        ComponentKind::Machine,
        FindingKind::Problem,
    )
    .says(
        format!("The hypervisor takes {} of the CPU", share(reading.mean)),
        "Other guests of the same host use CPU that this machine was waiting for; latency \
             tails and capacity change with their load.",
    )
    .impact(reading.mean, ImpactOf::Capacity)
    .confidence(confidence_past(reading.mean, limit, 0.01))
    .advice(
        &["use an instance with dedicated cores, or another host, and repeat the run"],
        format!("about {} of the CPU", share(reading.mean)),
        "stolen time is lost to the server and to the generator alike",
    )
}
