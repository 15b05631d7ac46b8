//! Rule `spike_recovery`: how long a target takes to answer as fast as before a spike.
//!
//! Always tells the recovery of each step with a spike, as the bench measured it: `curve.recovery`. Whether it
//! is fast enough is judged by a gate.

use bench_report::SpikeRecovery;

use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::duration_ns;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::SpikeRecovery;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        for (index, step) in bench.source.report.steps.iter().enumerate() {
            let curve = step.curve.as_ref();
            if let Some(recovery) = curve.and_then(|curve| curve.recovery.as_ref()) {
                judge(bench, (index, &step.name), recovery, out);
            }
        }
    }
}

fn judge(
    bench: &BenchFacts<'_>,
    (index, name): (usize, &str),
    recovery: &SpikeRecovery,
    out: &mut Conclusions,
) {
    if let Some(reason) = &recovery.unknown {
        let question =
            format!("how long the target takes to recover from the spike of {name}: {reason}");
        let to_find_out = "a longer time before and after the spike, and more requests in it";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    }
    let told = recovery.sentence(|ns| duration_ns(ns as f64));
    let (title, advice) = match recovery.after_ns {
        Some(_) => (
            "The target recovers from the spike",
            "set a gate for it: recovery within a time",
        ),
        None => (
            "The target does not recover from the spike while it is measured",
            "measure for longer after the spike, and see what it leaves behind: a backlog, retries, connections",
        ),
    };
    let figures = [
        ("p99 before the spike", "base_p99_ns"),
        ("p99 back after", "after_ns"),
        ("measured after the spike", "measured_ns"),
    ];
    let evidence = figures.iter().filter_map(|(label, field)| {
        bench
            .source
            .evidence(*label, &format!("/steps/{index}/curve/recovery/{field}"))
    });
    let draft = bench
        .finding(RULE, FindingKind::Information)
        .says(
            format!("{title}: {name}"),
            format!("{}.", sentence_case(&told)),
        )
        .confidence(Confidence::Medium)
        .evidence(evidence)
        .one_of_several(&index.to_string())
        .advice(
            &[advice],
            "a known time to recover",
            "what a spike leaves behind keeps later calls waiting",
        );
    out.add_finding(draft);
}

fn sentence_case(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(rest).collect()
    })
}
