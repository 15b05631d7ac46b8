//! The screen: a model drawn into a frame, of whatever size. Reads nothing and keeps nothing.
//!
//! Lines above the processes are ranked, and the least important make room where the terminal is
//! low; columns likewise where it is narrow.

mod cpu;
mod devices;
mod glyph;
mod help;
mod memory;
pub mod palette;
mod processes;
mod sheet;
mod trees;

use std::time::Duration;

use bench_cli::table::{bytes, ratio};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use self::palette::Palette;
use self::sheet::{Row, Sheet, fit, row};
use super::model::Model;
use super::text::{ABSENT, columns, fitted, printable, shortened};

/// The least columns and lines that are any use.
pub const LEAST: (u16, u16) = (60, 16);

/// Draws the model, and says how many processes there is room for.
pub fn draw(frame: &mut Frame, model: &Model, palette: Palette) -> usize {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        put(frame.buffer_mut(), area, too_small(area));
        return 1;
    }
    let size = (usize::from(area.width), usize::from(area.height));
    let sheet = Sheet::new(model, palette, size);
    let overview = overview(&sheet);
    let [above, below] = split(area, area.height - 1);
    let [above, table] = split(above, overview.len() as u16);
    let buffer = frame.buffer_mut();
    if model.help {
        let title = [title(&sheet)].into_iter();
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
    put(buffer, below, [status(&sheet)]);
    processes::page(table.height)
}

/// The first `lines` lines of `area`, and the rest.
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

/// Lines from the top; those for which there is no room are not drawn.
fn put(buffer: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'static>>) {
    for (line, y) in lines.into_iter().zip(area.top()..area.bottom()) {
        buffer.set_line(area.left(), y, &line, area.width);
    }
}

/// As many lines as leave room for a third of the screen's height of processes.
fn overview(sheet: &Sheet) -> Vec<Row> {
    let mut rows = vec![row("title", 0, title(sheet))];
    rows.extend(cpu::rows(sheet));
    rows.extend(memory::rows(sheet));
    rows.extend(devices::gpus(sheet));
    rows.extend(devices::rows(sheet));
    rows.extend(trees::rows(sheet));
    // The line at the bottom, and the caption and the head of the table.
    let left = sheet.height.saturating_sub(3);
    let processes = (left / 3).max(4);
    fit(rows, left.saturating_sub(processes))
}

fn title(sheet: &Sheet) -> Line<'static> {
    let about = &sheet.model.about;
    let cores = about.cores.map_or(String::new(), |cores| {
        let s = if cores == 1 { "" } else { "s" };
        format!(" · {cores} core{s}")
    });
    let memory = sheet.machine.value("memory.total_bytes");
    let memory = memory.map_or(String::new(), |total| format!(" · {}", bytes(total as u64)));
    let interval = humantime::format_duration(Duration::from_nanos(about.interval_ns));
    let pace = format!("every {interval} · {}", sheet.model.shown().clock);
    let (state, style) = if sheet.model.is_paused() {
        (" PAUSED ", sheet.palette.notice())
    } else {
        ("", sheet.palette.heading())
    };
    let room = sheet.width.saturating_sub(columns(&pace) + state.len() + 2);
    let left = fitted(&format!("sysmon · {}{cores}{memory}", about.host), room);
    Line::from(vec![
        Span::styled(left, sheet.palette.heading()),
        Span::raw(" "),
        Span::styled(state, style),
        Span::raw(" "),
        Span::styled(pace, sheet.palette.quiet()),
    ])
}

fn status(sheet: &Sheet) -> Line<'static> {
    let model = sheet.model;
    if model.is_typing() {
        let typed = format!("/{}▏ ", model.filter);
        return Line::from(vec![
            Span::styled(printable(&typed), sheet.palette.heading()),
            Span::styled("Enter keeps it, Esc drops it", sheet.palette.quiet()),
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
    let room = sheet.width.saturating_sub(columns(&own) + 2);
    let mut left = String::new();
    for key in keys {
        let gap = if left.is_empty() { "" } else { "  " };
        if columns(&left) + gap.len() + key.len() <= room {
            left.push_str(gap);
            left.push_str(key);
        }
    }
    Line::from(vec![
        Span::styled(fitted(&left, room), sheet.palette.quiet()),
        Span::raw("  "),
        Span::styled(own, sheet.palette.quiet()),
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
