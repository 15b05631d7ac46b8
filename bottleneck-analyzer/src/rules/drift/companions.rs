//! Search for the figures of the machine and of the server that move with a drift.

use super::response_drift::ResponseDrift;
use super::step_companion::StepCompanion;
use crate::bench_facts::BenchFacts;
use crate::participants::takes_part;
use crate::windows::{WindowTrend, WindowedSeries};

/// Series of the CPU use of a process; the processes of one name are added up.
const CPU: &str = "process.cpu_cores";
/// Smallest change of a companion, as a share of its larger end.
const LEAST_RATIO: f64 = 0.10;

/// Figure that can move with a drift, and the direction that fits a target that gets slower.
#[derive(Debug, Clone, Copy)]
struct CompanionKind {
    /// Name of the series.
    series: &'static str,
    /// Name in words.
    title: &'static str,
    /// Name whose suffix gives the unit; `cores` and `hertz` for these.
    unit: &'static str,
    /// Smallest change in the unit of the series that matters.
    least: f64,
    /// True if a slower target goes with a rise, false if it goes with a fall.
    rises: bool,
    /// Processes that the figure is read of.
    owner: Owner,
    /// Factor by which a value ÷ throughput becomes a time of a call, in nanoseconds; `None` for a level.
    per_call_ns: Option<f64>,
    advice: &'static str,
}

/// Owner of a series among the processes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// No process: the machine, a device or a control group.
    Machine,
    /// Process of the server under test.
    Server,
    /// Process that takes no part in the run.
    Outsider,
}

const fn level(
    series: &'static str,
    title: &'static str,
    unit: &'static str,
    least: f64,
    advice: &'static str,
) -> CompanionKind {
    CompanionKind {
        series,
        title,
        unit,
        least,
        rises: true,
        owner: Owner::Machine,
        per_call_ns: None,
        advice,
    }
}

/// All figures that are looked at. Where one of the server is meant to be read for each call, the CPU time of
/// background work counts too, so that only its size decides.
const KINDS: [CompanionKind; 14] = [
    CompanionKind {
        owner: Owner::Server,
        per_call_ns: Some(1e9),
        ..level(
            "process.cpu_cores",
            "CPU time of {} in each call",
            "ns",
            0.02,
            "find what each call does more of: rows and pages read for a call (dead rows, growing tables), pg_stat_statements over time",
        )
    },
    CompanionKind {
        per_call_ns: Some(1e9),
        ..level(
            "cgroup.cpu.throttled_cores",
            "time for which the CPU quota of {} stopped its threads in each call",
            "ns",
            0.02,
            "raise the CPU quota of the group, or use less of it",
        )
    },
    CompanionKind {
        owner: Owner::Outsider,
        ..level(
            "process.cpu_cores",
            "CPU use of {}, which takes no part in the run,",
            "cores",
            0.1,
            "stop the other program, or give the server a machine of its own",
        )
    },
    CompanionKind {
        owner: Owner::Server,
        ..level(
            "process.rss_bytes",
            "memory of {}",
            "bytes",
            33_554_432.0,
            "see what the server keeps: caches that fill, or a leak",
        )
    },
    CompanionKind {
        rises: false,
        ..level(
            "cpu.clock_hertz",
            "clock of the CPU",
            "hertz",
            1e8,
            "see whether the CPU is too hot or saves power: a fixed frequency, another cooling",
        )
    },
    level(
        "cpu.steal_ratio",
        "CPU time taken by the hypervisor",
        "ratio",
        0.02,
        "another instance or host: burst credit that is used up looks like this",
    ),
    level(
        "pressure.cpu.some_ratio",
        "time in which tasks waited for a CPU",
        "ratio",
        0.05,
        "see which process uses more CPU (sysmon show)",
    ),
    level(
        "pressure.io.some_ratio",
        "time in which tasks waited for I/O",
        "ratio",
        0.05,
        "see which process reads or writes more, and whether the disk limits its rate",
    ),
    level(
        "pressure.memory.some_ratio",
        "time in which tasks waited for memory",
        "ratio",
        0.02,
        "more memory, or fewer and smaller processes",
    ),
    level(
        "disk.read_await_ns",
        "time of a read of {}",
        "ns",
        200_000.0,
        "see whether the disk limits its rate (burst credit), and who else reads",
    ),
    level(
        "disk.write_await_ns",
        "time of a write of {}",
        "ns",
        200_000.0,
        "see whether the disk limits its rate (burst credit), and who else writes",
    ),
    level(
        "memory.major_faults_per_s",
        "pages read back from disk",
        "per_s",
        10.0,
        "more memory: what is in use no longer fits",
    ),
    level(
        "tcp.retransmits_per_s",
        "TCP segments sent again",
        "per_s",
        1.0,
        "see where packets are lost between generator and server",
    ),
    level(
        "network.drops_per_s",
        "packets dropped by {}",
        "per_s",
        1.0,
        "see where packets are lost between generator and server",
    ),
];

/// Returns the figures that moved with the drift in the direction that fits it: those that explain it first,
/// then those that moved first. Empty without a recording of the machine.
pub(super) fn of_drift<'a>(
    bench: &BenchFacts<'_>,
    drift: &ResponseDrift<'a>,
) -> Vec<StepCompanion<'a>> {
    let mut found: Vec<StepCompanion<'a>> = KINDS
        .iter()
        .flat_map(|kind| of_kind(kind, bench, drift))
        .collect();
    found.sort_by(|a, b| {
        let explains = b.explains(drift).cmp(&a.explains(drift));
        let size = |c: &StepCompanion<'_>| c.trend.ratio().abs();
        explains
            .then(a.trend.turn.cmp(&b.trend.turn))
            .then(size(b).total_cmp(&size(a)))
    });
    found
}

fn of_kind<'a>(
    kind: &CompanionKind,
    bench: &BenchFacts<'_>,
    drift: &ResponseDrift<'a>,
) -> Vec<StepCompanion<'a>> {
    let read = drift.windows.of_machine(kind.series);
    let owned = read.into_iter().filter(|s| is_owned(kind.owner, s, bench));
    let groups: Vec<(WindowedSeries<'a>, Vec<f64>)> = if kind.series == CPU {
        summed(owned)
    } else {
        owned
            .map(|series| (series.clone(), series.means()))
            .collect()
    };
    let moved = groups
        .into_iter()
        .filter_map(|(series, means)| moved(kind, series, &means, drift));
    moved.collect()
}

/// Adds up the means of all processes of one name. Each sum comes with the series of the process that used
/// most.
fn summed<'a>(
    processes: impl Iterator<Item = WindowedSeries<'a>>,
) -> Vec<(WindowedSeries<'a>, Vec<f64>)> {
    let mut groups: Vec<(WindowedSeries<'a>, Vec<f64>)> = Vec::new();
    for one in processes {
        let means = one.means();
        let of_all = |series: &WindowedSeries<'_>| series.means().iter().sum::<f64>();
        match groups
            .iter_mut()
            .find(|(known, _)| known.whose() == one.whose())
        {
            Some((busiest, sums)) => {
                sums.iter_mut()
                    .zip(&means)
                    .for_each(|(sum, mean)| *sum += mean);
                if of_all(&one) > of_all(busiest) {
                    *busiest = one;
                }
            }
            None => groups.push((one, means)),
        }
    }
    groups
}

fn is_owned(owner: Owner, series: &WindowedSeries<'_>, bench: &BenchFacts<'_>) -> bool {
    let name = series.series.labels.get("name").map_or("", String::as_str);
    match owner {
        Owner::Machine => true,
        Owner::Server => bench.component.definition().servers.contains(&name),
        Owner::Outsider => !takes_part(name),
    }
}

/// Returns a series with these means as a companion of the drift; `None` if it has no trend, moves too little, or moves in
/// the direction that does not fit.
fn moved<'a>(
    kind: &CompanionKind,
    series: WindowedSeries<'a>,
    means: &[f64],
    drift: &ResponseDrift<'a>,
) -> Option<StepCompanion<'a>> {
    let level = WindowTrend::of(means)?;
    let trend = match kind.per_call_ns {
        None => level,
        Some(factor) => {
            let throughput = drift.throughput()?;
            let each = means.iter().zip(throughput);
            let each: Vec<f64> = each
                .map(|(mean, rate)| mean * factor / rate.max(1e-9))
                .collect();
            WindowTrend::of(&each)?
        }
    };
    let fits = (trend.change() > 0.0) == (kind.rises == drift.worsens());
    let large = trend.ratio().abs() >= LEAST_RATIO
        && (kind.per_call_ns.is_some() || level.change().abs() >= kind.least);
    (fits && large && trend.is_significant()).then(|| StepCompanion {
        title: kind.title.replace("{}", series.whose()),
        advice: kind.advice,
        trend,
        unit: kind.unit,
        is_of_each_call: kind.per_call_ns.is_some(),
        series,
    })
}
