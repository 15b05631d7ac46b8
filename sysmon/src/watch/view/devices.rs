//! Lines about disks and interfaces, side by side, and about GPUs.

use bench_cli::table::{duration_ns, ratio};
use bench_cli::terminal_text::{fitted, right, shortened};
use ratatui::style::Color;
use ratatui::text::{Line, Span};

use super::context::{DrawContext, LABEL, LEAST_SPARK, OverviewLine, item, row, solid};
use super::figure_text::figure;
use super::memory::size;
use crate::metric::{disk, gpu, network};
use crate::watch::history::Trend;
use crate::watch::latest::LatestFigures;

/// Number of blank columns between the left and the right half of a line.
const GAP: usize = 2;
/// Column of the table of disks or interfaces: heading, width, series and format.
struct DeviceColumn {
    heading: &'static str,
    width: usize,
    series: &'static str,
    /// Second series of the column, of which the larger value is shown; `None` for a single series.
    other: Option<&'static str>,
    text: fn(f64) -> String,
}

/// Table of disks or interfaces, which takes one half of the lines: title, devices and columns.
struct Panel<'a> {
    title: &'static str,
    /// Title if more devices exist than are shown; the number of those left out follows it.
    short: &'static str,
    names: Vec<&'a str>,
    columns: &'static [DeviceColumn],
    trace: fn(String) -> Trend,
}

const DISK: [DeviceColumn; 5] = [
    column("read/s", 9, disk::READ_BYTES.name(), size),
    column("write/s", 9, disk::WRITTEN_BYTES.name(), size),
    column("busy", 8, disk::BUSY.name(), ratio),
    DeviceColumn {
        other: Some(disk::WRITE_AWAIT.name()),
        ..column("await", 9, disk::READ_AWAIT.name(), |ns| {
            duration_ns(ns as u64)
        })
    },
    column("queue", 7, disk::QUEUE.name(), |v| format!("{v:.1}")),
];

const INTERFACE: [DeviceColumn; 4] = [
    column("in/s", 9, network::RECEIVED_BYTES.name(), size),
    column("out/s", 9, network::SENT_BYTES.name(), size),
    column("drops/s", 8, network::DROPS.name(), few),
    column("errors/s", 9, network::ERRORS.name(), few),
];

const fn column(
    heading: &'static str,
    width: usize,
    series: &'static str,
    text: fn(f64) -> String,
) -> DeviceColumn {
    DeviceColumn {
        heading,
        width,
        series,
        other: None,
        text,
    }
}

fn few(value: f64) -> String {
    match value {
        v if v > 0.0 && v < 0.05 => "<0.1".to_owned(),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// Returns the lines with disks on the left and network interfaces on the right.
pub(super) fn rows(cx: &DrawContext) -> Vec<OverviewLine> {
    let half = cx.width.saturating_sub(GAP) / 2;
    let disks = Panel {
        title: "Disk",
        short: "Disk",
        names: names(cx, disk::READ_BYTES.name()),
        columns: &DISK,
        trace: Trend::Disk,
    };
    let interfaces = Panel {
        title: "Network",
        short: "Net",
        names: names(cx, network::RECEIVED_BYTES.name()),
        columns: &INTERFACE,
        trace: Trend::Interface,
    };
    let left = disks.lines(cx, half);
    let right = interfaces.lines(cx, cx.width - half - GAP);
    let blank = |width: usize| vec![Span::raw(" ".repeat(width))];
    let joined = |i: usize| {
        let mut line = left.get(i).cloned().unwrap_or_else(|| blank(half));
        line.push(Span::raw(" ".repeat(GAP)));
        line.extend(right.get(i).cloned().unwrap_or_default());
        Line::from(line)
    };
    let ranks = [2, 2, 5].into_iter().chain(std::iter::repeat(7));
    let lines = (0..left.len().max(right.len())).map(joined);
    let rows = lines.zip(ranks);
    rows.map(|(line, rank)| row("devices", rank, line))
        .collect()
}

fn names<'a>(cx: &DrawContext<'a>, series: &'static str) -> Vec<&'a str> {
    cx.machine.all(series).map(|(name, _)| name).collect()
}

impl DeviceColumn {
    fn of(&self, machine: &LatestFigures, device: &str) -> String {
        let series = [Some(self.series), self.other];
        let values = series.into_iter().flatten();
        let values = values.filter_map(|name| machine.of(name, device));
        figure(values.reduce(f64::max), self.text)
    }
}

impl Panel<'_> {
    /// Returns a heading and a line for each of the busiest devices, in order of their names, all
    /// `width` columns wide. The busiest are those with the highest peak in the last minutes.
    fn lines(&self, cx: &DrawContext, width: usize) -> Vec<Vec<Span<'static>>> {
        let most = (cx.height / 10).clamp(1, 12);
        let name_width = match width {
            ..34 => 7,
            34..60 => 9,
            _ => 16,
        };
        let mut left = width.saturating_sub(name_width);
        let mut columns: Vec<&DeviceColumn> = Vec::new();
        for column in self.columns {
            if column.width + LEAST_SPARK > left {
                break;
            }
            left -= column.width;
            columns.push(column);
        }
        let spark = left.saturating_sub(1);

        let (shown, more) = self.busiest(cx, most);
        let title = if more > 0 {
            format!("{} +{more}", self.short)
        } else {
            self.title.to_owned()
        };
        let mut head = vec![Span::styled(fitted(&title, name_width), cx.palette.label())];
        for column in &columns {
            let heading = right(column.heading, column.width);
            head.push(Span::styled(heading, cx.palette.heading()));
        }
        head.push(Span::raw(" ".repeat(spark + 1)));
        let mut lines = vec![head];
        for name in shown {
            let mut line = vec![Span::raw(fitted(name, name_width))];
            for column in &columns {
                let text = column.of(cx.machine, name);
                line.push(Span::raw(right(&text, column.width)));
            }
            line.push(Span::raw(" "));
            line.push(cx.spark(&(self.trace)(name.to_owned()), spark, None));
            lines.push(line);
        }
        if lines.len() == 1 {
            lines.push(vec![Span::styled(
                fitted("none seen", width),
                cx.palette.quiet(),
            )]);
        }
        lines
    }

    fn busiest(&self, cx: &DrawContext, most: usize) -> (Vec<&str>, usize) {
        let history = &cx.model.shown().history;
        let peak = |name: &str| history.peak(&(self.trace)(name.to_owned()));
        let mut names: Vec<(&str, f64)> = self
            .names
            .iter()
            .map(|name| (*name, peak(name).unwrap_or(0.0)))
            .collect();
        names.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        names.truncate(most);
        let mut names: Vec<&str> = names.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let more = self.names.len() - names.len();
        (names, more)
    }
}

/// Returns two lines for each GPU, as far as there is room: its use, and its name with further
/// figures.
pub(super) fn gpus(cx: &DrawContext) -> Vec<OverviewLine> {
    let machine = cx.machine;
    let mut rows = Vec::new();
    let most = (cx.height / 12).max(1);
    for gpu in gpu_indices(machine).into_iter().take(most) {
        let of = |name| machine.of(name, gpu);
        let busy = of(gpu::UTILISATION.name());
        let used = figure(of(gpu::MEMORY_USED.name()), size);
        let total = figure(of(gpu::MEMORY_TOTAL.name()), size);
        let line = cx.gauge(
            &format!("GPU {gpu}"),
            busy,
            &solid(busy, cx.palette.colour(Color::Green)),
            &format!("{used} of {total}"),
            &Trend::Gpu(gpu.to_owned()),
        );
        rows.push(row("gpu", 3, line));
        let name = machine.second_label(gpu::MEMORY_USED.name(), gpu);
        let name = name.or_else(|| machine.second_label(gpu::UTILISATION.name(), gpu));
        let name = shortened(name.unwrap_or(""), 30);
        let more = cx.items(
            Span::raw(" ".repeat(LABEL)),
            vec![
                vec![Span::raw(name)],
                item("power", of(gpu::POWER.name()), |v| format!("{v:.0} W")),
                item("at", of(gpu::TEMPERATURE.name()), |v| format!("{v:.0} °C")),
                item("memory busy", of(gpu::MEMORY_BUSY.name()), ratio),
                item("clock", of(gpu::CLOCK.name()), |v| {
                    format!("{:.0} MHz", v / 1e6)
                }),
            ],
        );
        rows.push(row("gpu", 6, more));
    }
    rows
}

/// Returns the numbers of all GPUs that have a figure, in numerical order.
fn gpu_indices(machine: &LatestFigures) -> Vec<&str> {
    let told = [
        gpu::UTILISATION.name(),
        gpu::MEMORY_USED.name(),
        gpu::POWER.name(),
        gpu::TEMPERATURE.name(),
    ];
    let mut all: Vec<&str> = told
        .into_iter()
        .flat_map(|name| machine.all(name).map(|(gpu, _)| gpu))
        .collect();
    all.sort_by_key(|gpu| gpu.parse::<u32>().unwrap_or(u32::MAX));
    all.dedup();
    all
}
