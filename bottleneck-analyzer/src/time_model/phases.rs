//! Phases of a call before its service, and mean lengths of phases over all operations.

use bench_report::{Histogram, Operation};

use super::checkout;
use crate::assessment::{EvidenceItem, TimeModel};
use crate::json_pointer::escape;
use crate::source_report::SourceReport;

pub(super) type PhaseFn = fn(&Operation) -> Option<&Histogram>;

/// Returns the mean length of a phase, in nanoseconds, over all successful calls of a step, with
/// its evidence. `name` is the phase's field in the report. Operations without the phase count as
/// 0.
pub(super) fn mean_of(
    source: &SourceReport,
    index: usize,
    name: &str,
    phase: PhaseFn,
) -> (f64, Vec<EvidenceItem>) {
    let operations = &source.report.steps[index].operations;
    let calls: u64 = operations.values().map(|o| o.succeeded).sum();
    let mut sum_ns = 0.0;
    let mut evidence = Vec::new();
    for (key, operation) in operations {
        let Some(histogram) = phase(operation) else {
            continue;
        };
        sum_ns += histogram.mean_ns * operation.succeeded as f64;
        let pointer = format!("/steps/{index}/operations/{}/{name}/mean_ns", escape(key));
        let spoken = name.replace('_', " ");
        evidence.extend(source.evidence(format!("mean {spoken} of {key}"), &pointer));
    }
    (
        if calls == 0 {
            0.0
        } else {
            sum_ns / calls as f64
        },
        evidence,
    )
}

/// Creates a time model whose parts are the phases before service: pacing lag, backlog and
/// checkout. `None` if no call was timed.
pub(super) fn phases(source: &SourceReport, index: usize) -> Option<TimeModel> {
    let response = mean_of(source, index, "response", |o| o.response.as_ref()).0;
    let call = mean_of(source, index, "call", |o| o.call.as_ref()).0;
    let (of, whole_ns) = if response > 0.0 {
        ("mean response time", response)
    } else {
        ("mean call time", call)
    };
    if whole_ns <= 0.0 {
        return None;
    }
    let mut model = TimeModel::new(of, whole_ns);
    if response > 0.0 {
        let (ns, evidence) = mean_of(source, index, "pacing_lag", |o| o.pacing_lag.as_ref());
        model.add_part("pacing_lag", "pacing lag (the generator's)", ns, evidence);
        let (ns, evidence) = mean_of(source, index, "backlog", |o| o.backlog.as_ref());
        model.add_part("backlog", "backlog", ns, evidence);
    }
    let (ns, evidence) = mean_of(source, index, "checkout", |o| o.checkout.as_ref());
    for (name, title, ns) in checkout::parts(&source.report.steps[index], ns) {
        model.add_part(name, title, ns, evidence.clone());
    }
    Some(model)
}

/// Returns the figure `name` of the server in step `index`, with its evidence; `None` if it was not
/// measured.
pub(super) fn server_figure(
    source: &SourceReport,
    index: usize,
    name: &str,
) -> Option<(f64, EvidenceItem)> {
    let step = source.report.steps.get(index)?;
    let value = *step.server.as_ref()?.figures.get(name)?;
    let pointer = format!("/steps/{index}/server/figures/{}", escape(name));
    Some((value, source.evidence(name, &pointer)?))
}
