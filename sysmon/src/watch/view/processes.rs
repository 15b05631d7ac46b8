//! Table of processes in the live view, with as many rows and columns as there is room for.

use bench_cli::table::{bytes, rate};
use bench_cli::terminal_text::{columns, fitted, right, shortened};
use host_metrics::source::process::ProcessFields;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::cpu::count;
use super::figure_text::figure;
use super::palette::Palette;
use crate::metric::process;
use crate::watch::model::Model;
use crate::watch::process::{CORES, DISK_READ, DISK_WRITTEN, MEMORY, ProcessView, Sort};

/// Width of a process id in the table, in columns of the terminal.
const PID: usize = 7;
/// Width of a process's name in the table, in columns of the terminal.
const NAME: usize = 17;
/// Smallest width of a command line in the table, in columns of the terminal; without that room it
/// is left out.
const LEAST_COMMAND: usize = 12;

/// Column of the table: heading, width, series, format, the order of processes that it belongs to,
/// and whether it was requested.
struct ProcessColumn {
    heading: &'static str,
    width: usize,
    series: &'static str,
    unit: fn(f64) -> String,
    sort: Option<Sort>,
    asked: fn(ProcessFields) -> bool,
    /// Smallest width of a terminal that shows the column, in columns of the terminal; 0 for any.
    least: usize,
}

const fn extra(
    heading: &'static str,
    width: usize,
    series: &'static str,
    unit: fn(f64) -> String,
    asked: fn(ProcessFields) -> bool,
) -> ProcessColumn {
    ProcessColumn {
        heading,
        width,
        series,
        unit,
        sort: None,
        asked,
        least: 0,
    }
}

const COLUMNS: [ProcessColumn; 14] = [
    ProcessColumn {
        sort: Some(Sort::Cpu),
        ..extra("CORES", 8, CORES, two_digits, |_| true)
    },
    ProcessColumn {
        sort: Some(Sort::Memory),
        ..extra("MEMORY", 10, MEMORY, size, |_| true)
    },
    ProcessColumn {
        sort: Some(Sort::Io),
        ..extra("READ/s", 9, DISK_READ, size, |f| f.io)
    },
    ProcessColumn {
        sort: Some(Sort::Io),
        ..extra("WRITE/s", 10, DISK_WRITTEN, size, |f| f.io)
    },
    extra("THREADS", 8, process::THREAD_COUNT.name(), count, |f| {
        f.threads
    }),
    extra("FILES", 7, process::DESCRIPTORS.name(), count, |f| {
        f.descriptors
    }),
    extra(
        "WAITING",
        8,
        process::WAITING_THREADS.name(),
        two_digits,
        |f| f.scheduler,
    ),
    extra(
        "SWITCHES",
        10,
        process::CONTEXT_SWITCHES.name(),
        rate,
        |f| f.scheduler,
    ),
    extra("FAULTS", 10, process::MAJOR_FAULTS.name(), rate, |f| {
        f.faults
    }),
    extra(
        "CHILDREN",
        9,
        process::CHILDREN_CPU_CORES.name(),
        two_digits,
        |f| f.children,
    ),
    extra("SWAP", 9, process::SWAP.name(), size, |f| f.swap),
    extra("PSS", 9, process::PSS.name(), size, |f| f.pss),
    ProcessColumn {
        least: 120,
        ..extra("ALL R/s", 10, process::READ.name(), size, |f| f.io)
    },
    ProcessColumn {
        least: 120,
        ..extra("ALL W/s", 10, process::WRITTEN.name(), size, |f| f.io)
    },
];

fn size(value: f64) -> String {
    bytes(value as u64)
}

fn two_digits(value: f64) -> String {
    format!("{value:.2}")
}

/// Returns the number of processes that fit into a table of `lines` lines; caption and heading take
/// two of them.
pub(super) fn page(lines: u16) -> usize {
    usize::from(lines.saturating_sub(2))
}

/// Draws the table of processes into `area`: caption, heading and as many processes as fit, from
/// the first shown one on.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model, palette: Palette) {
    if area.height == 0 {
        return;
    }
    let width = usize::from(area.width);
    let (shown, left_out, command) = chosen(model, width);
    let chosen = model.processes();
    let rows = page(area.height);
    let mut lines = vec![
        caption(model, palette, (chosen.len(), rows, left_out), width),
        head(model, palette, &shown, command),
    ];
    let visible = chosen.iter().skip(model.first()).take(rows);
    lines.extend(visible.map(|process| row(process, &shown, command)));
    if chosen.is_empty() {
        lines.push(Line::styled(nobody(model), palette.quiet()));
    }
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        buffer.set_line(area.left(), y, line, area.width);
    }
}

/// Chooses the table's columns that fit into `width`. Returns them, the number of requested columns
/// that do not fit, and the width that is left for the command line, 0 if that is too small.
fn chosen(model: &Model, width: usize) -> (Vec<&'static ProcessColumn>, usize, usize) {
    let fields = model.fields();
    let asked = |column: &&ProcessColumn| (column.asked)(fields) && column.least <= width;
    let asked: Vec<&ProcessColumn> = COLUMNS.iter().filter(asked).collect();
    let mut left = width.saturating_sub(PID + 1 + NAME);
    let mut shown: Vec<&ProcessColumn> = Vec::new();
    for column in &asked {
        if column.width > left {
            break;
        }
        left -= column.width;
        shown.push(column);
    }
    let command = left.saturating_sub(2);
    let command = if command < LEAST_COMMAND { 0 } else { command };
    let left_out = asked.len() - shown.len();
    (shown, left_out, command)
}

fn caption(
    model: &Model,
    palette: Palette,
    (chosen, rows, left_out): (usize, usize, usize),
    width: usize,
) -> Line<'static> {
    let all = model.shown().processes.len();
    let mut text = if chosen == all {
        format!("{all}, by {}", model.sort.title())
    } else {
        format!("{chosen} of {all}, by {}", model.sort.title())
    };
    if model.only_followed {
        text.push_str(", followed only");
    }
    if !model.filter.is_empty() {
        text.push_str(&format!(", with {:?}", model.filter));
    }
    if left_out > 0 {
        let s = if left_out == 1 { "" } else { "s" };
        text.push_str(&format!("; {left_out} column{s} in a wider terminal"));
    }
    let first = model.first();
    let last = (first + rows).min(chosen);
    let place = if last < chosen || first > 0 {
        format!(" {}–{last}", first + 1)
    } else {
        String::new()
    };
    let label = "Processes ";
    let room = width.saturating_sub(label.len() + columns(&place));
    Line::from(vec![
        Span::styled(label, palette.label()),
        Span::raw(fitted(&text, room)),
        Span::styled(place, palette.quiet()),
    ])
}

fn head(
    model: &Model,
    palette: Palette,
    shown: &[&ProcessColumn],
    command: usize,
) -> Line<'static> {
    let arrow = |sort: Sort| {
        let up = matches!(sort, Sort::Name | Sort::Pid) != model.reversed;
        match (model.sort == sort, up) {
            (false, _) => "",
            (true, true) => "▲",
            (true, false) => "▼",
        }
    };
    let mut text = right(&format!("PID{}", arrow(Sort::Pid)), PID);
    text.push(' ');
    text.push_str(&fitted(&format!("NAME{}", arrow(Sort::Name)), NAME));
    for column in shown {
        let arrow = column.sort.map_or("", arrow);
        let heading = format!("{}{arrow}", column.heading);
        text.push_str(&right(&heading, column.width));
    }
    if command > 0 {
        text.push_str("  ");
        text.push_str(&fitted("COMMAND", command));
    }
    Line::styled(text, palette.heading())
}

fn row(process: &ProcessView, shown: &[&ProcessColumn], command: usize) -> Line<'static> {
    let mut text = right(&process.pid.to_string(), PID);
    text.push(' ');
    text.push_str(&fitted(&process.name, NAME));
    for column in shown {
        let value = figure(process.figure(column.series), column.unit);
        text.push_str(&right(&value, column.width));
    }
    if command > 0 {
        text.push_str("  ");
        let line = process.command.as_deref().unwrap_or("");
        text.push_str(&shortened(line, command));
    }
    Line::raw(text)
}

/// Returns the message that is shown if no process is listed, with the reason.
fn nobody(model: &Model) -> &'static str {
    if model.shown().processes.is_empty() {
        "        no process could be read; ? says why"
    } else if model.filter.is_empty() {
        "        none of those asked for is running; f shows all"
    } else {
        "        no process passes the filter; Esc drops it"
    }
}
