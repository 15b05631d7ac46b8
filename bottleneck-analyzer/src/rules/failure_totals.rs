//! Numbers of requests and of failures by kind, added up over several steps, as the rules about errors tell them.

use std::collections::BTreeMap;

use bench_report::{FailureSample, Operation};

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;
use crate::gates::interval::{self, ValueInterval};
use crate::json_pointer::escape;
use crate::requests;
use crate::source_report::NEVER_CAME_BACK;

/// Kind of failure that only follows from an earlier error of the same transaction.
const FOLLOWS: &str = "sqlstate.25P02";

/// Failures of one kind, added up over several steps.
#[derive(Default)]
pub(super) struct KindTotal {
    pub(super) count: u64,
    pub(super) evidence: Vec<EvidenceItem>,
    /// First sample of this kind of failure, with its message as evidence; `None` if the reports
    /// kept no sample.
    pub(super) sample: Option<(FailureSample, Option<EvidenceItem>)>,
}

/// Numbers of requests and of failures by kind, added up over several steps.
pub(super) struct FailureTotals {
    /// Indices of the steps in the report.
    pub(super) steps: Vec<usize>,
    pub(super) attempted: u64,
    pub(super) succeeded: u64,
    /// Kinds of failure, the most frequent first.
    pub(super) kinds: Vec<(String, KindTotal)>,
    pub(super) succeeded_evidence: Vec<EvidenceItem>,
}

impl FailureTotals {
    /// Adds up the requests of the steps at the indices `steps`; `None` if no request was made in them.
    pub(super) fn of_steps(bench: &BenchFacts<'_>, steps: &[usize]) -> Option<Self> {
        let mut kinds: BTreeMap<String, KindTotal> = BTreeMap::new();
        let (mut attempted, mut succeeded, mut evidence) = (0, 0, Vec::new());
        for &index in steps {
            for (name, operation) in requests::request_operations(&bench.source.report.steps[index])
            {
                attempted += operation.attempted;
                succeeded += operation.succeeded;
                evidence.extend(count_evidence(
                    bench,
                    index,
                    name,
                    ("succeeded", "succeeded"),
                ));
                count_kinds(bench, index, (name, operation), &mut kinds);
            }
            keep_samples(bench, index, &mut kinds);
        }
        let failures = Self {
            steps: steps.to_vec(),
            attempted,
            succeeded,
            kinds: merged(kinds),
            succeeded_evidence: evidence,
        };
        (attempted > 0).then_some(failures)
    }

    /// Returns the number of requests that failed or were not answered, all kinds together.
    pub(super) fn failed(&self) -> u64 {
        self.attempted.saturating_sub(self.succeeded)
    }

    /// Returns the share of the requests that failed or were not answered, from 0 to 1.
    pub(super) fn ratio(&self) -> f64 {
        self.failed() as f64 / self.attempted as f64
    }

    /// Returns words that follow `failures` in a sentence about all of them: ` of all kinds` if there are several,
    /// because the findings are about one kind each.
    pub(super) fn of_all(&self) -> &'static str {
        if self.kinds.len() > 1 {
            " of all kinds"
        } else {
            ""
        }
    }

    /// Returns the values between which the true share of failures lies, as the gate with the bound `limit` has
    /// them.
    pub(super) fn interval(&self, limit: f64) -> ValueInterval {
        let interval = interval::of_share(self.failed(), self.attempted);
        interval::around(self.ratio(), interval, limit)
    }
}

/// Returns the count at `field` of an operation in step `index` as evidence, called `what`.
fn count_evidence(
    bench: &BenchFacts<'_>,
    index: usize,
    operation: &str,
    (what, field): (&str, &str),
) -> Option<EvidenceItem> {
    let pointer = format!("/steps/{index}/operations/{}/{field}", escape(operation));
    bench
        .source
        .evidence(format!("{operation}: {what}"), &pointer)
}

fn count_kinds(
    bench: &BenchFacts<'_>,
    index: usize,
    (name, operation): (&str, &Operation),
    kinds: &mut BTreeMap<String, KindTotal>,
) {
    for (kind, count) in &operation.errors {
        let found = kinds.entry(kind.clone()).or_default();
        found.count += count;
        let field = format!("errors/{}", escape(kind));
        found
            .evidence
            .extend(count_evidence(bench, index, name, (kind, &field)));
    }
    if operation.censored > 0 {
        let found = kinds.entry(NEVER_CAME_BACK.to_owned()).or_default();
        found.count += operation.censored;
        found.evidence.extend(count_evidence(
            bench,
            index,
            name,
            (NEVER_CAME_BACK, "censored"),
        ));
    }
}

/// Stores the first sample that step `index` has of each kind of failure in `kinds`, for kinds
/// without one.
fn keep_samples(bench: &BenchFacts<'_>, index: usize, kinds: &mut BTreeMap<String, KindTotal>) {
    let failures = &bench.source.report.steps[index].failures;
    for (place, sample) in failures.iter().enumerate() {
        if let Some(kind) = kinds
            .get_mut(&sample.kind)
            .filter(|kind| kind.sample.is_none())
        {
            let pointer = format!("/steps/{index}/failures/{place}/message");
            let said = bench.source.evidence("message of a failure", &pointer);
            kind.sample = Some((sample.clone(), said));
        }
    }
}

/// Sorts the kinds, the most frequent first. Failures that follow from an earlier error of the same
/// transaction are added to the most frequent other kind, if there is one.
fn merged(mut kinds: BTreeMap<String, KindTotal>) -> Vec<(String, KindTotal)> {
    let follows = (kinds.len() > 1).then(|| kinds.remove(FOLLOWS)).flatten();
    let mut kinds: Vec<(String, KindTotal)> = kinds.into_iter().collect();
    kinds.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
    if let (Some(follows), Some((_, first))) = (follows, kinds.first_mut()) {
        first.count += follows.count;
        first.evidence.extend(follows.evidence);
    }
    kinds
}
