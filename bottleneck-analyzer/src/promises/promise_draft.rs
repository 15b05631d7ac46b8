//! Promise before it is known whether it can be given.

use bench_report::{Step, StepEnd, Warning};

use crate::assessment::{EvidenceItem, Promise};
use crate::bench_facts::BenchFacts;
use crate::figures::duration_ns;
use crate::source_report::{SourceReport, code_name};

/// Promise under construction; it may still turn out that nothing can be promised.
pub(super) struct PromiseDraft<'a> {
    pub(super) indicator: &'a str,
    /// Name of the promised quantity as shown to people, as in `p99 of connecting`.
    pub(super) title: &'a str,
    pub(super) unit: &'a str,
    /// Value in `unit` with its wording, or the reason why there is none.
    pub(super) value: Result<(f64, String), String>,
    pub(super) basis: String,
    pub(super) evidence: Vec<EvidenceItem>,
}

impl PromiseDraft<'_> {
    /// Replaces the value by a reason, and drops the evidence, if the load at the operating point
    /// lasted less than `least_s` seconds in all repeats together.
    pub(super) fn on_load_of(self, least_s: f64, bench: &BenchFacts<'_>) -> Self {
        let load_s = bench.load_s();
        if load_s >= least_s {
            return self;
        }
        let (seen, needed) = (duration_ns(load_s * 1e9), duration_ns(least_s * 1e9));
        Self {
            value: Err(format!("{seen} of load, {needed} are needed")),
            // Without a value there is no figure that a warning could spoil.
            evidence: Vec::new(),
            ..self
        }
    }

    /// Returns the finished promise about `bench`. It has no value if a warning spoils its evidence
    /// or if a repeat ended early.
    pub(super) fn into_promise(self, bench: &BenchFacts<'_>) -> Promise {
        let spoiling = self.evidence.iter().find_map(|e| spoiling(bench.source, e));
        let not_told = |why: &str| (None, format!("{} not told: {why}", self.title));
        let value = ended_early(bench).map_or(self.value, Err);
        let ((value, shown), basis) = match (spoiling, value) {
            (Some(warning), _) => {
                let code = code_name(warning.code).replace('_', " ");
                (not_told(&code), warning.message.clone())
            }
            (None, Err(why)) => (not_told(&why), self.basis),
            (None, Ok((value, shown))) => ((Some(value), shown), self.basis),
        };
        Promise {
            component: bench.component,
            scenario: bench.source.report.scenario.clone(),
            file: bench.distinguishing_file.map(str::to_owned),
            indicator: self.indicator.to_owned(),
            value,
            unit: self.unit.to_owned(),
            shown,
            provisional: true,
            basis,
            evidence: self.evidence,
        }
    }
}

/// Describes the repeats that a stop rule or a fault ended early; `None` if there are none.
fn ended_early(bench: &BenchFacts<'_>) -> Option<String> {
    let all: Vec<&Step> = bench.judged_steps().map(|(_, step)| step).collect();
    let early =
        |step: &&&Step| matches!(step.end, StepEnd::Stopped { .. } | StepEnd::Failed { .. });
    let early = all.iter().filter(early).count();
    (early > 0).then(|| format!("{early} of {} repeats ended before their time", all.len()))
}

fn spoiling<'s>(source: &'s SourceReport, evidence: &EvidenceItem) -> Option<&'s Warning> {
    let mut warnings = source.report.warnings.iter();
    warnings.find(|warning| warning.spoils(&evidence.pointer))
}
