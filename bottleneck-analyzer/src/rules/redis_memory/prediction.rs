//! Rule `redis_memory_prediction`: keys that take another memory than was predicted from their layout.
//!
//! Fires if a prediction is off by a tenth or more of what was measured: information, because what was measured is
//! known. Reads the figures `memory.*` of each kind of key, and the numbers of keys that fit a limit.

use bench_report::names::steps;

use super::part_step::{PartStep, of_part, why_without};
use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, counted, percent};

const RULE: Rule = Rule::RedisMemoryPrediction;
/// Part of the scenario that measures keys.
const PART: &str = "sizes";
/// Smallest share of the measured memory, from 0 to 1, by which a prediction must be off.
const OFF: f64 = 0.1;

pub(super) fn check(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let steps = of_part(bench, PART);
    let error = |one: &PartStep<'_>| one.value(steps::MEMORY_PREDICTION_ERROR_RATIO);
    let predicted = steps
        .iter()
        .filter_map(|one| Some((one, error(one)?.abs())));
    let worst = predicted.clone().max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((step, off)) = worst else {
        let question = format!(
            "whether a key takes the memory that its layout predicts{}",
            why_without(&steps, "prediction")
        );
        let to_find_out =
            "a server whose layout is known, and a user that may run MEMORY USAGE and MEMORY STATS";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    };
    let figures = [
        steps::MEMORY_PREDICTION_ERROR_RATIO,
        steps::MEMORY_KEY_BYTES,
        steps::MEMORY_PREDICTED_BYTES,
    ];
    let evidence = figures
        .into_iter()
        .filter_map(|name| step.evidence(name.as_str()));
    let name = &step.step.name;
    if off < OFF {
        let statement = format!(
            "{} of a key's memory are off by {} or less ({name})",
            counted(predicted.count() as f64, "prediction"),
            percent(off)
        );
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    let measured = step.value(steps::MEMORY_KEY_BYTES).unwrap_or(0.0);
    let expected = step.value(steps::MEMORY_PREDICTED_BYTES).unwrap_or(0.0);
    out.add_finding(
        bench
            .finding(RULE, FindingKind::Information)
            .thing(name.clone())
            .says(
                format!(
                    "A key takes other memory than predicted: {name} is off by {}",
                    percent(off)
                ),
                format!(
                    "It takes {}, and its layout predicts {}.",
                    bytes(measured),
                    bytes(expected)
                ),
            )
            .confidence(Confidence::Medium)
            .evidence(evidence)
            .advice(
                &["compute maxmemory with the measured bytes of a key, not with those of MEMORY USAGE"],
                "a limit that holds as many keys as planned",
                "the allocator rounds, tables double, and small values share blocks in ways that a version may change",
            ),
    );
}
