//! Rule `oom_kill`: the kernel ended a process because memory ran out.
//!
//! Fires at the first kill of the recording: `memory.oom_kills` of the machine, `cgroup.memory.oom_kills` of
//! its control groups. The process is the largest recorded one that was last seen just before the kill.

use bench_report::Series;

use crate::assessment::{ComponentKind, Confidence, FindingKind, Rule};
use crate::conclusions::Conclusions;
use crate::figures::bytes;
use crate::finding_draft::FindingDraft;
use crate::machine_recording::MachineRecording;
use crate::resource_owner::process_words;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

const RULE: Rule = Rule::OomKill;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    let whole = machine.whole();
    let groups = machine.all("cgroup.memory.oom_kills", whole);
    let of_machine = machine.all("memory.oom_kills", whole);
    let all: Vec<_> = groups.into_iter().chain(of_machine).collect();
    let Some((_, first)) = all.first() else {
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            "whether the kernel ended a process for lack of memory: it was not counted",
            "sysmon record on Linux 4.13 or later",
        );
        return;
    };
    // A group tells more than the machine, which counts the same kill.
    if let Some((series, reading)) = all.iter().find(|(_, reading)| reading.max >= 1.0) {
        out.add_finding(finding(machine, series, *reading));
    } else {
        let evidence = machine.peak_sample("processes ended for lack of memory", *first);
        let statement = "the kernel ended no process for lack of memory";
        out.rule_out(RULE, ComponentKind::Machine, statement, evidence);
    }
}

fn finding(machine: MachineRecording<'_>, series: &Series, reading: SeriesReading) -> FindingDraft {
    let group = series.labels.get("cgroup");
    let whose = group.map_or_else(
        || "the machine's memory".to_owned(),
        |group| format!("the memory limit of the control group {group}"),
    );
    let victim = victim(machine, series, reading);
    let victim_words = victim.as_ref().map_or_else(String::new, |victim| {
        format!(
            " It was probably {}, which held {} and was not seen again.",
            process_words(victim.process),
            bytes(victim.held_bytes)
        )
    });
    let mut draft = FindingDraft::new(
        RULE,
        "machine",
        ComponentKind::Machine,
        FindingKind::Problem,
    );
    if let Some(victim) = &victim {
        let (series, last) = victim.place;
        let pointer = format!("/series/{series}/mean/{last}");
        let held = machine
            .source
            .evidence("memory that the process held", &pointer);
        draft = draft.thing(process_words(victim.process)).evidence(held);
    }
    draft
        .says(
            format!("The kernel ended a process because {whose} ran out"),
            format!(
                "{victim_words} What was measured afterwards cannot be compared with what was measured before."
            )
            .trim_start(),
        )
        .confidence(Confidence::High)
        .evidence(machine.peak_sample("processes ended for lack of memory", reading))
        .advice(
            &[
                "see which one: dmesg, or journalctl -k (\"Out of memory\", \"oom-kill\")",
                "lower the servers' memory settings, raise the limit, or add memory, and repeat the run",
            ],
            "a run without a lost process",
            "the kernel ends the process whose end frees most memory, often the server",
        )
        .needs_restart()
}

/// Process that the kernel has probably ended.
struct Victim<'a> {
    process: &'a Series,
    /// Indices of the series and of its last point in the recording.
    place: (usize, usize),
    held_bytes: f64,
}

/// Finds the largest recorded process whose last sample is next to the kill, and well before the end of the
/// recording, with the memory that it held.
fn victim<'a>(
    machine: MachineRecording<'a>,
    kills: &Series,
    reading: SeriesReading,
) -> Option<Victim<'a>> {
    let killed_ns = *kills.at_ns.get(reading.peak)?;
    let before_ns = *kills.at_ns.get(reading.peak.checked_sub(1)?)?;
    let tick_ns = killed_ns.saturating_sub(before_ns);
    let end_ns = machine.whole().end_ns;
    let near = before_ns.saturating_sub(tick_ns)..=killed_ns;
    let all = machine.all("process.rss_bytes", machine.whole());
    let ended = all.into_iter().filter_map(|(series, reading)| {
        let last = series.mean.iter().rposition(Option::is_some)?;
        let at_ns = *series.at_ns.get(last)?;
        let is_gone = near.contains(&at_ns) && at_ns + 2 * tick_ns < end_ns;
        let victim = Victim {
            process: series,
            place: (reading.series, last),
            held_bytes: (*series.mean.get(last)?)?,
        };
        Some(victim).filter(|_| is_gone)
    });
    ended.max_by(|a, b| a.held_bytes.total_cmp(&b.held_bytes))
}
