//! Search for what was present in a stall and not in the rest of its step.

use std::ops::Range;

use bench_report::Series;
use bench_report::names::postgres_tables;

use super::step_stalls::StepStalls;
use crate::assessment::{ComputedFigure, EvidenceItem};
use crate::bench_facts::BenchFacts;
use crate::figures;
use crate::machine_recording::MachineRecording;
use crate::postgres::PostgresEvidence;
use crate::run_facts::RunFacts;
use crate::series_reading::overlap;

/// Smallest ratio of the figure in the stall ÷ its highest sample in the rest of the step.
pub(super) const STANDS_OUT: f64 = 2.0;
/// Largest CPU use of the server in a stall, as a share of its use elsewhere, at which it did not work.
const IDLE: f64 = 0.2;

/// Series whose peaks can make a server stand still: its name, the smallest value that matters, and what it is
/// in words. `{}` stands for the device or group.
const SERIES: [(&str, f64, &str); 15] = [
    (
        "cgroup.cpu.throttled_periods_ratio",
        0.3,
        "periods in which its CPU quota stopped {}",
    ),
    ("cpu.steal_ratio", 0.1, "CPU time taken by the hypervisor"),
    (
        "memory.oom_kills",
        1.0,
        "processes killed for want of memory",
    ),
    (
        "swap.in_bytes_per_s",
        1_048_576.0,
        "memory read back from swap",
    ),
    (
        "memory.major_faults_per_s",
        100.0,
        "pages read back from disk",
    ),
    (
        "pressure.memory.some_ratio",
        0.1,
        "time in which tasks waited for memory",
    ),
    ("disk.write_await_ns", 2e7, "time of a write of {}"),
    ("disk.read_await_ns", 2e7, "time of a read of {}"),
    ("disk.busy_ratio", 0.5, "time in which {} was busy"),
    (
        "pressure.io.full_ratio",
        0.2,
        "time in which all tasks waited for I/O",
    ),
    (
        "pressure.io.some_ratio",
        0.3,
        "time in which tasks waited for I/O",
    ),
    ("tcp.retransmits_per_s", 2.0, "TCP segments sent again"),
    (
        "tcp.listen_overflows_per_s",
        1.0,
        "connections that found the accept queue full",
    ),
    ("network.drops_per_s", 1.0, "packets dropped by {}"),
    (
        "pressure.cpu.some_ratio",
        0.5,
        "time in which tasks waited for a CPU",
    ),
];
/// Series of the CPU use of processes.
const PROCESS_CPU: &str = "process.cpu_cores";
/// Counts of the server that stand for events, in words. They are of the whole step.
const EVENTS: [(&str, &str); 7] = [
    ("checkpointer.timed", "checkpoints by time"),
    ("checkpointer.requested", "checkpoints that were requested"),
    ("checkpointer.done", "checkpoints"),
    ("database.deadlocks", "deadlocks"),
    ("forks", "child processes that Redis started"),
    (
        "aof_delayed_fsync",
        "writes that waited for the append-only file",
    ),
    (
        "server.cgroup.throttled_periods",
        "periods in which the CPU quota stopped the server",
    ),
];

/// Figure that was present in a stall only.
#[derive(Debug, Default)]
pub(super) struct PresentThen {
    /// Figure in words, with both values.
    pub(super) sentence: String,
    /// Figure in the stall as evidence.
    pub(super) evidence: Option<EvidenceItem>,
    /// Figures of the sentence that no single place of a report has.
    pub(super) computed: Vec<ComputedFigure>,
    /// Program outside the run whose CPU use it is; `None` for other figures.
    pub(super) program: Option<String>,
}

/// Returns what was present in the longest stall of `worst` and not in the rest of the step: work of the
/// server's background processes, what the recording of the machine shows (one sample to each side included),
/// and events of the server that the repeats `steady`, which did not stall, do not have.
pub(super) fn of_stall(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    worst: &StepStalls<'_>,
    steady: &[usize],
) -> Vec<PresentThen> {
    let Some(stall) = worst.longest() else {
        return Vec::new();
    };
    let window = worst.step.window.measure_start_ns..worst.step.window.measure_end_ns;
    let mut found = background_work(bench, worst.index, &stall.span, &window);
    let machine = facts.machine.filter(|m| m.is_aligned_with(bench.source));
    found.extend(
        machine
            .into_iter()
            .flat_map(|m| peaks(m, &stall.span, &window)),
    );
    found.extend(events(bench, worst.index, steady));
    found
}

/// Returns the work of background processes of PostgreSQL that went on for most of `stall` and for less than
/// half of the rest of `window`.
fn background_work(
    bench: &BenchFacts<'_>,
    index: usize,
    stall: &Range<u64>,
    window: &Range<u64>,
) -> Vec<PresentThen> {
    let server = PostgresEvidence::of_step(bench.source, index);
    let rows = server
        .and_then(|server| server.table(postgres_tables::background_work::TABLE))
        .into_iter()
        .flatten();
    let rest_ns = (window.end - window.start).saturating_sub(stall.end - stall.start);
    let found = rows.filter_map(|row| {
        let at = |name: &str| row.count(name) as u64;
        let span = at("begin_ns")..at("end_ns");
        let shared = overlap(&span, stall);
        let elsewhere = overlap(&span, window).saturating_sub(shared);
        (2 * shared >= stall.end - stall.start && 2 * elsewhere < rest_ns).then(|| {
            let work = row.label("work").to_owned();
            PresentThen {
                sentence: format!("{work} of the server ({})", row.label("process")),
                evidence: row.evidence(
                    format!("{work} began (clock of the machine since its start)"),
                    "begin_ns",
                ),
                ..PresentThen::default()
            }
        })
    });
    found.collect()
}

/// Returns the series of the machine that stand out in `stall` against the rest of `window`.
fn peaks(
    machine: MachineRecording<'_>,
    stall: &Range<u64>,
    window: &Range<u64>,
) -> Vec<PresentThen> {
    let mut found = Vec::new();
    for (name, least, words) in SERIES {
        let all = machine.source.report.series.iter().enumerate();
        for (index, series) in all.filter(|(_, s)| s.name == name) {
            if series.labels.contains_key("core") {
                continue;
            }
            let peak = Peak::of(series, stall, window);
            let stands_out =
                |peak: &Peak| peak.inside >= least && peak.inside >= STANDS_OUT * peak.elsewhere;
            if let Some(peak) = peak.filter(stands_out) {
                let pointer = format!("/series/{index}/max/{}", peak.point);
                found.push(PresentThen {
                    sentence: sentence(series, words, &peak),
                    evidence: machine
                        .source
                        .evidence(format!("{name} in the stall"), &pointer),
                    ..PresentThen::default()
                });
            }
        }
    }
    found
}

/// Highest samples of a series in a stall and in the rest of its step.
struct Peak {
    inside: f64,
    elsewhere: f64,
    point: usize,
}

impl Peak {
    /// Reads a series in `stall`, one sample to each side included, and in the rest of `window`. `None` if it
    /// has no sample in one of both.
    fn of(series: &Series, stall: &Range<u64>, window: &Range<u64>) -> Option<Self> {
        let spans: Vec<_> = series.spans().collect();
        let first = spans
            .iter()
            .position(|(_, span, _)| overlap(span, stall) > 0)?;
        let last = spans
            .iter()
            .rposition(|(_, span, _)| overlap(span, stall) > 0)?;
        let near = first.saturating_sub(1)..=last + 1;
        let highest = |i: usize| series.max.get(i).copied().flatten();
        let inside = spans
            .iter()
            .enumerate()
            .filter(|(place, _)| near.contains(place));
        let inside = inside.filter_map(|(_, (i, ..))| Some((*i, highest(*i)?)));
        let (point, inside) = inside.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let rest = spans
            .iter()
            .enumerate()
            .filter(|(place, (_, span, _))| !near.contains(place) && overlap(span, window) > 0);
        let rest = rest.filter_map(|(_, (i, ..))| highest(*i));
        let elsewhere = rest.max_by(f64::total_cmp)?;
        Some(Self {
            inside,
            elsewhere,
            point,
        })
    }
}

fn sentence(series: &Series, words: &str, peak: &Peak) -> String {
    let labels = &series.labels;
    let told = ["cgroup", "device", "interface"];
    let whose = told
        .iter()
        .find_map(|label| labels.get(*label))
        .map_or("it", String::as_str);
    let show = |value: f64| figures::show(&series.name, value);
    format!(
        "{} (up to {}, and at most {} in the rest of the step)",
        words.replace("{}", whose),
        show(peak.inside),
        show(peak.elsewhere)
    )
}

/// Returns the events that the server counted in step `index` and in none of the `steady` ones.
fn events(bench: &BenchFacts<'_>, index: usize, steady: &[usize]) -> Vec<PresentThen> {
    let steps = &bench.source.report.steps;
    let count = |index: usize, name: &str| steps[index].server.as_ref()?.figures.get(name).copied();
    let only_here = EVENTS.iter().filter_map(|(name, words)| {
        let here = count(index, name).filter(|n| *n > 0.0)?;
        let elsewhere = steady.iter().map(|other| count(*other, name));
        let none: Option<f64> = elsewhere.sum();
        (!steady.is_empty() && none == Some(0.0)).then(|| PresentThen {
            sentence: format!(
                "{words} ({} in this repeat, none in those without a stall)",
                figures::plain(here)
            ),
            evidence: bench.source.evidence(
                format!("{words} in this repeat"),
                &format!("/steps/{index}/server/figures/{name}"),
            ),
            ..PresentThen::default()
        })
    });
    only_here.collect()
}

/// Says whether the server worked in the longest stall of `worst`: `Its processes used the CPU all the same`,
/// or that they did not. `None` if its CPU use was not recorded.
pub(super) fn server_at_work(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    worst: &StepStalls<'_>,
) -> Option<&'static str> {
    let machine = facts.machine.filter(|m| m.is_aligned_with(bench.source))?;
    let stall = worst.longest()?;
    let window = worst.step.window.measure_start_ns..worst.step.window.measure_end_ns;
    let (mut within, mut usual) = (0.0, 0.0);
    for series in machine
        .source
        .report
        .series
        .iter()
        .filter(|s| s.name == PROCESS_CPU)
    {
        let name = series.labels.get("name").map_or("", String::as_str);
        if !bench.component.definition().servers.contains(&name) {
            continue;
        }
        // Only samples that lie in the stall altogether show what happened in it.
        let whole = series
            .spans()
            .filter(|(_, span, _)| stall.span.start <= span.start && span.end <= stall.span.end);
        let whole: Vec<f64> = whole.map(|(_, _, cores)| cores).collect();
        within += statistics::mean(&whole)?;
        let all = series
            .spans()
            .filter(|(_, span, _)| overlap(span, &window) > 0);
        usual += statistics::median(&all.map(|(_, _, cores)| cores).collect::<Vec<_>>())?;
    }
    if usual <= 0.0 {
        return None;
    }
    Some(if within <= IDLE * usual {
        "The server's processes used no CPU meanwhile: they waited, or were stopped."
    } else {
        "The server's processes used the CPU meanwhile: they worked on something else than the calls."
    })
}
