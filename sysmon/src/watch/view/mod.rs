//! Drawing of the live view's state into a frame of any size. It takes no samples and keeps no
//! state.
//!
//! Lines above the processes have ranks: the least important ones are left out on a terminal with
//! few lines. Columns are left out in the same way on a narrow one.

mod context;
mod cpu;
mod devices;
mod figure_text;
mod glyph;
mod help;
mod memory;
pub(crate) mod palette;
mod processes;
mod trees;

use std::time::Duration;

use bench_cli::table::{bytes, ratio};
use bench_cli::terminal_text::{columns, fitted, printable, shortened};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use self::context::{DrawContext, OverviewLine, fit, row};
use self::figure_text::ABSENT;
use self::palette::Palette;
use super::model::Model;
use crate::metric;

/// Smallest number of columns, and of lines, of a terminal in which the view is drawn.
pub(crate) const LEAST: (u16, u16) = (60, 16);

/// Draws the state of the view, or a message if the frame is too small. Returns the number of
/// processes for which there is room.
pub(crate) fn draw(frame: &mut Frame, model: &Model, palette: Palette) -> usize {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        put(frame.buffer_mut(), area, too_small(area));
        return 1;
    }
    let size = (usize::from(area.width), usize::from(area.height));
    let cx = DrawContext::new(model, palette, size);
    let overview = overview(&cx);
    let [above, below] = split(area, area.height - 1);
    let [above, table] = split(above, overview.len() as u16);
    let buffer = frame.buffer_mut();
    if model.help {
        let title = [title(&cx)].into_iter();
        put(
            buffer,
            area,
            title.chain(help::lines(model, palette, size.0)),
        );
        put(buffer, below, [Line::raw(" ".repeat(size.0))]);
    } else {
        put(buffer, above, overview.into_iter().map(|row| row.line));
        processes::draw(buffer, table, model, palette);
    }
    put(buffer, below, [status(&cx)]);
    processes::page(table.height)
}

/// Splits `area` into its first `lines` lines, fewer if it has fewer, and the rest.
fn split(area: Rect, lines: u16) -> [Rect; 2] {
    let lines = lines.min(area.height);
    let above = Rect {
        height: lines,
        ..area
    };
    let below = Rect {
        y: area.y + lines,
        height: area.height - lines,
        ..area
    };
    [above, below]
}

/// Draws lines from the top of `area`. Lines for which there is no room are left out.
fn put(buffer: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'static>>) {
    for (line, y) in lines.into_iter().zip(area.top()..area.bottom()) {
        buffer.set_line(area.left(), y, &line, area.width);
    }
}

/// Returns the lines above the processes, as far as they fit. They leave at least about a third of
/// the screen's height to the processes.
fn overview(cx: &DrawContext) -> Vec<OverviewLine> {
    let mut rows = vec![row("title", 0, title(cx))];
    rows.extend(cpu::rows(cx));
    rows.extend(memory::rows(cx));
    rows.extend(devices::gpus(cx));
    rows.extend(devices::rows(cx));
    rows.extend(trees::rows(cx));
    // Subtracts the line at the bottom, and caption and heading of the table.
    let left = cx.height.saturating_sub(3);
    let processes = (left / 3).max(4);
    fit(rows, left.saturating_sub(processes))
}

fn title(cx: &DrawContext) -> Line<'static> {
    let about = &cx.model.about;
    let cores = about.cores.map_or(String::new(), |cores| {
        let s = if cores == 1 { "" } else { "s" };
        format!(" · {cores} core{s}")
    });
    let memory = cx.machine.value(metric::memory::TOTAL.name());
    let memory = memory.map_or(String::new(), |total| format!(" · {}", bytes(total as u64)));
    let interval = humantime::format_duration(Duration::from_nanos(about.interval_ns));
    let pace = format!("every {interval} · {}", cx.model.shown().clock);
    let (state, style) = if cx.model.is_paused() {
        (" PAUSED ", cx.palette.notice())
    } else {
        ("", cx.palette.heading())
    };
    let room = cx.width.saturating_sub(columns(&pace) + state.len() + 2);
    let left = fitted(&format!("sysmon · {}{cores}{memory}", about.host), room);
    Line::from(vec![
        Span::styled(left, cx.palette.heading()),
        Span::raw(" "),
        Span::styled(state, style),
        Span::raw(" "),
        Span::styled(pace, cx.palette.quiet()),
    ])
}

fn status(cx: &DrawContext) -> Line<'static> {
    let model = cx.model;
    if model.is_typing() {
        let typed = format!("/{}▏ ", model.filter);
        return Line::from(vec![
            Span::styled(printable(&typed), cx.palette.heading()),
            Span::styled("Enter keeps it, Esc drops it", cx.palette.quiet()),
        ]);
    }
    let own = model.shown().own;
    let cores = own.cores.map_or(ABSENT.to_owned(), ratio);
    let memory = own.rss_max_bytes.map_or(ABSENT.to_owned(), bytes);
    let missed = match own.missed {
        0 => String::new(),
        missed => format!("{missed} samples missed · "),
    };
    let own = format!("{missed}own cost {cores} of a core, {memory}");
    let keys: &[&str] = if model.help {
        &["? or Esc closes this", "q quit"]
    } else {
        &[
            "q quit",
            "? help",
            "/ filter",
            "c m i n p sort",
            "space pause",
            "f followed",
        ]
    };
    let room = cx.width.saturating_sub(columns(&own) + 2);
    let mut left = String::new();
    for key in keys {
        let gap = if left.is_empty() { "" } else { "  " };
        if columns(&left) + gap.len() + key.len() <= room {
            left.push_str(gap);
            left.push_str(key);
        }
    }
    Line::from(vec![
        Span::styled(fitted(&left, room), cx.palette.quiet()),
        Span::raw("  "),
        Span::styled(own, cx.palette.quiet()),
    ])
}

fn too_small(area: Rect) -> impl Iterator<Item = Line<'static>> {
    let (width, height) = LEAST;
    let lines = [
        format!("{width} × {height} needed,"),
        format!("{} × {} here.", area.width, area.height),
        "q quits".to_owned(),
    ];
    let most = usize::from(area.width);
    lines
        .into_iter()
        .map(move |line| Line::raw(shortened(&line, most)))
}
