//! Lines about memory and pressure (PSI) in the overview.

use bench_cli::table::{bytes, rate, ratio};
use bench_cli::terminal_text::{columns, fitted};
use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};

use super::context::{DrawContext, LABEL, LEAST_SPARK, OverviewLine, item, row, solid};
use super::figure_text::figure;
use crate::metric::{cgroup, memory};
use crate::watch::history::{STALLED, Trend};

/// Width of a resource with its share, such as `memory 100.0 %`, in columns.
const STALL: usize = 14;

/// Returns the lines about memory and pressure, with their ranks.
pub(super) fn rows(cx: &DrawContext) -> Vec<OverviewLine> {
    let used = cx.machine.memory();
    let of_all = || {
        let value = |name| figure(cx.machine.value(name), size);
        let (used, total) = (value(memory::USED.name()), value(memory::TOTAL.name()));
        format!("{used} of {total}")
    };
    let words = used
        .limit
        .map_or_else(of_all, |limit| format!("of a {} limit", size(limit)));
    let parts = solid(used.ratio, cx.palette.colour(Color::Blue));
    let gauge = cx.gauge("Memory", used.ratio, &parts, &words, &Trend::Memory);
    vec![
        row("memory", 0, gauge),
        row("memory", 5, more(cx)),
        row("pressure", 1, pressure(cx)),
    ]
}

/// Formats a size given in bytes, with its unit.
pub(super) fn size(value: f64) -> String {
    bytes(value as u64)
}

/// Formats a rate given in bytes per second, with its unit.
fn flow(value: f64) -> String {
    format!("{}/s", size(value))
}

fn more(cx: &DrawContext) -> Line<'static> {
    let machine = cx.machine;
    let mut items = Vec::new();
    let killed = machine.value(memory::OOM_KILLS.name());
    let killed = killed.or_else(|| machine.own_group(cgroup::GROUP_OOM_KILLS.name()));
    if let Some(kills) = killed.filter(|kills| *kills > 0.0) {
        let style = cx.palette.colour(Color::Red);
        let style = style.add_modifier(Modifier::BOLD);
        items.push(vec![Span::styled(format!("OOM KILLS {kills:.0}"), style)]);
    }
    if machine.memory().limit.is_some() {
        items.push(item(
            "machine used",
            machine.value(memory::USED_RATIO.name()),
            ratio,
        ));
    }
    items.extend([
        item("cached", machine.value(memory::CACHED.name()), size),
        item("dirty", machine.value(memory::DIRTY.name()), size),
        item("swap", machine.value(memory::SWAP_USED.name()), size),
        item(
            "major faults",
            machine.value(memory::MAJOR_FAULTS.name()),
            rate,
        ),
        item("swapped in", machine.value(memory::SWAPPED_IN.name()), flow),
        item("out", machine.value(memory::SWAPPED_OUT.name()), flow),
        item("slab", machine.value(memory::SLAB.name()), size),
    ]);
    cx.items(Span::raw(" ".repeat(LABEL)), items)
}

/// Returns a line about pressure: the share of time in which some task waited for each resource,
/// with a sparkline. If there is room, it also shows the share of time in which all tasks waited.
fn pressure(cx: &DrawContext) -> Line<'static> {
    let third = cx.width.saturating_sub(LABEL) / STALLED.len();
    let mut spans = vec![cx.label("Pressure")];
    for (title, series, full) in STALLED {
        let some = cx.machine.value(series);
        let full = full.and_then(|full| cx.machine.value(full));
        let value = fitted(&format!("{title} {}", figure(some, ratio)), STALL);
        let full = full.filter(|_| third >= 2 * STALL + 10);
        let full = full.map_or_else(String::new, |full| {
            fitted(&format!("all {}", ratio(full)), STALL - 2)
        });
        let spark = third.saturating_sub(STALL + columns(&full) + 2);
        spans.push(Span::styled(value, cx.palette.share(some)));
        spans.push(Span::raw(full));
        spans.push(if spark < LEAST_SPARK {
            Span::raw(" ".repeat(spark))
        } else {
            cx.spark(&Trend::Stalled(series), spark, Some(1.0))
        });
        spans.push(Span::raw("  "));
    }
    Line::from(spans)
}
