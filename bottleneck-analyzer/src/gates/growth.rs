//! Growth of memory over the load, as gates read it, with its error.
//!
//! The level at the start is that of the first tenth of the load, the level at the end that of the last
//! tenth. The lowest and highest readings in the two bound the growth: a heap that a garbage collector
//! empties now and then grows only if its lowest level does.

use std::collections::BTreeSet;
use std::ops::Range;

use bench_report::Series;

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;
use crate::machine_recording::MachineRecording;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

use super::planned::PlannedGate;
use super::reading::{GateMeasurement, GateReading};

/// Part of the load at its start, and at its end, whose readings give the level of memory.
const PART: u64 = 10;

/// Name of the series of the memory that is in use.
const USED: &str = "memory.used_bytes";

/// Name of the series of the memory that is not in use, which older recordings have alone.
const AVAILABLE: &str = "memory.available_bytes";

/// Fewest readings in each of the two parts.
const FEWEST: usize = 3;

/// Level of memory in a part of the load, in bytes.
struct MemoryLevel {
    mean: f64,
    low: f64,
    high: f64,
    evidence: Option<EvidenceItem>,
}

/// Reads the growth of memory over the load of the benches that the gate is about.
pub(super) fn reading(gate: &PlannedGate<'_>, facts: &RunFacts<'_>) -> GateReading {
    let machine = facts.machine.ok_or("the machine was not recorded")?;
    let load = load(gate, facts, machine)?;
    let length = (load.end - load.start) / PART;
    let first = load.start..load.start + length;
    let last = load.end - length..load.end;
    let series = series(gate, machine, [&first, &last])?;
    let mut growth = (0.0, 0.0, 0.0);
    let mut evidence = Vec::new();
    for (index, series) in series {
        let error = series.error_max.unwrap_or(0.0);
        let mut begin = level(machine, (index, series), &first, "start")?;
        let mut end = level(machine, (index, series), &last, "end")?;
        if series.name == AVAILABLE {
            // What is taken from the available memory is used.
            std::mem::swap(&mut begin, &mut end);
        }
        growth.0 += end.mean - begin.mean;
        growth.1 += end.low - begin.high - error;
        growth.2 += end.high - begin.low + error;
        evidence.extend(begin.evidence.into_iter().chain(end.evidence));
    }
    let (mean, low, high) = growth;
    let measurement = GateMeasurement::new(machine.source, mean, evidence);
    Ok(measurement.within(Some((low, high))))
}

/// Returns the time of the load: from the first measured instant to the last of the benches that the
/// gate is about; the whole recording if the run has no bench.
fn load(
    gate: &PlannedGate<'_>,
    facts: &RunFacts<'_>,
    machine: MachineRecording<'_>,
) -> Result<Range<u64>, String> {
    if facts.benches.is_empty() {
        let whole = machine.whole();
        return Ok(whole.start_ns..whole.end_ns);
    }
    let clock = &machine.source.report.clock;
    let about = |bench: &&BenchFacts<'_>| gate.is_about_run_of(bench);
    let benches = facts.benches.iter().filter(about);
    let comparable = benches.filter(|b| b.source.report.clock.comparable_with(clock));
    let windows = comparable.flat_map(|b| b.source.report.steps.iter().map(|s| s.window));
    let windows: Vec<_> = windows.collect();
    let start = windows.iter().map(|w| w.measure_start_ns).min();
    let end = windows.iter().map(|w| w.measure_end_ns).max();
    match (start, end) {
        (Some(start), Some(end)) if end > start => Ok(start..end),
        _ => Err("the recording of the machine shares no time with the load".to_owned()),
    }
}

/// Returns the series of the memory that the gate is about: that of the machine, or those of all
/// processes with the gate's name.
fn series<'a>(
    gate: &PlannedGate<'_>,
    machine: MachineRecording<'a>,
    parts: [&Range<u64>; 2],
) -> Result<Vec<(usize, &'a Series)>, String> {
    let all = machine.source.report.series.iter().enumerate();
    let Some(process) = gate.process() else {
        let whole = |name: &str| {
            let mut all = all.clone();
            all.find(|(_, s)| s.name == name && s.labels.is_empty())
        };
        let found = whole(USED).or_else(|| whole(AVAILABLE));
        return found
            .map(|found| vec![found])
            .ok_or_else(|| "the machine's memory was not recorded".to_owned());
    };
    let of_process = |name: &str| {
        let all = all.clone();
        let found = all.filter(|(_, s)| s.name == name);
        let found = found.filter(|(_, s)| s.labels.get("name").is_some_and(|n| n == process));
        found.collect::<Vec<_>>()
    };
    // Shared pages are in the resident memory of every process, and shared out in the proportional.
    let proportional = of_process("process.pss_bytes");
    let found = if proportional.is_empty() {
        of_process("process.rss_bytes")
    } else {
        proportional
    };
    let present = |part: &Range<u64>| -> BTreeSet<usize> {
        let read = found
            .iter()
            .filter(|(i, s)| SeriesReading::over(*i, s, part).is_some());
        read.map(|(i, _)| *i).collect()
    };
    let [first, last] = parts.map(present);
    if found.is_empty() {
        return Err(format!(
            "no process called {process} was recorded; to find out: sysmon record --follow {process}"
        ));
    }
    if first != last || first.is_empty() {
        return Err(format!(
            "not the same processes called {process} were recorded at the start of the load as at its end"
        ));
    }
    Ok(found
        .into_iter()
        .filter(|(i, _)| first.contains(i))
        .collect())
}

/// Returns the level of a series in a part of the load, which `name` names, or why it is unknown.
fn level(
    machine: MachineRecording<'_>,
    (index, series): (usize, &Series),
    part: &Range<u64>,
    name: &str,
) -> Result<MemoryLevel, String> {
    let reading = SeriesReading::over(index, series, part);
    let reading = reading.filter(|r| r.covers_enough_of(part) && r.samples >= FEWEST);
    let reading = reading.ok_or_else(|| {
        format!("too few readings of memory at the {name} of the load; to find out: a longer load")
    })?;
    let inside = series
        .spans()
        .filter(|(_, span, _)| span.end > part.start && span.start < part.end);
    let inside: Vec<usize> = inside.map(|(i, _, _)| i).collect();
    let column = |column: &[Option<f64>]| -> Vec<f64> {
        inside
            .iter()
            .filter_map(|i| column.get(*i).copied().flatten())
            .collect()
    };
    let lows = column(&series.min).into_iter();
    let highs = column(&series.max).into_iter();
    let what = if series.name == AVAILABLE {
        "memory available"
    } else {
        "memory"
    };
    let label = format!("{what} at the {name} of the load");
    Ok(MemoryLevel {
        mean: reading.mean,
        low: lows.fold(reading.mean, f64::min),
        high: highs.fold(reading.mean, f64::max),
        evidence: machine.typical_sample(&label, reading),
    })
}
