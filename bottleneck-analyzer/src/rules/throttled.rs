//! A control group whose CPU quota holds its processes back, however idle the machine is.

use crate::assessment::{ComponentKind, EvidenceItem, FindingKind, ImpactOf};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, plain, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::postgres::PostgresEvidence;
use crate::run_facts::RunFacts;

const RULE: &str = "throttled";
/// Share of the quota's periods in which the group was held back from which it is told.
const LEAST_RATIO: f64 = 0.05;

/// Throttling of a group during a step.
struct GroupThrottling {
    /// The group, as people name it.
    whose: String,
    /// Periods held back ÷ periods.
    ratio: f64,
    /// Figures, in words.
    figures: String,
    /// Time that its processes stood still ÷ the step.
    lost_ratio: Option<f64>,
    evidence: Vec<EvidenceItem>,
}

pub(super) fn look(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        let found = bench.repeats.iter().flat_map(|i| {
            let server = of_server(bench, *i);
            let groups = of_machine(bench, *i, facts);
            server.into_iter().chain(groups)
        });
        let worst = found.max_by(|a, b| a.ratio.total_cmp(&b.ratio));
        if let Some(worst) = worst {
            judge(bench, &worst, out);
        }
    }
}

/// As the bench read it of the server's own group.
fn of_server(bench: &BenchFacts<'_>, index: usize) -> Option<GroupThrottling> {
    let view = PostgresEvidence::of(bench.source, index)?;
    let periods = view.figure("server.cgroup.periods")?;
    let throttled = view.figure("server.cgroup.throttled_periods")?;
    let stood = view.figure("server.cgroup.throttled_ns");
    let quota = view.figure("server.cgroup.quota_cores");
    let names = [
        "server.cgroup.throttled_periods",
        "server.cgroup.periods",
        "server.cgroup.throttled_ns",
        "server.cgroup.quota_cores",
    ];
    let span_ns = view.figure("deltas.span_s").map_or(0.0, |s| s * 1e9);
    let mut figures = format!("{} of {} periods", plain(throttled), plain(periods));
    if let Some(quota) = quota {
        figures += &format!(", quota {} cores", plain(quota));
    }
    if let Some(stood) = stood {
        figures += &format!(
            ", its threads stood still for {} together",
            duration_ns(stood)
        );
    }
    Some(GroupThrottling {
        whose: "the server's control group".to_owned(),
        ratio: throttled / periods.max(1.0),
        figures,
        lost_ratio: stood.filter(|_| span_ns > 0.0).map(|ns| ns / span_ns),
        evidence: names
            .into_iter()
            .filter_map(|name| view.evidence(name))
            .collect(),
    })
}

/// As `sysmon` recorded it of every group.
fn of_machine(bench: &BenchFacts<'_>, index: usize, facts: &RunFacts<'_>) -> Vec<GroupThrottling> {
    let Some(machine) = facts.machine else {
        return Vec::new();
    };
    let clocks = (&machine.source.report.clock, &bench.source.report.clock);
    if !clocks.0.comparable_with(clocks.1) {
        return Vec::new();
    }
    let window = bench.source.report.steps[index].window;
    let groups = machine.all("cgroup.cpu.throttled_periods_ratio", window);
    let told = groups.into_iter().map(|(series, reading)| {
        let name = series.labels.get("cgroup").map_or("", String::as_str);
        GroupThrottling {
            whose: format!("the control group {name}"),
            ratio: reading.mean,
            figures: format!("{} of its periods", share(reading.mean)),
            lost_ratio: None,
            evidence: machine
                .typical("periods held back", reading)
                .into_iter()
                .collect(),
        }
    });
    told.collect()
}

fn judge(bench: &BenchFacts<'_>, worst: &GroupThrottling, out: &mut Conclusions) {
    if worst.ratio < LEAST_RATIO {
        let statement = format!("{} was held back in {}", worst.whose, worst.figures);
        out.rule_out(RULE, bench.component, statement, worst.evidence.clone());
        return;
    }
    let draft = FindingDraft::new(RULE, &bench.id(), bench.component, FindingKind::Problem)
        .thing(worst.whose.clone())
        .says(
            format!(
                "The CPU quota of {} holds it back ({})",
                worst.whose.trim_start_matches("the "),
                worst.figures
            ),
            "In each period of 100 ms its processes run until the quota is used up, and then stand still, \
             holders of locks among them: everything gets slower, though the machine is idle.",
        )
        .confidence(confidence_past(worst.ratio, LEAST_RATIO, 0.02))
        .evidence(worst.evidence.iter().cloned())
        .advice(
            &[
                "raise the group's CPU quota (cpu.max), or its burst",
                "or run fewer connections than the quota has cores",
            ],
            "steps of up to 100 ms less in the response time",
            "a quota stops all processes of the group at once",
        );
    out.find(weigh(bench, worst, draft));
}

/// The time in which sessions neither ran nor waited for anything is the time that was lost.
fn weigh(bench: &BenchFacts<'_>, worst: &GroupThrottling, draft: FindingDraft) -> FindingDraft {
    let model = bench.time_model.as_ref().filter(|m| m.whole_ns > 0.0);
    let held_up = model
        .map(|m| m.sum_of("server_runnable"))
        .filter(|ns| *ns > 0.0);
    match (model, held_up) {
        (Some(model), Some(ns)) if bench.component == ComponentKind::Postgres => {
            let queue = model.queued_ns() * ns / model.served_ns().max(1.0);
            draft.saves(ns + queue, model.whole_ns)
        }
        _ => draft.impact(
            worst.ratio.max(worst.lost_ratio.unwrap_or(0.0)).min(1.0),
            ImpactOf::Capacity,
        ),
    }
}
