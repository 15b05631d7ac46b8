//! Lines about CPU time: of the limit or of the machine, by state, and of each core; and about the
//! load.

use bench_cli::table::{rate, ratio};
use bench_cli::terminal_text::{columns, fitted, right};
use ratatui::style::Color;
use ratatui::text::{Line, Span};

use super::context::{DrawContext, Item, LABEL, OverviewLine, item, row, solid};
use super::figure_text::figure;
use super::glyph::{self, BarPart};
use crate::metric::{cgroup, cpu, host};
use crate::watch::history::Trend;

/// Smallest width of the cell with a core's number, bar and share, in columns.
const CORE: usize = 20;
/// Share of a core's time from which the core is marked as waiting or stolen, where there is no
/// room for bars.
const MOSTLY: f64 = 0.5;

/// State of CPU time, or several states together, as a part of a bar: title, short title,
/// character, colour and series.
struct CpuState {
    title: &'static str,
    short: &'static str,
    glyph: char,
    colour: Color,
    series: &'static [&'static str],
}

/// States of CPU time in the order of the bar. The first four count as busy, the others do not.
const STATES: [CpuState; 6] = [
    CpuState {
        title: "user",
        short: "us",
        glyph: '█',
        colour: Color::Green,
        series: &[cpu::USER.name()],
    },
    CpuState {
        title: "nice",
        short: "ni",
        glyph: '░',
        colour: Color::Blue,
        series: &[cpu::NICE.name()],
    },
    CpuState {
        title: "sys",
        short: "sy",
        glyph: '▓',
        colour: Color::Magenta,
        series: &[cpu::SYSTEM.name()],
    },
    CpuState {
        title: "other",
        short: "ot",
        glyph: '▒',
        colour: Color::Cyan,
        series: &[cpu::IRQ.name(), cpu::SOFTIRQ.name(), cpu::GUEST.name()],
    },
    CpuState {
        title: "iowait",
        short: "wa",
        glyph: 'w',
        colour: Color::Yellow,
        series: &[cpu::IOWAIT.name()],
    },
    CpuState {
        title: "steal",
        short: "st",
        glyph: 's',
        colour: Color::Red,
        series: &[cpu::STEAL.name()],
    },
];

/// States of CPU time whose shares are listed without a place in the bar if there is room: title
/// and series.
const OTHERS: [(&str, &str); 4] = [
    ("irq", cpu::IRQ.name()),
    ("softirq", cpu::SOFTIRQ.name()),
    ("guest", cpu::GUEST.name()),
    ("idle", cpu::IDLE.name()),
];

/// Returns the lines about CPU time, the cores and the load.
pub(super) fn rows(cx: &DrawContext) -> Vec<OverviewLine> {
    let used = cx.machine.cpu(cx.model.about.cores);
    let mut rows = Vec::new();
    let (parts, words) = match used.limit {
        Some(limit) => {
            let style = cx.palette.colour(Color::Green);
            let parts = solid(used.ratio, style).to_vec();
            (parts, format!("of a {limit:.2}-core limit"))
        }
        None => (parts(cx, None), String::new()),
    };
    let gauge = cx.gauge("CPU", used.ratio, &parts, &words, &Trend::Cpu);
    rows.push(row("cpu", 0, gauge));
    if used.limit.is_some() {
        rows.push(row("cpu", 2, throttling(cx)));
    }
    rows.push(row("cpu", 1, states(cx)));
    rows.extend(cores(cx));
    rows.push(row("load", 4, load(cx)));
    rows
}

fn share(cx: &DrawContext, core: Option<&str>, series: &'static str) -> Option<f64> {
    match core {
        Some(core) => cx.machine.of(series, core),
        None => cx.machine.value(series),
    }
}

fn sum(cx: &DrawContext, core: Option<&str>, state: &CpuState) -> Option<f64> {
    let all = state.series.iter();
    all.filter_map(|series| share(cx, core, series))
        .reduce(|a, b| a + b)
}

/// Returns the parts of the bar of a core, or of the machine if `core` is `None`: one for each
/// state, or only the busy share if the states are not known.
fn parts(cx: &DrawContext, core: Option<&str>) -> Vec<BarPart> {
    let part = |state: &CpuState| {
        Some(BarPart {
            ratio: sum(cx, core, state)?,
            glyph: state.glyph,
            style: cx.palette.colour(state.colour),
        })
    };
    let parts: Vec<BarPart> = STATES.iter().filter_map(part).collect();
    if !parts.is_empty() {
        return parts;
    }
    let style = cx.palette.colour(Color::Green);
    solid(share(cx, core, cpu::BUSY.name()), style).to_vec()
}

/// Returns a line about the limit of a container: share of periods in which it was throttled, and
/// use of the whole machine.
fn throttling(cx: &DrawContext) -> Line<'static> {
    let machine = cx.machine;
    let throttled = machine.own_group(cgroup::THROTTLED_PERIODS.name());
    cx.items(
        Span::raw(" ".repeat(LABEL)),
        vec![
            item("held back in", throttled, |r| {
                format!("{} of periods", ratio(r))
            }),
            item("machine busy", machine.value(cpu::BUSY.name()), ratio),
        ],
    )
}

/// Returns a line with the machine's share of each state, which is also the legend of the bars.
fn states(cx: &DrawContext) -> Line<'static> {
    let roomy = cx.width >= 80;
    let state = |state: &CpuState| {
        let title = if roomy { state.title } else { state.short };
        let value = sum(cx, None, state);
        vec![
            Span::styled(state.glyph.to_string(), cx.palette.colour(state.colour)),
            Span::raw(format!(" {title} {}", right(&percent(value), 4))),
        ]
    };
    let mut items: Vec<Item> = STATES.iter().map(state).collect();
    for (title, series) in OTHERS {
        let value = percent(cx.machine.value(series));
        items.push(vec![Span::styled(
            format!("{title} {}", right(&value, 4)),
            cx.palette.quiet(),
        )]);
    }
    let wide = cx.width >= 100;
    let first = Span::raw(" ".repeat(if wide { LABEL } else { 0 }));
    let space = if wide { "  " } else { " " };
    cx.spaced(first, items, space)
}

/// Formats a share, 0 to 1, in percent in at most four columns, without the percent sign.
fn percent(value: Option<f64>) -> String {
    match figure(value, ratio).trim_end_matches(" %") {
        "100.0" => "100".to_owned(),
        ">99.9" => ">99".to_owned(),
        text => text.to_owned(),
    }
}

fn load(cx: &DrawContext) -> Line<'static> {
    let machine = cx.machine;
    let average = |name| figure(machine.value(name), |v| format!("{v:.2}"));
    let averages = [
        host::LOAD_1M.name(),
        host::LOAD_5M.name(),
        host::LOAD_15M.name(),
    ];
    let hottest = machine
        .all(host::TEMPERATURE.name())
        .map(|(_, value)| value);
    let hottest = hottest.reduce(f64::max);
    let mut items = vec![
        vec![Span::raw(averages.map(average).join(" "))],
        item("runnable", machine.value(cpu::RUNNABLE.name()), count),
        item("blocked", machine.value(cpu::BLOCKED.name()), count),
        item(
            "switches",
            machine.value(cpu::CONTEXT_SWITCHES.name()),
            rate,
        ),
        item("forks", machine.value(cpu::FORKS.name()), rate),
    ];
    if hottest.is_some() {
        items.push(item("hottest", hottest, |v| format!("{v:.0} °C")));
    }
    items.push(item("tasks", machine.value(host::TASK_COUNT.name()), count));
    items.push(item(
        "files open",
        machine.value(host::FILES_OPEN.name()),
        count,
    ));
    cx.items(cx.label("Load"), items)
}

/// Formats a count without decimals.
pub(super) fn count(value: f64) -> String {
    format!("{value:.0}")
}

/// Returns the lines about the cores: a bar for each core if there is room, otherwise a character
/// for each. Cores for which there is no room either way are left out.
fn cores(cx: &DrawContext) -> Vec<OverviewLine> {
    let cores = cx.machine.cores();
    let most_rows = (cx.height / 12).max(1);
    let per_row = (cx.width / CORE).clamp(1, cores.len().max(1));
    let lines: Vec<Line> = if cores.len().div_ceil(per_row) <= most_rows {
        let cell = cx.width / per_row;
        let rows = cores.chunks(per_row);
        rows.map(|cores| bars(cx, cores, cell)).collect()
    } else {
        strip(cx, &cores, most_rows)
    };
    let rows = lines.into_iter();
    rows.map(|line| row("cores", 3, line)).collect()
}

fn bars(cx: &DrawContext, cores: &[&str], cell: usize) -> Line<'static> {
    let mut spans = Vec::new();
    for core in cores {
        let busy = share(cx, Some(core), cpu::BUSY.name());
        let number = if cell >= LABEL + CORE {
            fitted(&format!("core {core}"), LABEL)
        } else {
            right(core, 3) + " "
        };
        let value = figure(busy, |busy| format!("{:.0} %", busy * 100.0));
        let bar = cell.saturating_sub(columns(&number) + 8);
        spans.push(Span::styled(number, cx.palette.label()));
        let parts = parts(cx, Some(core));
        spans.extend(glyph::bar(bar, &parts, cx.palette.quiet()));
        spans.push(Span::styled(right(&value, 6), cx.palette.share(busy)));
        spans.push(Span::raw("  "));
    }
    Line::from(spans)
}

fn strip(cx: &DrawContext, cores: &[&str], most_rows: usize) -> Vec<Line<'static>> {
    let per_row = cx.width.saturating_sub(LABEL).max(1);
    let rows = cores.chunks(per_row).take(most_rows).zip(0..);
    let line = |(cores, row): (&[&str], usize)| {
        let shapes: String = cores.iter().map(|core| shape(cx, core)).collect();
        let mut title = "Cores".to_owned();
        if row > 0 {
            title = format!("from {}", cores.first().unwrap_or(&""));
        }
        let shapes = vec![Span::styled(shapes, cx.palette.spark())];
        let busiest = vec![Span::raw(busiest(cx, cores))];
        cx.items(cx.label(&title), vec![shapes, busiest])
    };
    rows.map(line).collect()
}

fn shape(cx: &DrawContext, core: &str) -> char {
    let mostly = |series| share(cx, Some(core), series).is_some_and(|share| share >= MOSTLY);
    if mostly(cpu::STEAL.name()) {
        return 's';
    }
    if mostly(cpu::IOWAIT.name()) {
        return 'w';
    }
    let busy = share(cx, Some(core), cpu::BUSY.name());
    busy.map_or(' ', |busy| glyph::level(busy, 1.0))
}

fn busiest(cx: &DrawContext, cores: &[&str]) -> String {
    let busy = |core: &&str| Some((core.to_string(), share(cx, Some(core), cpu::BUSY.name())?));
    let busiest = cores.iter().filter_map(busy);
    let busiest = busiest.max_by(|(_, a), (_, b)| a.total_cmp(b));
    busiest.map_or_else(String::new, |(core, busy)| {
        format!("busiest {core}: {}", ratio(busy))
    })
}
