//! Rule `oom_kill`: the kernel ended a process because memory ran out.
//!
//! Fires at the first kill of the recording: `memory.oom_kills` of the machine, `cgroup.memory.oom_kills` of
//! its control groups. It is a problem if the kill was before the end of the load, and a note after it. The
//! process is the largest recorded one that was last seen just before the kill.

use std::ops::Range;

use bench_report::Series;

use crate::assessment::{ComponentKind, Confidence, EvidenceItem, FindingKind, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{bytes, duration_ns};
use crate::finding_draft::FindingDraft;
use crate::machine_recording::MachineRecording;
use crate::resource_owner::process_words;
use crate::run_facts::RunFacts;

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
    let kills = all
        .iter()
        .filter_map(|(series, reading)| Kill::first(series, reading.series));
    let kills: Vec<Kill<'_>> = kills.collect();
    // A group tells more than the machine, which counts the same kill.
    let under_load = kills
        .iter()
        .find(|kill| matches!(KillTime::of(kill, facts), KillTime::UnderLoad));
    if let Some(kill) = under_load.or(kills.first()) {
        out.add_finding(finding(machine, kill, KillTime::of(kill, facts)));
    } else {
        let evidence = machine.peak_sample("processes ended for lack of memory", *first);
        let statement = "the kernel ended no process for lack of memory";
        out.rule_out(RULE, ComponentKind::Machine, statement, evidence);
    }
}

/// First sample of a series in which the kernel ended a process.
struct Kill<'a> {
    series: &'a Series,
    /// Indices of the series and of the sample in the recording.
    place: (usize, usize),
    /// Time that the sample covers, in nanoseconds on the monotonic clock.
    span: Range<u64>,
}

impl<'a> Kill<'a> {
    /// Finds the first kill in a series, whose index in the recording is `index`; `None` if there was none.
    fn first(series: &'a Series, index: usize) -> Option<Self> {
        let is_kill = |point: usize| {
            let most = series.max.get(point).copied().flatten();
            most.is_some_and(|most| most >= 1.0)
        };
        let (point, span, _) = series.spans().find(|(point, ..)| is_kill(*point))?;
        Some(Self {
            series,
            place: (index, point),
            span,
        })
    }

    /// Returns the field `field` of the sample as evidence.
    fn evidence(
        &self,
        machine: MachineRecording<'_>,
        label: &str,
        field: &str,
    ) -> Option<EvidenceItem> {
        let (series, point) = self.place;
        let pointer = format!("/series/{series}/{field}/{point}");
        machine.source.evidence(label, &pointer)
    }
}

/// Time of a kill.
enum KillTime {
    /// Before the end of the load, or in a run without load.
    UnderLoad,
    /// After the end of the load, by so many nanoseconds, with the evidence of that end.
    Afterwards(u64, Option<EvidenceItem>),
    /// Not known: the load is not on the clock of the recording.
    Unknown,
}

impl KillTime {
    fn of(kill: &Kill<'_>, facts: &RunFacts<'_>) -> Self {
        let Some(load) = facts.load_window() else {
            return Self::Unknown;
        };
        if kill.span.start < load.end_ns {
            return Self::UnderLoad;
        }
        let last = facts.benches.iter().find_map(|bench| {
            let mut steps = bench.source.report.steps.iter();
            let index = steps.position(|step| step.window.end_ns == load.end_ns)?;
            let pointer = format!("/steps/{index}/window/end_ns");
            bench.source.evidence("end of the last step", &pointer)
        });
        Self::Afterwards(kill.span.end - load.end_ns, last)
    }

    fn words(&self) -> String {
        match self {
            Self::UnderLoad => {
                "What was measured afterwards cannot be compared with what was measured before."
                    .to_owned()
            }
            Self::Afterwards(ns, _) => format!(
                "It was seen {} after the end of the load, so that it has changed no measurement.",
                duration_ns(*ns as f64)
            ),
            Self::Unknown => {
                "Whether the load ran then is not known: it is not on the clock of the recording."
                    .to_owned()
            }
        }
    }
}

fn finding(machine: MachineRecording<'_>, kill: &Kill<'_>, when: KillTime) -> FindingDraft {
    let group = kill.series.labels.get("cgroup");
    let whose = group.map_or_else(
        || "the machine's memory".to_owned(),
        |group| format!("the memory limit of the control group {group}"),
    );
    let victim = victim(machine, kill);
    let victim_words = victim.as_ref().map_or_else(String::new, |victim| {
        format!(
            "It was probably {}, which held {} and was not seen again. ",
            process_words(victim.process),
            bytes(victim.held_bytes)
        )
    });
    let kind = match when {
        KillTime::UnderLoad => FindingKind::Problem,
        KillTime::Afterwards(..) | KillTime::Unknown => FindingKind::Information,
    };
    let detail = format!("{victim_words}{}", when.words());
    let mut draft = FindingDraft::new(RULE, "machine", ComponentKind::Machine, kind);
    if let Some(victim) = &victim {
        let (series, last) = victim.place;
        let pointer = format!("/series/{series}/mean/{last}");
        let held = machine
            .source
            .evidence("memory that the process held", &pointer);
        draft = draft.thing(process_words(victim.process)).evidence(held);
    }
    if let KillTime::Afterwards(_, end) = when {
        let seen = kill.evidence(machine, "time at which it was seen", "at_ns");
        draft = draft.evidence(seen).evidence(end);
    }
    draft
        .says(
            format!("The kernel ended a process because {whose} ran out"),
            detail,
        )
        .confidence(Confidence::High)
        .evidence(kill.evidence(machine, "processes ended for lack of memory", "max"))
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
fn victim<'a>(machine: MachineRecording<'a>, kill: &Kill<'_>) -> Option<Victim<'a>> {
    let (before_ns, killed_ns) = (kill.span.start, kill.span.end);
    let tick_ns = killed_ns - before_ns;
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
