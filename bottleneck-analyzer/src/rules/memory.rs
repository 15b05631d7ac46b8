//! Rules `memory_used`, `memory_pressure` and `swapping` about the memory of the machine under the load.
//!
//! `memory_used` is a problem if the mean `memory.used_ratio` reaches `memory.warning_ratio`, and a note if only
//! its highest sample does. `memory_pressure` fires if the mean `pressure.memory.some_ratio` (pressure stall
//! information) reaches `memory.pressure_ratio`, `swapping` if the mean `swap.in_bytes_per_s` reaches
//! `memory.swap_in_bytes_per_s`. All three read the recording of `sysmon` over each operating point and over the
//! whole load.

use bench_report::Window;

use crate::assessment::{ComponentKind, FindingKind, ImpactOf, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{bytes, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::machine_recording::MachineRecording;
use crate::resource_owner::ResourceOwner;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    used(machine, facts, out);
    pressure(machine, facts, out);
    swapping(machine, facts, out);
}

fn used(machine: MachineRecording<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let rule = Rule::MemoryUsed;
    let windows = facts.machine_windows().into_iter();
    let readings = windows.filter_map(|w| Some((w, machine.read("memory.used_ratio", w)?)));
    let fullest = readings.max_by(|a, b| a.1.max.total_cmp(&b.1.max));
    let mean = facts.highest_machine_reading("memory.used_ratio");
    let Some(((window, reading), mean)) = fullest.zip(mean) else {
        out.cannot_judge(
            rule,
            ComponentKind::Machine,
            "how much memory was used under the load",
            "sysmon record on the server's machine, for as long as the load runs",
        );
        return;
    };
    let limit = facts.thresholds.memory.warning_ratio;
    let evidence = machine.peak_sample("memory used", reading);
    if reading.max < limit {
        let statement = format!("memory used: at most {}", share(reading.max));
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    let freed = freed_by_zfs(machine, window);
    if let Some((freed, arc)) = freed.filter(|(freed, _)| reading.max - freed < limit) {
        let statement = format!(
            "memory used: at most {}, of which ZFS gives back {} (ARC) if programs need it",
            share(reading.max),
            share(freed)
        );
        let evidence = evidence
            .into_iter()
            .chain(machine.typical_sample("ARC of ZFS", arc));
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    let owner = ResourceOwner::largest(machine, "process.rss_bytes", window);
    let lasts = mean.mean - freed.map_or(0.0, |(freed, _)| freed) >= limit;
    let draft = used_up(reading, lasts, limit, owner.as_ref());
    let typical = machine.typical_sample("memory used", mean);
    out.add_finding(draft.evidence(evidence).evidence(typical));
}

/// Returns the share of memory that the cache of ZFS would give back in `window`, from 0 to 1, with the reading
/// of the cache; `None` without ZFS. The kernel counts this cache as used memory.
fn freed_by_zfs(machine: MachineRecording<'_>, window: Window) -> Option<(f64, SeriesReading)> {
    let read = |name| machine.read(name, window);
    let arc = read("memory.arc_bytes")?;
    let least = read("memory.arc_min_bytes").map_or(0.0, |least| least.mean);
    let total = read("memory.total_bytes").filter(|total| total.mean > 0.0)?;
    Some(((arc.mean - least).max(0.0) / total.mean, arc))
}

/// Builds the finding about memory that was nearly used up: a problem if that `lasts`, and a note if only a peak
/// was so high. `limit` is the used share that counts as such, and `owner` the process that holds the most.
fn used_up(
    reading: SeriesReading,
    lasts: bool,
    limit: f64,
    owner: Option<&ResourceOwner>,
) -> FindingDraft {
    let largest_user = owner.map_or_else(String::new, ResourceOwner::sentence);
    let (kind, is) = if lasts {
        (FindingKind::Problem, "is nearly used up")
    } else {
        (FindingKind::Information, "was nearly used up for a while")
    };
    FindingDraft::new(Rule::MemoryUsed, "machine", ComponentKind::Machine, kind)
        .says(
            format!(
                "The machine's memory {is}: {} at the peak",
                share(reading.max)
            ),
            format!("Past this the kernel drops file caches, swaps, or ends a process.{largest_user}"),
        )
        .evidence(owner.and_then(|owner| owner.evidence.clone()))
        .confidence(confidence_past(reading.max, limit, 0.02))
        .advice(
            &[
                "see which process holds it (process.rss_bytes in the recording)",
                "lower its limit (shared_buffers, work_mem × connections, maxmemory), or add memory",
            ],
            "no loss of a server to the kernel's out-of-memory killer",
            "memory that is used up fails all at once, not little by little",
        )
        .needs_restart()
}

fn pressure(machine: MachineRecording<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let rule = Rule::MemoryPressure;
    let Some(reading) = facts.highest_machine_reading("pressure.memory.some_ratio") else {
        out.cannot_judge(
            rule,
            ComponentKind::Machine,
            "whether anything waited for memory: pressure was not recorded",
            "a kernel with PSI (psi=1) and sysmon record",
        );
        return;
    };
    let limit = facts.thresholds.memory.pressure_ratio;
    let evidence = machine.typical_sample("waiting for memory", reading);
    if reading.mean < limit {
        let statement = format!(
            "something waited for memory {} of the time",
            share(reading.mean)
        );
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    let peak = machine.peak_sample("waiting for memory", reading);
    let owner = ResourceOwner::largest(machine, "process.rss_bytes", machine.whole());
    let draft = waited_for(reading, limit, owner.as_ref());
    out.add_finding(draft.evidence(evidence).evidence(peak));
}

/// Builds the finding about work that waits for memory; `limit` is the share of the time from which
/// it does, and `owner` the process that holds the most.
fn waited_for(reading: SeriesReading, limit: f64, owner: Option<&ResourceOwner>) -> FindingDraft {
    let largest_user = owner.map_or_else(String::new, ResourceOwner::sentence);
    FindingDraft::new(
        Rule::MemoryPressure,
        "machine",
        ComponentKind::Machine,
        FindingKind::Problem,
    )
    .says(
        format!("Tasks wait for memory {} of the time", share(reading.mean)),
        format!(
            "The kernel reclaims pages while tasks wait (pressure stall information).{largest_user}"
        ),
    )
    .evidence(owner.and_then(|owner| owner.evidence.clone()))
    .impact(reading.mean, ImpactOf::ResponseTime)
    .confidence(confidence_past(reading.mean, limit, 0.02))
    .advice(
        &["give the machine or its control group more memory, or lower the servers' limits"],
        format!("up to {} of the time", share(reading.mean)),
        "time spent reclaiming memory is taken from requests",
    )
}

fn swapping(machine: MachineRecording<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let rule = Rule::Swapping;
    let series = "swap.in_bytes_per_s";
    if machine.all(series, machine.whole()).is_empty() {
        // A kernel without swap does not count it.
        return;
    }
    let Some(reading) = facts.highest_machine_reading(series) else {
        out.cannot_judge(
            rule,
            ComponentKind::Machine,
            "whether the machine swapped under the load",
            "sysmon record on the server's machine, for as long as the load runs",
        );
        return;
    };
    let limit = facts.thresholds.memory.swap_in_bytes_per_s;
    let evidence = machine.typical_sample("read back from swap", reading);
    let peak = machine.peak_sample("read back from swap", reading);
    let evidence = evidence.into_iter().chain(peak);
    if reading.mean < limit {
        let statement = format!(
            "read back from swap: {}/s, at most {}/s",
            bytes(reading.mean),
            bytes(reading.max)
        );
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    let waited = facts
        .highest_machine_reading("pressure.memory.some_ratio")
        .map(|r| r.mean);
    // Memory in swap is recorded with `--fields swap`.
    let owner = ResourceOwner::largest(machine, "process.swap_bytes", machine.whole())
        .or_else(|| ResourceOwner::largest(machine, "process.rss_bytes", machine.whole()));
    let largest_user = owner
        .as_ref()
        .map_or_else(String::new, ResourceOwner::sentence);
    let mut draft = FindingDraft::new(
        rule,
        "machine",
        ComponentKind::Machine,
        FindingKind::Problem,
    )
    .says(
        format!(
            "The machine swaps: {}/s read back, up to {}/s",
            bytes(reading.mean),
            bytes(reading.max)
        ),
        format!("Pages that are in use were moved to disk; each access to one waits for the disk.{largest_user}"),
    )
    .evidence(owner.and_then(|owner| owner.evidence))
    .confidence(confidence_past(reading.mean / limit, 1.0, 0.2))
    .evidence(evidence)
    .advice(
        &["lower the servers' memory limits until they fit, or add memory"],
        "tails without waits for the disk",
        "a server's working set belongs in memory",
    )
    .needs_restart();
    if let Some(waited) = waited {
        draft = draft.impact(waited, ImpactOf::ResponseTime);
    }
    out.add_finding(draft);
}
