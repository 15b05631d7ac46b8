//! Rule `throttled`: a control group whose CPU quota stops its processes.
//!
//! Fires if a group in which the server or the generator runs was throttled in a twentieth of its quota periods or
//! more, and its processes were stopped for a hundredth of the time or more, where that was counted. Reads
//! `server.cgroup.*` of the bench, and `cgroup.cpu.throttled_periods_ratio` and `cgroup.cpu.throttled_cores` of the
//! recording, over all repeats. The impact of the server's quota is the part `server_runnable` of a call, as far as
//! throttled periods explain it, with the queue that it causes; otherwise it is the time for which processes were
//! stopped, as a share of the capacity. Throttling of another group is a note: calls do not wait for it.

use crate::assessment::{ComponentKind, Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::cost::Saving;
use crate::figures::{duration_ns, plain, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::own_time::{CausePart, OwnTime};
use crate::postgres::PostgresEvidence;
use crate::resource_owner::{names_in_group, programs_of_group};
use crate::run_facts::RunFacts;
use crate::target;
use bench_report::names;

const RULE: Rule = Rule::Throttled;
/// Smallest ratio of throttled periods ÷ all periods at which the rule fires: pauses in fewer periods are in the
/// tail of the calls alone.
const LEAST_RATIO: f64 = 0.05;
/// Smallest share of the time for which processes were stopped at which the rule fires. A period counts as
/// throttled however short the stop at its end was.
const LEAST_LOST: f64 = 0.01;
/// Smallest number of periods that show how often the quota runs out: one of them is then no more than the ratio
/// at which the rule fires.
const LEAST_PERIODS: f64 = 20.0;
/// Share of throttled periods, from 0 to 1, from which periods leave no quota that a burst could use.
const MOSTLY: f64 = 0.5;

/// Part that a control group has in the calls of a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GroupPart {
    /// The server runs in it, with or without the generator.
    Server,
    /// The generator runs in it.
    Generator,
}

/// CPU throttling of a control group during a step, as its quota caused it.
struct GroupThrottling {
    /// Name of the group in words, as in `the control group /app`.
    whose: String,
    /// Part of the group in the calls; `None` if neither the server nor the generator was seen in it.
    part: Option<GroupPart>,
    /// Number of quota periods; `None` if it was not counted.
    periods: Option<f64>,
    /// Periods in which the group was throttled ÷ all periods, from 0 to 1.
    ratio: f64,
    /// Extent of the throttling in words, as in `119 of 120 periods, quota 0.3 cores`.
    figures: String,
    /// Time for which the group's processes were stopped ÷ time of observation, summed over processors; `None`
    /// if it was not counted.
    lost_ratio: Option<f64>,
    /// Programs of the group in words; `None` if none was recorded.
    programs: Option<String>,
    evidence: Vec<EvidenceItem>,
}

impl GroupThrottling {
    /// Returns true if the quota ran out often and stopped the processes for long.
    fn matters(&self) -> bool {
        self.ratio >= LEAST_RATIO && self.lost_ratio.is_none_or(|lost| lost >= LEAST_LOST)
    }

    /// Returns the throttling that matters the most; `None` without any.
    fn worst(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().max_by(|a, b| {
            let by_ratio = a.ratio.total_cmp(&b.ratio);
            a.matters().cmp(&b.matters()).then(by_ratio)
        })
    }

    /// Returns the title of a finding about the throttling.
    fn title(&self) -> String {
        format!(
            "The CPU quota of {} holds its processes back ({})",
            self.whose, self.figures
        )
    }

    /// Names the programs of the group as a sentence that begins with a space; empty if none was recorded.
    fn programs_words(&self) -> String {
        let names = self.programs.as_ref();
        names.map_or_else(String::new, |names| format!(" Its programs: {names}."))
    }

    /// Describes the throttling as a check that found nothing wrong.
    fn ruled_out(&self) -> String {
        format!("{} was held back in {}", self.whose, self.figures)
    }
}

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let mut beside = Vec::new();
    for bench in &facts.benches {
        let found = bench.repeats.iter().flat_map(|i| {
            let server = of_server(bench, *i);
            let groups = of_machine(bench, *i, facts);
            server.into_iter().chain(groups)
        });
        let (ours, others): (Vec<_>, Vec<_>) = found.partition(|one| one.part.is_some());
        if let Some(worst) = GroupThrottling::worst(ours) {
            judge(bench, &worst, out);
        }
        beside.extend(others);
    }
    if let Some(worst) = GroupThrottling::worst(beside) {
        tell(worst, out);
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
            "; stopped for {}, added up over its processes",
            duration_ns(stood)
        );
    }
    Some(GroupThrottling {
        whose: "the server's control group".to_owned(),
        part: Some(GroupPart::Server),
        periods: Some(periods),
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

/// Reads the throttling of every control group that `sysmon` recorded for most of the measured part of step
/// `index`; empty without a recording on the clock of the bench.
fn of_machine(bench: &BenchFacts<'_>, index: usize, facts: &RunFacts<'_>) -> Vec<GroupThrottling> {
    let Some(machine) = facts.machine.filter(|m| m.is_aligned_with(bench.source)) else {
        return Vec::new();
    };
    let window = bench.source.report.steps[index].window;
    let stopped = machine.covering("cgroup.cpu.throttled_cores", window);
    let groups = machine.covering("cgroup.cpu.throttled_periods_ratio", window);
    let told = groups.into_iter().map(|(series, reading)| {
        let name = series.labels.get("cgroup").map_or("", String::as_str);
        let lost = stopped.iter().find(|(s, _)| s.labels == series.labels);
        let lost = lost.map(|(_, reading)| *reading);
        let mut figures = format!("{} of its periods", share(reading.mean));
        if let Some(lost) = lost {
            figures += &format!(
                "; stopped for {} of the time, added up over its processes",
                share(lost.mean)
            );
        }
        let ratio = machine.typical_sample("periods held back", reading);
        let time = lost.and_then(|lost| machine.typical_sample("time stopped", lost));
        GroupThrottling {
            whose: format!("the control group {name}"),
            part: part_of(bench, &names_in_group(machine, name, window)),
            periods: None,
            ratio: reading.mean,
            figures,
            lost_ratio: lost.map(|lost| lost.mean),
            programs: programs_of_group(machine, name, window),
            evidence: ratio.into_iter().chain(time).collect(),
        }
    });
    told.collect()
}

/// Returns the part in the calls of `bench` that a group with the programs `names` has; `None` if neither its
/// server nor its generator is among them.
fn part_of(bench: &BenchFacts<'_>, names: &[&str]) -> Option<GroupPart> {
    let known = bench.component.definition();
    let server = target::process_name(bench.source);
    let is_known = |name: &&str| known.servers.contains(name) || server == Some(*name);
    if names.iter().any(is_known) {
        return Some(GroupPart::Server);
    }
    let generates = names.contains(&known.tool);
    generates.then_some(GroupPart::Generator)
}

/// Adds the conclusion about a group in which neither the server nor the generator of the calls was seen.
fn tell(worst: GroupThrottling, out: &mut Conclusions) {
    let component = ComponentKind::Machine;
    if !worst.matters() {
        out.rule_out(RULE, component, worst.ruled_out(), worst.evidence);
        return;
    }
    let draft = FindingDraft::new(RULE, "machine", component, FindingKind::Information)
        .thing(worst.whose.clone())
        .says(
            worst.title(),
            format!(
                "Neither the server nor the generator was seen in it, so that calls are not known to wait for \
                 it.{}",
                worst.programs_words()
            ),
        )
        .confidence(Confidence::Medium)
        .evidence(worst.evidence);
    out.add_finding(draft);
}

fn judge(bench: &BenchFacts<'_>, worst: &GroupThrottling, out: &mut Conclusions) {
    if !worst.matters() {
        out.rule_out(
            RULE,
            bench.component,
            worst.ruled_out(),
            worst.evidence.clone(),
        );
        return;
    }
    let is_short = worst.periods.is_some_and(|periods| periods < LEAST_PERIODS);
    let (kind, doubt) = if is_short {
        let doubt = " So few periods do not show how often that happens: a longer step does.";
        (FindingKind::Information, doubt)
    } else {
        (FindingKind::Problem, "")
    };
    let whom = if worst.part == Some(GroupPart::Generator) {
        " The generator runs in it: it sends late and reads answers late."
    } else {
        ""
    };
    let lost = worst.lost_ratio.map_or(Confidence::Medium, |lost| {
        confidence_past(lost, LEAST_LOST, LEAST_LOST / 4.0)
    });
    let draft = bench.finding(RULE, kind)
        .thing(worst.whose.clone())
        .says(
            worst.title(),
            format!(
                "In each period, of 100 ms by default, its processes run until the quota is used up. Then they \
                 stop until the period ends, also those that hold locks: everything gets slower, even on an idle \
                 machine.{whom}{doubt}{}",
                worst.programs_words()
            ),
        )
        .confidence(confidence_past(worst.ratio, LEAST_RATIO, 0.02).min(lost))
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
    out.add_finding(if is_short {
        draft
    } else {
        weigh(bench, worst, draft)
    });
}

/// Sets the impact: the time of a call in which its session neither ran nor waited for an event, as far as
/// throttled periods explain it, with the queue that it causes. Without such a time it is the time for which the
/// processes were stopped, as a share of the capacity; without that, none.
fn weigh(bench: &BenchFacts<'_>, worst: &GroupThrottling, draft: FindingDraft) -> FindingDraft {
    let is_server =
        bench.component == ComponentKind::Postgres && worst.part == Some(GroupPart::Server);
    let model = bench.time_model.as_ref().filter(|_| is_server);
    let held_up = model.and_then(|m| Some((m.part("server_runnable")?, m.served_ns())));
    let own = held_up.map(|(part, served_ns)| {
        // Sessions wait for the quota only in the periods in which it ran out.
        let ns = part.ns.min(worst.ratio * served_ns);
        let parts = vec![CausePart::Title(part.title.clone())];
        OwnTime::new(bench.id(), RULE, parts, ns)
    });
    let saving = own.and_then(|own| Some((Saving::of(bench, &own)?, own)));
    match (saving, worst.lost_ratio) {
        (Some((saving, own)), _) => draft.saves(saving.saved_ns, saving.whole_ns).takes(own),
        (None, Some(lost)) => draft.impact(lost, ImpactOf::Capacity),
        (None, None) => draft,
    }
}
