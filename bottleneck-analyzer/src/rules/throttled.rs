//! Rule `throttled`: a control group whose CPU quota stops its processes.
//!
//! Fires if a group was throttled in a twentieth of its quota periods or more. Reads `server.cgroup.*` of the
//! bench and `cgroup.cpu.throttled_periods_ratio` of the recording, over all repeats. The impact is the part
//! `server_runnable` of a call with the queue that it causes. If the time model has no such part, it is the
//! throttled share of the capacity.

use crate::assessment::{ComponentKind, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::cost::Saving;
use crate::figures::{duration_ns, plain, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::own_time::OwnTime;
use crate::postgres::PostgresEvidence;
use crate::resource_owner::programs_of_group;
use crate::run_facts::RunFacts;
use bench_report::names;

const RULE: Rule = Rule::Throttled;
/// Smallest ratio of throttled periods ÷ all periods at which the rule fires.
const LEAST_RATIO: f64 = 0.05;
/// Share of throttled periods, from 0 to 1, from which periods leave no quota that a burst could use.
const MOSTLY: f64 = 0.5;

/// CPU throttling of a control group during a step, as its quota caused it.
struct GroupThrottling {
    /// Name of the group in words, as in `the control group /app`.
    whose: String,
    /// Periods in which the group was throttled ÷ all periods, from 0 to 1.
    ratio: f64,
    /// Extent of the throttling in words, as in `119 of 120 periods, quota 0.3 cores`.
    figures: String,
    /// Time for which the group's processes were stopped ÷ time of observation; `None` if it was
    /// not counted.
    lost_ratio: Option<f64>,
    /// Programs of the group in words; `None` if none was recorded.
    programs: Option<String>,
    evidence: Vec<EvidenceItem>,
}

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
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

/// Reads the throttling of the server's control group in step `index`, as counted by the bench;
/// `None` if it was not counted.
fn of_server(bench: &BenchFacts<'_>, index: usize) -> Option<GroupThrottling> {
    let server = PostgresEvidence::of_step(bench.source, index)?;
    let periods = server.figure(names::postgres::SERVER_CGROUP_PERIODS)?;
    let throttled = server.figure(names::postgres::SERVER_CGROUP_THROTTLED_PERIODS)?;
    let stood = server.figure(names::postgres::SERVER_CGROUP_THROTTLED_NS);
    let quota = server.figure(names::postgres::SERVER_CGROUP_QUOTA_CORES);
    let names = [
        names::postgres::SERVER_CGROUP_THROTTLED_PERIODS,
        names::postgres::SERVER_CGROUP_PERIODS,
        names::postgres::SERVER_CGROUP_THROTTLED_NS,
        names::postgres::SERVER_CGROUP_QUOTA_CORES,
    ];
    let span_ns = server
        .figure(names::postgres::DELTAS_SPAN_S)
        .map_or(0.0, |s| s * 1e9);
    let mut figures = format!("{} of {} periods", plain(throttled), plain(periods));
    if let Some(quota) = quota {
        figures += &format!(", quota {} cores", plain(quota));
    }
    if let Some(stood) = stood {
        figures += &format!(
            ", its processes together were stopped for {}",
            duration_ns(stood)
        );
    }
    Some(GroupThrottling {
        whose: "the server's control group".to_owned(),
        ratio: throttled / periods.max(1.0),
        figures,
        lost_ratio: stood.filter(|_| span_ns > 0.0).map(|ns| ns / span_ns),
        programs: None,
        evidence: names
            .into_iter()
            .filter_map(|name| server.evidence(name))
            .collect(),
    })
}

/// Reads the throttling of every control group that `sysmon` recorded during step `index`; empty
/// without a recording on the clock of the bench.
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
            programs: programs_of_group(machine, name, window),
            evidence: machine
                .typical_sample("periods held back", reading)
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
    let programs = worst.programs.as_ref();
    let programs = programs.map_or_else(String::new, |names| format!(" Its programs: {names}."));
    let draft = bench.finding(RULE, FindingKind::Problem)
        .thing(worst.whose.clone())
        .says(
            format!(
                "The CPU quota of {} holds its processes back ({})",
                worst.whose,
                worst.figures
            ),
            format!(
                "In each period, of 100 ms by default, its processes run until the quota is used up. Then they \
                 stop until the period ends, also those that hold locks: everything gets slower, even on an idle \
                 machine.{programs}"
            ),
        )
        .confidence(confidence_past(worst.ratio, LEAST_RATIO, 0.02))
        .evidence(worst.evidence.iter().cloned())
        .advice(
            &[if worst.ratio < MOSTLY {
                "raise the group's CPU quota (cpu.max; CPUQuota of a unit, CPU limit of a container), or its \
                 burst (cpu.max.burst), and repeat the run"
            } else {
                "raise the group's CPU quota (cpu.max; CPUQuota of a unit, CPU limit of a container) and repeat \
                 the run: its other times are distorted"
            }],
            "no pauses of up to 100 ms in the middle of calls",
            "a quota stops all processes of the group at once",
        );
    out.add_finding(weigh(bench, worst, draft));
}

/// Sets the impact: the time of a call in which its session neither ran nor waited for an event,
/// with the queue that it causes, or the throttled share of the capacity if there is no such time.
fn weigh(bench: &BenchFacts<'_>, worst: &GroupThrottling, draft: FindingDraft) -> FindingDraft {
    let model = bench.time_model.as_ref();
    let held_up = model.and_then(|m| m.part("server_runnable"));
    let own = held_up.map(|part| OwnTime::new(bench.id(), RULE, part.title.clone(), part.ns));
    let saving = own.and_then(|own| Some((Saving::of(bench, &own)?, own)));
    match saving {
        Some((saving, own)) if bench.component == ComponentKind::Postgres => {
            draft.saves(saving.saved_ns, saving.whole_ns).takes(own)
        }
        _ => draft.impact(
            worst.ratio.max(worst.lost_ratio.unwrap_or(0.0)).min(1.0),
            ImpactOf::Capacity,
        ),
    }
}
