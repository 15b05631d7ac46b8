//! Charts over time of the benches and of the machine, which zoom together.

use bench_report::names::{FigureName, Place, load_series, reads};
use bench_report::{Series, Step};

use super::data::{Chart, ChartBand, ChartLine, ChartMark, four_digits};
use crate::rate_search;
use crate::render::excerpt::Excerpt;
use crate::requests;
use crate::run_reports::RunReports;
use crate::source_report::SourceReport;

/// Largest number of points of a line: about the width of a screen in pixels.
const POINTS: usize = 600;

/// Largest number of processes in a chart; the ones that used the most CPU are shown.
const PROCESSES: usize = 6;

/// Time axis in seconds; 0 is the earliest instant of any step, series or mark of the run.
pub(super) struct TimeAxis {
    start_ns: u64,
    /// End of the axis, in seconds since its start.
    pub(super) end_s: f64,
}

impl TimeAxis {
    pub(super) fn new(run: &RunReports) -> Self {
        let steps = run.sources.iter().flat_map(|s| &s.report.steps);
        let steps = steps.flat_map(|s| [s.window.start_ns, s.window.end_ns]);
        let series = run.sources.iter().flat_map(|s| &s.report.series);
        let series = series.flat_map(|s| s.at_ns.first().into_iter().chain(s.at_ns.last()));
        let marks = run.sources.iter().flat_map(|s| &s.report.marks);
        let instants = steps.chain(series.copied()).chain(marks.map(|m| m.at_ns));
        let instants: Vec<u64> = instants.filter(|ns| *ns > 0).collect();
        let start_ns = instants.iter().min().copied().unwrap_or(0);
        let last = instants.iter().max().copied().unwrap_or(0);
        Self {
            start_ns,
            end_s: last.saturating_sub(start_ns) as f64 / 1e9,
        }
    }

    fn seconds(&self, at_ns: u64) -> f64 {
        let s = at_ns.saturating_sub(self.start_ns) as f64 / 1e9;
        (s * 1e3).round() / 1e3
    }
}

const STEPS: &str = "Shaded: the steps of each bench.";
const PEAKS: &str = "The shade above a line reaches to the peak in each point.";

/// Charts over time, each with its id, title, caption and the unit of y, in this order.
const CHARTS: [(&str, &str, &str, &str); 11] = [
    ("time-throughput", "Throughput", STEPS, "per_s"),
    ("time-latency", "Latency (logarithmic)", STEPS, "ns"),
    (
        "time-longest",
        "Longest response time (logarithmic)",
        STEPS,
        "ns",
    ),
    ("time-errors", "Failed requests", STEPS, "per_s"),
    ("time-operations", "Answers by operation", STEPS, "per_s"),
    (
        "time-users",
        "Users, sessions and connections",
        STEPS,
        "count",
    ),
    (
        "time-server",
        "Sessions of a server that was watched without a load",
        PEAKS,
        "count",
    ),
    ("time-cpu", "CPU of the machine", PEAKS, "ratio"),
    ("time-process", "CPU by process, in cores", PEAKS, "cores"),
    ("time-memory", "Memory and pressure", PEAKS, "ratio"),
    ("time-traffic", "Disk and network", PEAKS, "bytes_per_s"),
];

/// Returns the charts over time, in the order of [`CHARTS`]; those without data are left out.
pub(super) fn time_charts(run: &RunReports, axis: &TimeAxis) -> Vec<Chart> {
    let bands = step_bands(run, axis);
    let drawn = |line: &ChartLine| line.y.iter().any(Option::is_some);
    let chart = |(id, title, caption, unit): (&str, &str, &str, &'static str)| {
        let lines = lines_of(id, run, axis);
        lines.iter().any(drawn).then(|| Chart {
            id: id.to_owned(),
            title: title.to_owned(),
            caption: caption.to_owned(),
            x_label: "seconds since the start of the run".to_owned(),
            x_scale: "seconds",
            unit,
            y_log: matches!(id, "time-latency" | "time-longest"),
            lines,
            bands: bands.clone(),
            group: Some("time"),
        })
    };
    CHARTS.into_iter().filter_map(chart).collect()
}

/// Returns the lines of the chart whose id is `id`, one of [`CHARTS`].
fn lines_of(id: &str, run: &RunReports, axis: &TimeAxis) -> Vec<ChartLine> {
    match id {
        "time-throughput" => {
            let mut lines = bench_lines(run, axis, "throughput");
            lines.extend(own_lines(run, axis, |name| {
                name == load_series::LOAD_INTENDED_RATE_PER_S.as_str()
            }));
            lines
        }
        "time-latency" => bench_lines(run, axis, "p99"),
        "time-longest" => own_lines(run, axis, |name| {
            name == load_series::LATENCY_MAX_NS.as_str()
        }),
        "time-errors" => own_lines(run, axis, |name| name == load_series::ERRORS_PER_S.as_str()),
        "time-operations" => own_lines(run, axis, |name| {
            load_series::OPERATIONS_PER_S.member(name).is_some()
        }),
        "time-users" => own_lines(run, axis, |name| USERS.iter().any(|n| n.as_str() == name)),
        "time-server" => own_lines(run, axis, |name| load_series::SERVER.member(name).is_some()),
        "time-cpu" => machine_lines(run, axis, &CPU),
        "time-process" => processes(run, axis),
        "time-memory" => machine_lines(run, axis, &MEMORY),
        _ => traffic(run, axis),
    }
}

/// Returns the named instants (marks) of all reports in order of time.
pub(super) fn marks(run: &RunReports, axis: &TimeAxis) -> Vec<ChartMark> {
    let marks = run.sources.iter().flat_map(|s| &s.report.marks);
    let mut marks: Vec<ChartMark> = marks
        .map(|mark| ChartMark {
            at_s: axis.seconds(mark.at_ns),
            name: mark.name.clone(),
        })
        .collect();
    marks.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    marks
}

/// Returns a line for each of `names`, in that order: the name of a series of the whole machine,
/// and the label of its line. Names that were not recorded are left out.
fn machine_lines(run: &RunReports, axis: &TimeAxis, names: &[(&str, &str)]) -> Vec<ChartLine> {
    let recording = run.machine().map_or(&[][..], |m| &m.report.series);
    let whole = |name: &str| {
        let mut series = recording.iter();
        series.find(|s| s.name == name && (s.labels.is_empty() || s.labels.contains_key("device")))
    };
    let asked = names.iter();
    asked
        .filter_map(|(name, label)| Some(line(whole(name)?, (*label).to_owned(), axis)))
        .collect()
}

/// Series that count users, sessions and connections.
const USERS: [FigureName; 4] = [
    load_series::LOAD_USERS,
    load_series::LOAD_SESSIONS,
    load_series::LOAD_INTENDED_USERS,
    load_series::OPEN_CONNECTIONS,
];

const CPU: [(&str, &str); 5] = [
    ("cpu.busy_ratio", "busy"),
    ("cpu.user_ratio", "user"),
    ("cpu.system_ratio", "system"),
    ("cpu.iowait_ratio", "waiting for I/O"),
    ("cpu.steal_ratio", "stolen"),
];

const MEMORY: [(&str, &str); 5] = [
    ("memory.used_ratio", "memory used"),
    ("pressure.cpu.some_ratio", "waiting for CPU"),
    ("pressure.memory.some_ratio", "waiting for memory"),
    ("pressure.io.some_ratio", "waiting for I/O"),
    ("disk.busy_ratio", "disk busy"),
];

fn line(series: &Series, label: String, axis: &TimeAxis) -> ChartLine {
    reads::note(Place::Series, &series.name);
    let mut short = series.clone();
    short.roll_up(POINTS);
    let rounded = |column: &[Option<f64>]| -> Vec<Option<f64>> {
        column.iter().map(|v| v.map(four_digits)).collect()
    };
    let (y, peak) = (rounded(&short.mean), rounded(&short.max));
    let mut line = ChartLine {
        label,
        x: short.at_ns.iter().map(|at| axis.seconds(*at)).collect(),
        peak: (peak != y).then_some(peak),
        y,
    };
    break_at_pauses(&mut line);
    line
}

/// Inserts a gap into a line wherever two points are more than four times the median distance
/// apart, such as between two steps.
fn break_at_pauses(line: &mut ChartLine) {
    let gaps: Vec<f64> = line.x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let Some(usual) = statistics::median(&gaps).filter(|g| *g > 0.0) else {
        return;
    };
    for (i, gap) in gaps.iter().enumerate().rev() {
        if *gap > 4.0 * usual {
            line.x.insert(i + 1, line.x[i] + usual);
            line.y.insert(i + 1, None);
            if let Some(peak) = &mut line.peak {
                peak.insert(i + 1, None);
            }
        }
    }
}

fn step_bands(run: &RunReports, axis: &TimeAxis) -> Vec<ChartBand> {
    let sources = run.benches().take(Excerpt::PAGE.components);
    let steps = sources.flat_map(|source| {
        let steps = source.report.steps.iter().enumerate();
        steps.map(move |(index, step)| (source, index, step))
    });
    let label = |source: &SourceReport, index: usize, step: &Step| {
        let verdict = rate_search::verdict(&source.report, index);
        let verdict = verdict.map_or(String::new(), |verdict| format!(" ({verdict})"));
        format!("{}: {}{verdict}", source.title(), step.name)
    };
    steps
        .filter(|(.., step)| step.window.end_ns > 0)
        .map(|(source, index, step)| ChartBand {
            from: axis.seconds(step.window.measure_start_ns),
            to: axis.seconds(step.window.measure_end_ns),
            label: label(source, index, step),
        })
        .collect()
}

/// Returns the lines of all benches for `what` (`throughput` or `p99`): each bench's own series, or
/// the figures of its steps if it has no such series.
fn bench_lines(run: &RunReports, axis: &TimeAxis, what: &str) -> Vec<ChartLine> {
    let mut lines = Vec::new();
    for source in run.benches().take(Excerpt::PAGE.components) {
        let wanted = |s: &&Series| match what {
            "throughput" => s.name.ends_with("throughput_per_s") || s.name == "completed_per_s",
            _ => s.name.ends_with("p99_ns") || s.name.ends_with("p50_ns"),
        };
        let own: Vec<&Series> = source.report.series.iter().filter(wanted).collect();
        if own.is_empty() {
            lines.push(step_line(source, axis, what));
        }
        for series in own {
            let labels: Vec<&str> = series.labels.values().map(String::as_str).collect();
            let label = format!("{} {} {}", source.title(), series.name, labels.join(" "));
            lines.push(line(series, label.trim_end().to_owned(), axis));
        }
    }
    lines
}

/// Returns a line for each series of a bench whose name is `wanted`.
fn own_lines(run: &RunReports, axis: &TimeAxis, wanted: impl Fn(&str) -> bool) -> Vec<ChartLine> {
    let benches = run.benches().take(Excerpt::PAGE.components);
    let series = benches.flat_map(|source| source.report.series.iter().map(move |s| (source, s)));
    series
        .filter(|(_, series)| wanted(&series.name))
        .map(|(source, series)| {
            let label = format!("{} {}", source.title(), series.name);
            line(series, label, axis)
        })
        .collect()
}

/// Returns a line of the figure `what` (`throughput` or `p99`) that is constant over the measured
/// part of each step.
fn step_line(source: &SourceReport, axis: &TimeAxis, what: &str) -> ChartLine {
    let name = if what == "throughput" {
        "throughput"
    } else {
        "p99 of the slowest operation"
    };
    let mut level = ChartLine {
        label: format!("{}, {name}", source.title()),
        x: Vec::new(),
        y: Vec::new(),
        peak: None,
    };
    for step in &source.report.steps {
        let value = if what == "throughput" {
            Some(requests::throughput_per_s(step))
        } else {
            requests::slowest(step, |h| h.percentiles_ns.p99).map(|s| s.ns as f64)
        };
        let (from, to) = (step.window.measure_start_ns, step.window.measure_end_ns);
        let value = value.map(four_digits);
        level.x.extend([
            axis.seconds(from),
            axis.seconds(to),
            axis.seconds(to) + 1e-3,
        ]);
        level.y.extend([value, value, None]);
    }
    level
}

fn processes(run: &RunReports, axis: &TimeAxis) -> Vec<ChartLine> {
    let series = run.machine().into_iter().flat_map(|m| &m.report.series);
    let total = |s: &Series| s.mean.iter().flatten().sum::<f64>();
    let mut found: Vec<&Series> = series.filter(|s| s.name == "process.cpu_cores").collect();
    found.sort_by(|a, b| total(b).total_cmp(&total(a)));
    let label = |s: &Series| {
        let of = |key: &str| s.labels.get(key).map_or("?", String::as_str);
        format!("{} ({})", of("name"), of("pid"))
    };
    found
        .iter()
        .take(PROCESSES)
        .map(|s| line(s, label(s), axis))
        .collect()
}

fn traffic(run: &RunReports, axis: &TimeAxis) -> Vec<ChartLine> {
    let kinds = [
        "disk.read_bytes_per_s",
        "disk.write_bytes_per_s",
        "network.receive_bytes_per_s",
        "network.transmit_bytes_per_s",
    ];
    let total = |s: &Series| s.mean.iter().flatten().sum::<f64>();
    let mut lines = Vec::new();
    for kind in kinds {
        let series = run.machine().into_iter().flat_map(|m| &m.report.series);
        let busiest = series.filter(|s| s.name == kind && total(s) > 0.0);
        if let Some(series) = busiest.max_by(|a, b| total(a).total_cmp(&total(b))) {
            let device = series.labels.values().next().map_or("", String::as_str);
            let name = kind
                .trim_end_matches("_bytes_per_s")
                .replace(['.', '_'], " ");
            lines.push(line(series, format!("{name} ({device})"), axis));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_of_one_sample_in_ten_thousand_is_still_drawn() {
        let mut series = Series::new("cpu.busy_ratio");
        for i in 0..10_000u64 {
            series.push(i * 100_000_000, Some(if i == 7_777 { 0.99 } else { 0.1 }));
        }
        let axis = TimeAxis {
            start_ns: 0,
            end_s: 1000.0,
        };
        let drawn = line(&series, "busy".into(), &axis);
        assert!(drawn.x.len() <= POINTS);
        let peak = drawn.peak.unwrap();
        let highest = peak.iter().flatten().fold(0.0f64, |a, b| a.max(*b));
        assert!((highest - 0.99).abs() < 1e-9);
    }

    #[test]
    fn a_line_breaks_where_nothing_was_measured() {
        let mut series = Series::new("throughput_per_s");
        for second in [1u64, 2, 3, 4, 30, 31, 32] {
            series.push(second * 1_000_000_000, Some(5.0));
        }
        let axis = TimeAxis {
            start_ns: 0,
            end_s: 32.0,
        };
        let drawn = line(&series, "x".into(), &axis);
        let read: Vec<bool> = drawn.y.iter().map(Option::is_some).collect();
        assert_eq!(read, [true, true, true, true, false, true, true, true]);
    }
}
