//! Rule `redis_fragmentation`: memory that the allocator keeps and that data cannot use, after half of the keys were
//! replaced by longer ones.
//!
//! Fires if the allocator keeps 1.4 times what is used and 10 MiB that are not, by the bounds of `MEMORY DOCTOR`
//! (`getMemoryDoctorReport` in src/object.c): a problem from twice on, else information. Reads the figures `churn.*`.
//! GNU malloc does not tell, and its ratio is always 1; few keys are an open question. The finding has no impact,
//! because memory is no time.

use bench_report::names::{FigureFamily, steps};

use super::part_step::{PartStep, of_part, why_without};
use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, plain};
use crate::finding_draft::FindingDraft;

const RULE: Rule = Rule::RedisFragmentation;
/// Part of the scenario that replaces keys.
const PART: &str = "churn";
/// States of the memory in which half of the keys are gone, and in which longer ones were written instead.
const HALVED: &str = "halved";
const REFILLED: &str = "refilled";
/// Smallest memory that the allocator keeps ÷ memory that is used, which is told, and smallest one that is a problem.
const HIGH: f64 = 1.4;
const TWICE: f64 = 2.0;
/// Smallest memory that is kept and not used, in bytes.
const LEAST_BYTES: f64 = 10_485_760.0;
/// Ratio at which an allocator counts no gaps at all.
const NO_GAPS: f64 = 1.0;

/// Memory after the churn.
struct RefilledMemory<'a> {
    step: PartStep<'a>,
    ratio: f64,
    used_bytes: f64,
    halved_ratio: f64,
}

pub(super) fn check(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let steps = of_part(bench, PART);
    let measured = steps.iter().find_map(|step| RefilledMemory::of(*step));
    let Some(memory) = measured else {
        let question = format!(
            "whether the memory gets gaps as keys come and go{}",
            why_without(&steps, "allocator_frag_ratio")
        );
        let to_find_out = "a server whose INFO memory has allocator_frag_ratio";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    };
    let (unused, ratio) = (memory.unused_bytes(), memory.ratio);
    if ratio.max(memory.halved_ratio) <= NO_GAPS {
        let question = "whether the memory gets gaps as keys come and go: its allocator tells of none even where \
                        half of the keys are gone";
        return out.cannot_judge(RULE, bench.component, question, "a server with jemalloc");
    }
    if ratio < HIGH {
        let statement = format!(
            "after keys were replaced by longer ones, the allocator keeps {} times the {} that are used; {} times \
             with half of the keys gone",
            plain(ratio),
            bytes(memory.used_bytes),
            plain(memory.halved_ratio)
        );
        return out.rule_out(RULE, bench.component, statement, memory.evidence());
    }
    if unused < LEAST_BYTES {
        let question = format!(
            "whether the memory gets gaps as keys come and go: {} that are not used may be those of an empty server",
            bytes(unused)
        );
        return out.cannot_judge(
            RULE,
            bench.component,
            question,
            "the same run with more --keys",
        );
    }
    out.add_finding(finding(bench, &memory));
}

impl<'a> RefilledMemory<'a> {
    /// Returns the memory of a step; `None` if the server does not tell it.
    fn of(step: PartStep<'a>) -> Option<Self> {
        Some(Self {
            ratio: step.value_of(steps::CHURN_FRAGMENTATION_RATIO, REFILLED)?,
            used_bytes: step.value_of(steps::CHURN_USED_BYTES, REFILLED)?,
            halved_ratio: step.value_of(steps::CHURN_FRAGMENTATION_RATIO, HALVED)?,
            step,
        })
    }

    fn unused_bytes(&self) -> f64 {
        self.used_bytes * (self.ratio - 1.0)
    }

    fn evidence(&self) -> Vec<EvidenceItem> {
        let figures: [(FigureFamily, &str); 4] = [
            (steps::CHURN_FRAGMENTATION_RATIO, REFILLED),
            (steps::CHURN_USED_BYTES, REFILLED),
            (steps::CHURN_RSS_BYTES, REFILLED),
            (steps::CHURN_FRAGMENTATION_RATIO, HALVED),
        ];
        let figures = figures.into_iter();
        let figures = figures.filter_map(|(family, state)| self.step.evidence(&family.of(state)));
        figures.collect()
    }
}

fn finding(bench: &BenchFacts<'_>, memory: &RefilledMemory<'_>) -> FindingDraft {
    let kind = if memory.ratio >= TWICE {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let unused = memory.unused_bytes();
    let resident = memory.step.value_of(steps::CHURN_RSS_BYTES, REFILLED);
    let resident = resident.map_or_else(String::new, |resident| {
        format!(" The process has {} resident.", bytes(resident))
    });
    bench
        .finding(RULE, kind)
        .says(
            format!(
                "Gaps in Redis's memory: it keeps {} times what its data use",
                plain(memory.ratio)
            ),
            format!(
                "After every second key was replaced by a longer one, {} of data left about {} unused. With half of the \
                 keys gone it was {} times.{resident}",
                bytes(memory.used_bytes),
                bytes(unused),
                plain(memory.halved_ratio)
            ),
        )
        .confidence(Confidence::Medium)
        .computes([ComputedFigure::new(
            "bytes that are kept and not used",
            unused,
            "bytes used × (fragmentation − 1)",
        )])
        .evidence(memory.evidence())
        .advice(
            &[
                "let the server move its data together: CONFIG SET activedefrag yes (a server built with its own jemalloc)",
                "or restart a replica and fail over to it: a new process has no gaps",
                "set maxmemory so far below the machine's memory that the gaps fit: it does not count them",
            ],
            format!("up to {}", bytes(unused)),
            "an allocator keeps pages of which one value is left, and only values of the same size fill the gaps",
        )
}
