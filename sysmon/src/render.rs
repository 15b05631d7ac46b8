//! Text of a recording's result: one sentence, and tables at most 80 columns wide.

use std::fmt::Write as _;

use bench_cli::table::{Table, bytes, duration_ns, paragraph, ratio};
use bench_report::{Growing, GrowthVerdict, Report, plain_text};

use crate::figure::Label;
use crate::metric::{self, Unit, cgroup, cpu, memory};
use crate::process_history::{ProcessFollower, ProcessHistory, has_series};
use crate::recording::LiveRecording;
use crate::series_store::SeriesStore;
use crate::spread::Spread;

/// Largest number of rows in the table of processes, and in that of growing series.
const PROCESSES_SHOWN: usize = 8;
/// Largest width of a shown process name or device label, in columns; longer ones are cut.
const NAME_COLUMNS: usize = 24;
/// Largest width of a GPU's number and name as shown, in columns; longer ones are cut.
const GPU_COLUMNS: usize = 72;

/// Largest width of the name of a growing process or group as shown, in columns; longer ones are
/// cut.
const GROWTH_COLUMNS: usize = 14;

/// Returns a summary of the recording in one sentence, without a full stop: the use of a
/// container's limits if it has any, otherwise CPU and memory of the machine.
pub(crate) fn headline(report: &Report, series_store: &SeriesStore) -> String {
    let length = duration_ns(report.duration_ns);
    let spread = |name| find(series_store, name);
    if let Some(text) = of_limit(series_store) {
        return format!("{text}, over {length}");
    }
    let cpu = spread(cpu::BUSY.name()).and_then(|s| Some((s.mean()?, s.max()?)));
    let cpu = cpu.map(|(mean, max)| format!("CPU busy {} ({} at most)", ratio(mean), ratio(max)));
    let memory = spread(memory::USED_RATIO.name()).and_then(Spread::max);
    let memory = memory.map(|max| format!("memory used at most {}", ratio(max)));
    let parts: Vec<String> = [cpu, memory].into_iter().flatten().collect();
    match parts.as_slice() {
        [] => format!("neither CPU nor memory could be read in {length}"),
        parts => format!("{}, over {length}", parts.join(", ")),
    }
}

/// Returns the use of the CPU quota and memory limit of sysmon's own control group; `None` if that
/// group has neither.
fn of_limit(series_store: &SeriesStore) -> Option<String> {
    let own = |wanted: &str| {
        let mut all = series_store.stats();
        let own = |labels: &[Label]| labels.iter().any(|(_, of)| of == "own");
        all.find(|(name, labels, _)| *name == wanted && own(labels))
            .map(|(.., spread)| spread)
    };
    let quota = own(cgroup::QUOTA_CORES.name()).and_then(Spread::max);
    let limit = own(cgroup::MEMORY_LIMIT.name()).and_then(Spread::max);
    let cpu = own(cgroup::CPU_USED_RATIO.name()).and_then(|s| Some((quota?, s.mean()?, s.max()?)));
    let cpu = cpu.map(|(quota, mean, max)| {
        let (mean, max) = (ratio(mean), ratio(max));
        format!("CPU {mean} of the limit of {quota:.2} cores ({max} at most)")
    });
    let memory = own(cgroup::MEMORY_USED_RATIO.name()).and_then(|s| Some((limit?, s.max()?)));
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

/// Returns the mean share of busy CPU so far, as text for the progress line; empty before it is
/// known.
pub(crate) fn glance(series_store: &SeriesStore) -> String {
    let busy = find(series_store, cpu::BUSY.name()).and_then(Spread::mean);
    busy.map_or_else(String::new, |busy| {
        format!("CPU busy {} so far", ratio(busy))
    })
}

/// Returns the whole result as text, headline, tables and warnings, with a trailing line break.
pub(crate) fn text(report: &Report, recording: &LiveRecording) -> String {
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

/// Returns a table with minimum, mean and maximum of the machine's figures that have a title,
/// without those of single cores.
fn machine(series_store: &SeriesStore) -> Table {
    let mut table = Table::new(&["figure", "min", "mean", "max"]);
    for metric in metric::all() {
        let Some(title) = metric.title else { continue };
        let unit = |value| written(metric.unit(), value);
        for (name, labels, spread) in series_store.stats() {
            let core = !labels.is_empty() && name.starts_with("cpu.");
            let (Some(min), Some(mean), Some(max)) = (spread.min(), spread.mean(), spread.max())
            else {
                continue;
            };
            let silent = max <= 0.0 && metric.hidden_if_zero;
            if name == metric.name && !core && !silent {
                table.row(&[titled(labels, title), unit(min), unit(mean), unit(max)]);
            }
        }
    }
    table
}

/// Formats `value`, a figure of this unit, for a table.
fn written(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Ratio => ratio(value),
        Unit::Bytes => size(value),
        Unit::BytesPerSecond => format!("{}/s", size(value)),
        Unit::Nanoseconds => duration_ns(value as u64),
        Unit::Cores => cores(value),
        Unit::Hertz => format!("{:.0} MHz", value / 1e6),
        Unit::Celsius => format!("{value:.0} °C"),
        Unit::Watts => format!("{value:.0} W"),
        Unit::PerSecond | Unit::Count => plain(value),
    }
}

/// Returns the title of a figure after the value of its first label, which names the device: `vda
/// read`. For a GPU the label becomes `GPU 0`; without labels the title stands alone.
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

/// Returns a table of growing series, of which it shows at most the first eight.
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
        let unit = |value| written(Unit::of(&growing.series), value);
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

/// Replaces characters that a reader does not see by `?`, and cuts the name to `columns` characters.
fn shortened(name: &str, columns: usize) -> String {
    let name = plain_text::visible(name, '?', |_| false);
    name.chars().take(columns).collect()
}

fn plain(value: f64) -> String {
    format!("{value:.1}")
}

fn cores(value: f64) -> String {
    format!("{value:.2}")
}

fn size(value: f64) -> String {
    bytes(value as u64)
}
