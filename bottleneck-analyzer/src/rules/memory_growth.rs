//! Rule `memory_growth`: a process whose memory keeps growing.
//!
//! Reads the growth that `sysmon` found in `process.rss_bytes` (Mann–Kendall test and Theil–Sen slope over
//! medians, without the first tenth as warm-up). Fires from 50 MB and 5 % an hour on. It is a problem if the
//! growth went on for five minutes without slowing down, as a cache that fills does, and the machine's
//! anonymous memory grew as well: memory that a program shares, such as a database's buffers, counts in each
//! process that has touched it.

use bench_report::{Growing, GrowthVerdict, Series};

use crate::assessment::{ComponentKind, Confidence, FindingKind, Rule};
use crate::conclusions::Conclusions;
use crate::figures::bytes;
use crate::finding_draft::FindingDraft;
use crate::machine_recording::MachineRecording;
use crate::resource_owner::process_words;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::MemoryGrowth;
const MEMORY: &str = "process.rss_bytes";
/// Smallest growth over the recording, in bytes.
const LEAST_BYTES: f64 = 50e6;
/// Smallest growth in an hour, as a share of the memory at the start.
const LEAST_PER_HOUR: f64 = 0.05;
/// Share of the growth that the machine's anonymous memory must show.
const OWN_SHARE: f64 = 0.5;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    let processes = machine.all(MEMORY, machine.whole());
    if processes.is_empty() {
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            "whether the memory of a process keeps growing: processes were not recorded",
            "sysmon record --processes top, for ten minutes or longer",
        );
        return;
    }
    let growth = machine.source.report.summary.growth.iter().enumerate();
    let mut found = growth.filter_map(|(index, growing)| {
        let of = processes.iter().find(|(s, _)| s.labels == growing.labels);
        let (series, _) = of.filter(|_| growing.series == MEMORY)?;
        is_much(growing, series).then_some((index, growing, *series))
    });
    let Some(first) = found.next() else {
        let largest = processes.iter().max_by(|a, b| a.1.max.total_cmp(&b.1.max));
        let evidence =
            largest.and_then(|(_, r)| machine.peak_sample("memory of the largest process", *r));
        let statement = format!("no recorded process grew by {} or more", bytes(LEAST_BYTES));
        out.rule_out(RULE, ComponentKind::Machine, statement, evidence);
        return;
    };
    for (index, growing, series) in std::iter::once(first).chain(found) {
        out.add_finding(finding(machine, index, growing, series));
    }
}

fn is_much(growing: &Growing, series: &Series) -> bool {
    let start = series.mean.iter().flatten().next().copied().unwrap_or(0.0);
    let per_hour = growing.per_s * 3600.0;
    growing.grown >= LEAST_BYTES && per_hour >= LEAST_PER_HOUR * start
}

fn finding(
    machine: MachineRecording<'_>,
    index: usize,
    growing: &Growing,
    series: &Series,
) -> FindingDraft {
    let goes_on = growing.verdict == GrowthVerdict::Leak;
    let own = anonymous_growth(machine).map(|grown| grown >= OWN_SHARE * growing.grown);
    let kind = if goes_on && own == Some(true) {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let why = match (goes_on, own) {
        (true, Some(true)) => {
            "The growth did not slow down, and the machine's anonymous memory grew with it."
        }
        (true, Some(false)) => {
            "The machine's anonymous memory did not grow with it: the process touched more of what it shares \
             with others, such as a database's buffers."
        }
        (true, None) => {
            "Whether it is memory of its own is not known: anonymous memory was not recorded."
        }
        (false, _) => {
            "It may still level off: only five minutes of even growth tell a leak from a cache that fills."
        }
    };
    let process = process_words(series);
    let figures = [
        (
            "growth over the recording, without its first tenth",
            "grown",
        ),
        ("growth per second", "per_s"),
    ];
    let evidence = figures.into_iter().filter_map(|(label, field)| {
        let pointer = format!("/summary/growth/{index}/{field}");
        machine.source.evidence(label, &pointer)
    });
    let draft = FindingDraft::new(RULE, "machine", ComponentKind::Machine, kind)
        .one_of_several(series.labels.get("pid").map_or("", String::as_str))
        .thing(process.clone())
        .says(
            format!("The memory of {process} grew by {}", bytes(growing.grown)),
            format!("That is {} an hour. {why}", bytes(growing.per_s * 3600.0)),
        )
        .confidence(if kind == FindingKind::Problem {
            Confidence::Medium
        } else {
            Confidence::Low
        })
        .evidence(evidence);
    if kind == FindingKind::Information {
        return draft;
    }
    draft.advice(
        &[
            "record a longer run, and look at the program's heap (heaptrack, jemalloc's or the language's profiler)",
            "until it is mended, give it a memory limit and restart it before it is reached",
        ],
        "a process that does not end for lack of memory",
        "memory that is never given back is used up in the end",
    )
}

/// Returns the growth of the machine's anonymous memory between the first and the last third of the
/// recording, in bytes, scaled to all of it; `None` if it was not recorded.
fn anonymous_growth(machine: MachineRecording<'_>) -> Option<f64> {
    let (series, _) = machine
        .all("memory.anonymous_bytes", machine.whole())
        .into_iter()
        .next()?;
    let values: Vec<f64> = series.mean.iter().flatten().copied().collect();
    let third = (values.len() / 3).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let (first, last) = (
        values.get(..third)?,
        values.get(values.len().checked_sub(third)?..)?,
    );
    Some((mean(last) - mean(first)) * 1.5)
}
