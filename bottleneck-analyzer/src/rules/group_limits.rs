//! Rules `group_memory_limit` and `group_pids_limit`: a control group at its limit of memory or processes.
//!
//! `group_memory_limit` is a problem if a group reached its limit (`cgroup.memory.limit_hits`,
//! `cgroup.memory.high_hits`) and its tasks waited for memory in a twentieth of the time or more
//! (`cgroup.pressure.memory.some_ratio`); from 95 % of the limit on it is a note. What a group uses is its memory
//! without the inactive file cache; the active file cache is in it, so that the pressure tells how much of it can
//! be freed. `group_pids_limit` is a problem if the limit refused a process or thread, and a note from 90 % on.

use bench_report::Series;

use crate::assessment::{ComponentKind, Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{plain, share};
use crate::finding_draft::FindingDraft;
use crate::machine_recording::MachineRecording;
use crate::resource_owner::programs_of_group;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

/// Share of the memory limit from which a group is near it.
const NEAR_MEMORY: f64 = 0.95;
/// Share of the time in which tasks of the group wait for memory, from which the limit slows it down.
const WAITS: f64 = 0.05;
/// Share of the limit on processes from which a group is near it.
const NEAR_PIDS: f64 = 0.90;
const TO_FIND_OUT: &str =
    "sysmon record --cgroup NAME, with the group, unit or container of the server";

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    if let Some(machine) = facts.machine {
        memory(machine, out);
        pids(machine, out);
    }
}

/// Control group of the recording, with the reading by which it is judged.
struct LimitedGroup<'a> {
    name: &'a str,
    series: &'a Series,
    reading: SeriesReading,
}

/// Reads the series `name` of each group over the whole recording.
fn groups<'a>(machine: MachineRecording<'a>, name: &str) -> Vec<LimitedGroup<'a>> {
    let all = machine.all(name, machine.whole()).into_iter();
    all.filter_map(|(series, reading)| {
        let name = series.labels.get("cgroup")?;
        Some(LimitedGroup {
            name,
            series,
            reading,
        })
    })
    .collect()
}

impl LimitedGroup<'_> {
    /// Reads another series of the same group.
    fn other(&self, machine: MachineRecording<'_>, name: &str) -> Option<SeriesReading> {
        let all = machine.all(name, machine.whole()).into_iter();
        let mut same = all.filter(|(series, _)| series.labels == self.series.labels);
        same.next().map(|(_, reading)| reading)
    }

    fn draft(&self, rule: Rule, kind: FindingKind) -> FindingDraft {
        FindingDraft::new(rule, "machine", ComponentKind::Machine, kind)
            .one_of_several(self.name)
            .thing(format!("the control group {}", self.name))
    }

    /// Returns the programs of the group as a sentence that begins with a space; empty if none was
    /// recorded.
    fn programs(&self, machine: MachineRecording<'_>) -> String {
        programs_of_group(machine, self.name, machine.whole())
            .map_or_else(String::new, |names| format!(" Its programs: {names}."))
    }
}

fn memory(machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::GroupMemoryLimit;
    let used = groups(machine, "cgroup.memory.used_ratio");
    if used.is_empty() {
        let question = "whether a control group reached its memory limit: none was recorded";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    }
    let has_limit =
        |one: &&LimitedGroup<'_>| one.other(machine, "cgroup.memory.limit_bytes").is_some();
    let limited: Vec<_> = used.iter().filter(has_limit).collect();
    let mut any = false;
    for one in &limited {
        if let Some(finding) = memory_finding(machine, one) {
            out.add_finding(finding);
            any = true;
        }
    }
    let fullest = limited
        .iter()
        .max_by(|a, b| a.reading.max.total_cmp(&b.reading.max));
    if any {
        return;
    }
    let (statement, evidence) = match fullest {
        Some(one) => (
            format!(
                "control group {}: at most {} of its memory limit",
                one.name,
                share(one.reading.max)
            ),
            machine.peak_sample("memory of the limit", one.reading),
        ),
        None => (
            "no recorded control group has a memory limit".to_owned(),
            used.first()
                .and_then(|one| machine.peak_sample("memory of the machine", one.reading)),
        ),
    };
    out.rule_out(rule, ComponentKind::Machine, statement, evidence);
}

fn memory_finding(machine: MachineRecording<'_>, one: &LimitedGroup<'_>) -> Option<FindingDraft> {
    let events = ["cgroup.memory.limit_hits", "cgroup.memory.high_hits"];
    let hit = events
        .into_iter()
        .filter_map(|name| one.other(machine, name))
        .find(|reading| reading.max >= 1.0);
    let waits = one.other(machine, "cgroup.pressure.memory.some_ratio");
    let slowed = waits.filter(|reading| hit.is_some() && reading.mean >= WAITS);
    let is_near = one.reading.max >= NEAR_MEMORY;
    if slowed.is_none() && !is_near {
        return None;
    }
    let kind = if slowed.is_some() {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let waited = match waits {
        Some(reading) => format!(
            "Its tasks waited for memory {} of the time{}.",
            share(reading.mean),
            match slowed {
                Some(_) => ", while the kernel freed some",
                None if reading.mean < WAITS => ": it was not short of it",
                None => ", but no arrival at this limit was counted",
            }
        ),
        None => "Whether its tasks waited for memory was not recorded.".to_owned(),
    };
    let evidence: Vec<EvidenceItem> = [
        machine.peak_sample("memory of the limit", one.reading),
        hit.and_then(|reading| machine.peak_sample("times at the limit in one sample", reading)),
        waits.and_then(|reading| machine.typical_sample("waiting for memory", reading)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let draft = one
        .draft(Rule::GroupMemoryLimit, kind)
        .says(
            format!(
                "The control group {} {} its memory limit",
                one.name,
                if slowed.is_some() { "is held back by" } else { "is near" }
            ),
            format!(
                "It used at most {} of the limit. That leaves out the inactive file cache, which the kernel frees \
                 first, but not the active one, which it can free too. {waited}{}",
                share(one.reading.max),
                one.programs(machine)
            ),
        )
        .confidence(Confidence::Medium)
        .evidence(evidence)
        .advice(
            &["raise the group's memory.max (memory.high), or lower the memory settings of its programs"],
            "no waits for memory, and no process ended by the limit",
            "at its limit a group frees its own memory while it waits, or loses a process",
        );
    Some(match slowed {
        Some(reading) => draft.impact(reading.mean, ImpactOf::ResponseTime),
        None => draft,
    })
}

fn pids(machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::GroupPidsLimit;
    let counted = groups(machine, "cgroup.pids");
    let Some(first) = counted.first() else {
        let question = "whether a control group may start no more processes: none was recorded that counts them";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    let refused = groups(machine, "cgroup.pids.refused");
    let refused = refused.iter().find(|one| one.reading.max >= 1.0);
    let used = groups(machine, "cgroup.pids.used_ratio");
    let fullest = used
        .iter()
        .max_by(|a, b| a.reading.max.total_cmp(&b.reading.max));
    let near = fullest.filter(|one| one.reading.max >= NEAR_PIDS);
    match (refused, near) {
        (Some(one), _) => out.add_finding(
            pids_finding(machine, one, FindingKind::Problem)
                .says(
                    format!("The control group {} may start no more processes", one.name),
                    format!(
                        "Its limit refused {} processes or threads in one sample.{}",
                        plain(one.reading.max),
                        one.programs(machine)
                    ),
                )
                .confidence(Confidence::High)
                .evidence(machine.peak_sample("processes refused", one.reading)),
        ),
        (None, Some(one)) => out.add_finding(
            pids_finding(machine, one, FindingKind::Information)
                .says(
                    format!(
                        "The control group {} is near its limit of processes",
                        one.name
                    ),
                    format!(
                        "It used at most {} of the limit.{}",
                        share(one.reading.max),
                        one.programs(machine)
                    ),
                )
                .evidence(machine.peak_sample("processes of the limit", one.reading)),
        ),
        (None, None) => {
            let statement = match fullest {
                Some(one) => format!(
                    "control group {}: at most {} of its limit of processes",
                    one.name,
                    share(one.reading.max)
                ),
                None => "no recorded control group has a limit of processes".to_owned(),
            };
            let shown = fullest.unwrap_or(first);
            let evidence = machine.peak_sample("processes", shown.reading);
            out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        }
    }
}

fn pids_finding(
    machine: MachineRecording<'_>,
    one: &LimitedGroup<'_>,
    kind: FindingKind,
) -> FindingDraft {
    let limit = one.other(machine, "cgroup.pids_limit");
    one.draft(Rule::GroupPidsLimit, kind)
        .evidence(limit.and_then(|reading| machine.peak_sample("limit of processes", reading)))
        .advice(
            &["raise the group's pids.max (systemd: TasksMax=), or start fewer processes and threads"],
            "no fork that fails (EAGAIN)",
            "threads count as processes do, and parents of the group have limits too",
        )
}
