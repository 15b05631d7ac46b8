//! Rule `sysmon_missing`: no recording of the machine, or one that does not cover the operating points.
//!
//! Adds only open questions. Reads the report of `sysmon`, its status and its `evidence_missing` warnings.

use bench_report::{Status, WarningCode};

use crate::assessment::{ComponentKind, Rule};
use crate::conclusions::Conclusions;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::SysmonMissing;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            "what the machine did meanwhile: there is no recording of it",
            "sysmon record beside the benches (plimsoll run does)",
        );
        return;
    };
    for bench in facts
        .benches
        .iter()
        .filter(|b| b.cpu.is_none() && b.choice.is_some())
    {
        out.cannot_judge(
            RULE,
            bench.component,
            "what the machine did at the operating point: the recording does not cover it",
            "a recording on the same machine that lasts as long as the bench",
        );
    }
    let warnings = machine.source.report.warnings.iter();
    for warning in warnings.filter(|w| w.code == WarningCode::EvidenceMissing) {
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            warning.message.clone(),
            "a system that lets sysmon read it",
        );
    }
    let evidence = machine
        .source
        .evidence("samples", "/summary/figures/samples");
    if machine.source.report.status == Status::Complete {
        let statement = "the machine was recorded for the whole run";
        out.rule_out(RULE, ComponentKind::Machine, statement, evidence);
    }
}
