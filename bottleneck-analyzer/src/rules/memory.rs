//! Rules `memory_used`, `memory_pressure` and `swapping` about the memory of the machine.
//!
//! `memory_used` fires if the highest `memory.used_ratio` reaches `memory.warning_ratio`. `memory_pressure`
//! fires if the mean `pressure.memory.some_ratio` (pressure stall information) reaches
//! `memory.pressure_ratio`. `swapping` fires if the highest `swap.in_bytes_per_s` reaches
//! `memory.swap_in_bytes_per_s`. All three read the recording of `sysmon`.

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

fn read(machine: MachineRecording<'_>, series: &str) -> Option<SeriesReading> {
    machine.read(series, machine.whole())
}

fn used(machine: MachineRecording<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let rule = Rule::MemoryUsed;
    let Some(reading) = read(machine, "memory.used_ratio") else {
        out.cannot_judge(
            rule,
            ComponentKind::Machine,
            "how much memory was used",
            "sysmon record on the server's machine",
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
    if let Some((freed, arc)) =
        freed_by_zfs(machine).filter(|(freed, _)| reading.max - freed < limit)
    {
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
    let owner = ResourceOwner::largest(machine, "process.rss_bytes", machine.whole());
    out.add_finding(used_up(reading, limit, owner.as_ref()).evidence(evidence));
}

/// Returns the share of memory that the cache of ZFS would give back, from 0 to 1, with the reading of the
/// cache; `None` without ZFS. The kernel counts this cache as used memory.
fn freed_by_zfs(machine: MachineRecording<'_>) -> Option<(f64, SeriesReading)> {
    let arc = read(machine, "memory.arc_bytes")?;
    let least = read(machine, "memory.arc_min_bytes").map_or(0.0, |least| least.mean);
    let total = read(machine, "memory.total_bytes").filter(|total| total.mean > 0.0)?;
    Some(((arc.mean - least).max(0.0) / total.mean, arc))
}

/// Builds the finding about memory that is nearly used up; `limit` is the used share that counts as
/// such, and `owner` the process that holds the most.
fn used_up(reading: SeriesReading, limit: f64, owner: Option<&ResourceOwner>) -> FindingDraft {
    let largest_user = owner.map_or_else(String::new, ResourceOwner::sentence);
    FindingDraft::new(
        Rule::MemoryUsed,
        "machine",
        ComponentKind::Machine,
        FindingKind::Problem,
    )
    .says(
        format!(
            "The machine's memory is nearly used up: {} at the peak",
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
    let Some(reading) = read(machine, "swap.in_bytes_per_s") else {
        return;
    };
    let limit = facts.thresholds.memory.swap_in_bytes_per_s;
    let evidence = machine.peak_sample("read back from swap", reading);
    if reading.max < limit {
        let statement = format!("read back from swap: at most {}/s", bytes(reading.max));
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
            "The machine swaps: up to {}/s read back",
            bytes(reading.max)
        ),
        format!("Pages that are in use were moved to disk; each access to one waits for the disk.{largest_user}"),
    )
    .evidence(owner.and_then(|owner| owner.evidence))
    .confidence(confidence_past(reading.max / limit, 1.0, 0.2))
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
