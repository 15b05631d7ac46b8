//! Text of a recording's result: one sentence, and tables of 80 columns.

use std::fmt::Write as _;

use bench_cli::table::{Table, bytes, duration_ns, paragraph, ratio};
use bench_report::{Growing, GrowthVerdict, Report};
use host_metrics::figure::Label;
use host_metrics::spread::Spread;

use crate::process_history::{ProcessFollower, ProcessHistory, has_series};
use crate::recording::LiveRecording;
use crate::series_store::SeriesStore;

/// Most processes in a table.
const PROCESSES_SHOWN: usize = 8;
/// Most columns of a name or a label.
const NAME_COLUMNS: usize = 24;
/// Most columns of a GPU's number and name.
const GPU_COLUMNS: usize = 72;

/// Most columns of the name of something that grows.
const GROWTH_COLUMNS: usize = 14;

/// Function that formats a figure.
type FigureFormat = fn(f64) -> String;

/// Figures in the table, in the order in which one looks for a cause.
const SHOWN: &[(&str, &str, FigureFormat)] = &[
    ("cpu.busy_ratio", "CPU busy", ratio),
    ("cpu.user_ratio", "CPU user", ratio),
    ("cpu.system_ratio", "CPU system", ratio),
    ("cpu.nice_ratio", "CPU user, lowered", ratio),
    ("cpu.guest_ratio", "CPU guests", ratio),
    ("cpu.irq_ratio", "CPU interrupts", ratio),
    ("cpu.softirq_ratio", "CPU soft interrupts", ratio),
    ("cpu.iowait_ratio", "CPU waiting for I/O", ratio),
    ("cpu.steal_ratio", "CPU stolen", ratio),
    ("load.runnable", "tasks runnable", plain),
    (
        "scheduler.context_switches_per_s",
        "context switches/s",
        plain,
    ),
    ("scheduler.forks_per_s", "forks/s", plain),
    ("memory.used_ratio", "memory used", ratio),
    ("memory.dirty_bytes", "memory dirty", size),
    ("memory.slab_bytes", "memory slab", size),
    ("memory.major_faults_per_s", "major faults/s", plain),
    ("memory.oom_kills", "OOM kills", plain),
    ("swap.used_bytes", "swap used", size),
    ("swap.in_bytes_per_s", "swap in", flow),
    ("swap.out_bytes_per_s", "swap out", flow),
    ("pressure.cpu.some_ratio", "pressure CPU", ratio),
    ("pressure.memory.some_ratio", "pressure memory", ratio),
    ("pressure.io.some_ratio", "pressure I/O", ratio),
    ("disk.read_bytes_per_s", "read", flow),
    ("disk.write_bytes_per_s", "written", flow),
    ("disk.read_await_ns", "read await", time),
    ("disk.write_await_ns", "write await", time),
    ("disk.queue_length", "queue", plain),
    ("disk.busy_ratio", "busy", ratio),
    ("network.receive_bytes_per_s", "received", flow),
    ("network.transmit_bytes_per_s", "sent", flow),
    ("network.drops_per_s", "dropped", plain),
    ("tcp.retransmits_per_s", "TCP retransmitted/s", plain),
    ("tcp.listen_overflows_per_s", "listen overflows/s", plain),
    ("tcp.time_wait", "TCP in time-wait", plain),
    ("tcp.sockets", "TCP sockets", plain),
    ("handles.open", "files open", plain),
    ("cgroup.cpu.used_ratio", "group: CPU of limit", ratio),
    (
        "cgroup.cpu.throttled_periods_ratio",
        "group: throttled",
        ratio,
    ),
    ("cgroup.memory.used_ratio", "group: memory of limit", ratio),
    ("cgroup.memory.limit_hits", "group: limit hits", plain),
    ("cgroup.memory.oom_kills", "group: OOM kills", plain),
    ("tree.processes", "processes", plain),
    ("tree.cpu_cores", "cores used", cores),
    ("tree.rss_bytes", "memory", size),
    ("temperature.celsius", "temperature", celsius),
    ("gpu.utilisation_ratio", "busy", ratio),
    ("gpu.memory_busy_ratio", "memory busy", ratio),
    ("gpu.memory_used_bytes", "memory used", size),
    ("gpu.power_watts", "power", watts),
    ("gpu.temperature_celsius", "temperature", celsius),
    ("gpu.sm_clock_hertz", "SM clock", clock),
];

/// Figures that are left out where they were always zero.
const ONLY_WHEN_SEEN: &[&str] = &[
    "swap.used_bytes",
    "swap.in_bytes_per_s",
    "swap.out_bytes_per_s",
    "network.receive_bytes_per_s",
    "network.transmit_bytes_per_s",
    "network.drops_per_s",
    "tcp.retransmits_per_s",
    "tcp.listen_overflows_per_s",
    "tcp.time_wait",
    "tcp.sockets",
    "cpu.nice_ratio",
    "cpu.guest_ratio",
    "memory.major_faults_per_s",
    "memory.oom_kills",
    "cgroup.cpu.throttled_periods_ratio",
    "cgroup.memory.limit_hits",
    "cgroup.memory.oom_kills",
];

/// Summarises the recording in one sentence.
pub fn headline(report: &Report, series_store: &SeriesStore) -> String {
    let length = duration_ns(report.duration_ns);
    let spread = |name| find(series_store, name);
    if let Some(text) = of_limit(series_store) {
        return format!("{text}, over {length}");
    }
    let cpu = spread("cpu.busy_ratio").and_then(|s| Some((s.mean()?, s.max()?)));
    let cpu = cpu.map(|(mean, max)| format!("CPU busy {} ({} at most)", ratio(mean), ratio(max)));
    let memory = spread("memory.used_ratio").and_then(Spread::max);
    let memory = memory.map(|max| format!("memory used at most {}", ratio(max)));
    let parts: Vec<String> = [cpu, memory].into_iter().flatten().collect();
    match parts.as_slice() {
        [] => format!("neither CPU nor memory could be read in {length}"),
        parts => format!("{}, over {length}", parts.join(", ")),
    }
}

/// Summarises a container by its limits; `None` where there are none.
fn of_limit(series_store: &SeriesStore) -> Option<String> {
    let own = |wanted: &str| {
        let mut all = series_store.stats();
        let own = |labels: &[Label]| labels.iter().any(|(_, of)| of == "own");
        all.find(|(name, labels, _)| *name == wanted && own(labels))
            .map(|(.., spread)| spread)
    };
    let quota = own("cgroup.cpu.quota_cores").and_then(Spread::max);
    let limit = own("cgroup.memory.limit_bytes").and_then(Spread::max);
    let cpu = own("cgroup.cpu.used_ratio").and_then(|s| Some((quota?, s.mean()?, s.max()?)));
    let cpu = cpu.map(|(quota, mean, max)| {
        let (mean, max) = (ratio(mean), ratio(max));
        format!("CPU {mean} of the limit of {quota:.2} cores ({max} at most)")
    });
    let memory = own("cgroup.memory.used_ratio").and_then(|s| Some((limit?, s.max()?)));
    let memory = memory.map(|(limit, max)| {
        format!(
            "memory at most {} of the limit of {}",
            ratio(max),
            size(limit)
        )
    });
    let parts: Vec<String> = [cpu, memory].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Short text for the progress line.
pub fn glance(series_store: &SeriesStore) -> String {
    let busy = find(series_store, "cpu.busy_ratio").and_then(Spread::mean);
    busy.map_or_else(String::new, |busy| {
        format!("CPU busy {} so far", ratio(busy))
    })
}

/// Renders the whole result.
pub fn text(report: &Report, recording: &LiveRecording) -> String {
    let mut text = format!(
        "{}\n\n{}",
        report.summary.headline,
        machine(recording.series_store())
    );
    let gpus = recording.gpus().and_then(|gpus| gpus.found().ok());
    for gpu in gpus.unwrap_or_default() {
        let _ = writeln!(text, "GPU {}", shortened(gpu, GPU_COLUMNS));
    }
    if let Some(follower) = recording.follower().filter(|all| has_series(all)) {
        let _ = write!(text, "\n{}", processes(follower));
    }
    if !report.summary.growth.is_empty() {
        let _ = write!(text, "\n{}", growth(&report.summary.growth));
    }
    if !report.marks.is_empty() {
        let _ = write!(text, "\n{}", paragraph(&marks(report), 0));
    }
    let _ = writeln!(text, "\n{}", own_cost(report));
    for warning in &report.warnings {
        text.push_str(&paragraph(&format!("warning: {}", warning.message), 0));
    }
    text
}

fn machine(series_store: &SeriesStore) -> Table {
    let mut table = Table::new(&["figure", "min", "mean", "max"]);
    for (wanted, title, unit) in SHOWN {
        for (name, labels, spread) in series_store.stats() {
            let core = !labels.is_empty() && name.starts_with("cpu.");
            let (Some(min), Some(mean), Some(max)) = (spread.min(), spread.mean(), spread.max())
            else {
                continue;
            };
            let silent = max <= 0.0 && ONLY_WHEN_SEEN.contains(&name);
            if name == *wanted && !core && !silent {
                table.row(&[titled(labels, title), unit(min), unit(mean), unit(max)]);
            }
        }
    }
    table
}

/// Title of a figure with its first label, which names the device; a GPU only has a number.
fn titled(labels: &[Label], title: &str) -> String {
    match labels.first() {
        None => title.to_owned(),
        Some(("gpu", index)) => format!("GPU {index} {title}"),
        Some((_, of)) => format!("{} {title}", shortened(of, NAME_COLUMNS)),
    }
}

fn processes(follower: &ProcessFollower) -> Table {
    let mut table = Table::new(&[
        "process",
        "pid",
        "CPU time",
        "cores mean",
        "cores max",
        "memory max",
    ]);
    let used = |used: Option<f64>| used.map_or_else(|| "-".to_owned(), cores);
    for (id, process) in follower.ranked().into_iter().take(PROCESSES_SHOWN) {
        let spread = process.history().and_then(ProcessHistory::cores);
        table.row(&[
            shortened(&process.name, NAME_COLUMNS),
            id.pid.to_string(),
            duration_ns(process.used_ns),
            used(spread.and_then(Spread::mean)),
            used(spread.and_then(Spread::max)),
            bytes(process.rss_max_bytes),
        ]);
    }
    table
}

/// Table of growing series, at most as many as processes are shown.
pub(crate) fn growth(all: &[Growing]) -> Table {
    let mut table = Table::new(&["what grows", "of", "verdict", "a second", "in all"]);
    for growing in all.iter().take(PROCESSES_SHOWN) {
        let labels = &growing.labels;
        let of = ["name", "follow", "cgroup"]
            .iter()
            .find_map(|key| labels.get(*key));
        let pid = labels
            .get("pid")
            .map_or_else(String::new, |pid| format!(" {pid}"));
        let of = shortened(of.map_or("machine", String::as_str), GROWTH_COLUMNS);
        let unit = if growing.series.ends_with("_bytes") {
            size
        } else {
            plain
        };
        let verdict = match growing.verdict {
            GrowthVerdict::Growing => "growing",
            GrowthVerdict::Leak => "leak",
        };
        table.row(&[
            growing.series.clone(),
            format!("{of}{pid}"),
            verdict.to_owned(),
            unit(growing.per_s),
            unit(growing.grown),
        ]);
    }
    table
}

fn marks(report: &Report) -> String {
    let start_ns = report.clock.monotonic_ns;
    let told = report.marks.iter().map(|mark| {
        let after = duration_ns(mark.at_ns.saturating_sub(start_ns));
        format!("{} (after {after})", mark.name)
    });
    format!("marks: {}", told.collect::<Vec<_>>().join(", "))
}

fn own_cost(report: &Report) -> String {
    let figure = |name: &str| report.summary.figures.get(name).copied().unwrap_or(0.0) as u64;
    format!(
        "{} samples, {} missed\nown cost: {} of CPU ({} a sample), {} of memory",
        figure("samples"),
        figure("missed_samples"),
        duration_ns(figure("own.cpu_ns")),
        duration_ns(figure("own.cpu_per_sample_ns")),
        bytes(figure("own.rss_max_bytes")),
    )
}

fn find<'a>(series_store: &'a SeriesStore, wanted: &str) -> Option<&'a Spread> {
    series_store
        .stats()
        .find(|(name, labels, _)| *name == wanted && labels.is_empty())
        .map(|(.., spread)| spread)
}

/// Replaces control characters in a name and shortens it to `columns`.
fn shortened(name: &str, columns: usize) -> String {
    name.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(columns)
        .collect()
}

fn plain(value: f64) -> String {
    format!("{value:.1}")
}

fn cores(value: f64) -> String {
    format!("{value:.2}")
}

fn time(ns: f64) -> String {
    duration_ns(ns as u64)
}

fn size(value: f64) -> String {
    bytes(value as u64)
}

fn flow(value: f64) -> String {
    format!("{}/s", bytes(value as u64))
}

fn watts(value: f64) -> String {
    format!("{value:.0} W")
}

fn celsius(value: f64) -> String {
    format!("{value:.0} °C")
}

fn clock(hertz: f64) -> String {
    format!("{:.0} MHz", hertz / 1e6)
}
