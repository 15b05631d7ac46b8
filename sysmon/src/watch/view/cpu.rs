//! CPU time: of the limit or the machine, by state, and of each core.

use bench_cli::table::{rate, ratio};
use ratatui::style::Color;
use ratatui::text::{Line, Span};

use super::glyph::{self, Part};
use super::sheet::{Item, LABEL, Row, Sheet, item, row, solid};
use crate::watch::history::Trace;
use crate::watch::text::{columns, figure, fitted, right};

/// A core's number, bar and share take this many columns at least.
const CORE: usize = 20;
/// From here on a core is said to wait, or to be stolen, where there is no room for a bar.
const MOSTLY: f64 = 0.5;

/// A state, or several of them: its words, the short ones, its shape and colour, its series.
struct State {
    title: &'static str,
    short: &'static str,
    glyph: char,
    colour: Color,
    series: &'static [&'static str],
}

/// The first four are busy, the others are not.
const STATES: [State; 6] = [
    State {
        title: "user",
        short: "us",
        glyph: '█',
        colour: Color::Green,
        series: &["cpu.user_ratio"],
    },
    State {
        title: "nice",
        short: "ni",
        glyph: '░',
        colour: Color::Blue,
        series: &["cpu.nice_ratio"],
    },
    State {
        title: "sys",
        short: "sy",
        glyph: '▓',
        colour: Color::Magenta,
        series: &["cpu.system_ratio"],
    },
    State {
        title: "other",
        short: "ot",
        glyph: '▒',
        colour: Color::Cyan,
        series: &["cpu.irq_ratio", "cpu.softirq_ratio", "cpu.guest_ratio"],
    },
    State {
        title: "iowait",
        short: "wa",
        glyph: 'w',
        colour: Color::Yellow,
        series: &["cpu.iowait_ratio"],
    },
    State {
        title: "steal",
        short: "st",
        glyph: 's',
        colour: Color::Red,
        series: &["cpu.steal_ratio"],
    },
];

/// What is said of each where there is room.
const OTHERS: [(&str, &str); 4] = [
    ("irq", "cpu.irq_ratio"),
    ("softirq", "cpu.softirq_ratio"),
    ("guest", "cpu.guest_ratio"),
    ("idle", "cpu.idle_ratio"),
];

/// The lines on CPU time.
pub(super) fn rows(sheet: &Sheet) -> Vec<Row> {
    let used = sheet.machine.cpu(sheet.model.about.cores);
    let mut rows = Vec::new();
    let (parts, words) = match used.limit {
        Some(limit) => {
            let style = sheet.palette.colour(Color::Green);
            let parts = solid(used.ratio, style).to_vec();
            (parts, format!("of a {limit:.2}-core limit"))
        }
        None => (parts(sheet, None), String::new()),
    };
    let gauge = sheet.gauge("CPU", used.ratio, &parts, &words, &Trace::Cpu);
    rows.push(row("cpu", 0, gauge));
    if used.limit.is_some() {
        rows.push(row("cpu", 2, throttling(sheet)));
    }
    rows.push(row("cpu", 1, states(sheet)));
    rows.extend(cores(sheet));
    rows.push(row("load", 4, load(sheet)));
    rows
}

fn share(sheet: &Sheet, core: Option<&str>, series: &'static str) -> Option<f64> {
    match core {
        Some(core) => sheet.machine.of(series, core),
        None => sheet.machine.value(series),
    }
}

fn sum(sheet: &Sheet, core: Option<&str>, state: &State) -> Option<f64> {
    let all = state.series.iter();
    all.filter_map(|series| share(sheet, core, series))
        .reduce(|a, b| a + b)
}

/// Where the states are not told, only what was busy.
fn parts(sheet: &Sheet, core: Option<&str>) -> Vec<Part> {
    let part = |state: &State| {
        Some(Part {
            ratio: sum(sheet, core, state)?,
            glyph: state.glyph,
            style: sheet.palette.colour(state.colour),
        })
    };
    let parts: Vec<Part> = STATES.iter().filter_map(part).collect();
    if !parts.is_empty() {
        return parts;
    }
    let style = sheet.palette.colour(Color::Green);
    solid(share(sheet, core, "cpu.busy_ratio"), style).to_vec()
}

/// The machine around a container, and how often the limit held the container back.
fn throttling(sheet: &Sheet) -> Line<'static> {
    let machine = sheet.machine;
    let throttled = machine.own_group("cgroup.cpu.throttled_periods_ratio");
    sheet.items(
        Span::raw(" ".repeat(LABEL)),
        vec![
            item("held back in", throttled, |r| {
                format!("{} of periods", ratio(r))
            }),
            item("machine busy", machine.value("cpu.busy_ratio"), ratio),
        ],
    )
}

/// What each state had; the legend of the bars as well.
fn states(sheet: &Sheet) -> Line<'static> {
    let roomy = sheet.width >= 80;
    let state = |state: &State| {
        let title = if roomy { state.title } else { state.short };
        let value = sum(sheet, None, state);
        vec![
            Span::styled(state.glyph.to_string(), sheet.palette.colour(state.colour)),
            Span::raw(format!(" {title} {}", right(&percent(value), 4))),
        ]
    };
    let mut items: Vec<Item> = STATES.iter().map(state).collect();
    for (title, series) in OTHERS {
        let value = percent(sheet.machine.value(series));
        items.push(vec![Span::styled(
            format!("{title} {}", right(&value, 4)),
            sheet.palette.quiet(),
        )]);
    }
    let wide = sheet.width >= 100;
    let first = Span::raw(" ".repeat(if wide { LABEL } else { 0 }));
    let space = if wide { "  " } else { " " };
    sheet.spaced(first, items, space)
}

/// In four columns, without its sign, which stands in the line above.
fn percent(value: Option<f64>) -> String {
    match figure(value, ratio).trim_end_matches(" %") {
        "100.0" => "100".to_owned(),
        ">99.9" => ">99".to_owned(),
        text => text.to_owned(),
    }
}

fn load(sheet: &Sheet) -> Line<'static> {
    let machine = sheet.machine;
    let average = |name| figure(machine.value(name), |v| format!("{v:.2}"));
    let averages = ["load.average_1m", "load.average_5m", "load.average_15m"];
    let hottest = machine.all("temperature.celsius").map(|(_, value)| value);
    let hottest = hottest.reduce(f64::max);
    let mut items = vec![
        vec![Span::raw(averages.map(average).join(" "))],
        item("runnable", machine.value("load.runnable"), count),
        item("blocked", machine.value("load.blocked"), count),
        item(
            "switches",
            machine.value("scheduler.context_switches_per_s"),
            rate,
        ),
        item("forks", machine.value("scheduler.forks_per_s"), rate),
    ];
    if hottest.is_some() {
        items.push(item("hottest", hottest, |v| format!("{v:.0} °C")));
    }
    items.push(item("tasks", machine.value("load.tasks"), count));
    items.push(item("files open", machine.value("handles.open"), count));
    sheet.items(sheet.label("Load"), items)
}

/// A count that was read as it is.
pub(super) fn count(value: f64) -> String {
    format!("{value:.0}")
}

/// Bars where there is room for them, a character for each core elsewhere.
fn cores(sheet: &Sheet) -> Vec<Row> {
    let cores = sheet.machine.cores();
    let most_rows = (sheet.height / 12).max(1);
    let per_row = (sheet.width / CORE).clamp(1, cores.len().max(1));
    let lines: Vec<Line> = if cores.len().div_ceil(per_row) <= most_rows {
        let cell = sheet.width / per_row;
        let rows = cores.chunks(per_row);
        rows.map(|cores| bars(sheet, cores, cell)).collect()
    } else {
        strip(sheet, &cores, most_rows)
    };
    let rows = lines.into_iter();
    rows.map(|line| row("cores", 3, line)).collect()
}

fn bars(sheet: &Sheet, cores: &[&str], cell: usize) -> Line<'static> {
    let mut spans = Vec::new();
    for core in cores {
        let busy = share(sheet, Some(core), "cpu.busy_ratio");
        let number = if cell >= LABEL + CORE {
            fitted(&format!("core {core}"), LABEL)
        } else {
            right(core, 3) + " "
        };
        let value = figure(busy, |busy| format!("{:.0} %", busy * 100.0));
        let bar = cell.saturating_sub(columns(&number) + 8);
        spans.push(Span::styled(number, sheet.palette.label()));
        let parts = parts(sheet, Some(core));
        spans.extend(glyph::bar(bar, &parts, sheet.palette.quiet()));
        spans.push(Span::styled(right(&value, 6), sheet.palette.share(busy)));
        spans.push(Span::raw("  "));
    }
    Line::from(spans)
}

fn strip(sheet: &Sheet, cores: &[&str], most_rows: usize) -> Vec<Line<'static>> {
    let per_row = sheet.width.saturating_sub(LABEL).max(1);
    let rows = cores.chunks(per_row).take(most_rows).zip(0..);
    let line = |(cores, row): (&[&str], usize)| {
        let shapes: String = cores.iter().map(|core| shape(sheet, core)).collect();
        let mut title = "Cores".to_owned();
        if row > 0 {
            title = format!("from {}", cores.first().unwrap_or(&""));
        }
        let shapes = vec![Span::styled(shapes, sheet.palette.spark())];
        let busiest = vec![Span::raw(busiest(sheet, cores))];
        sheet.items(sheet.label(&title), vec![shapes, busiest])
    };
    rows.map(line).collect()
}

fn shape(sheet: &Sheet, core: &str) -> char {
    let mostly = |series| share(sheet, Some(core), series).is_some_and(|share| share >= MOSTLY);
    if mostly("cpu.steal_ratio") {
        return 's';
    }
    if mostly("cpu.iowait_ratio") {
        return 'w';
    }
    let busy = share(sheet, Some(core), "cpu.busy_ratio");
    busy.map_or(' ', |busy| glyph::level(busy, 1.0))
}

fn busiest(sheet: &Sheet, cores: &[&str]) -> String {
    let busy = |core: &&str| {
        Some((
            core.to_string(),
            share(sheet, Some(core), "cpu.busy_ratio")?,
        ))
    };
    let busiest = cores.iter().filter_map(busy);
    let busiest = busiest.max_by(|(_, a), (_, b)| a.total_cmp(b));
    busiest.map_or_else(String::new, |(core, busy)| {
        format!("busiest {core}: {}", ratio(busy))
    })
}
