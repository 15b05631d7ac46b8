//! Text of recordings: tables for people.

use std::collections::BTreeMap;

use bench_cli::table::{Table, duration_ns, paragraph, ratio, three_digits};
use bench_report::Series;

use super::scale::scale;
use super::{LoadedRecording, SeriesPair, SeriesSummary, SummaryRow};
use crate::metric::Unit;
use crate::render;

/// Text shown in place of a figure that the recording does not have, because it lacks the series or
/// the point has no reading.
const ABSENT: &str = "absent";
const NO_RATIO: &str = "-";
/// Labels that are shown with their name, because the value alone is not clear: `core=3` instead of
/// `3`.
const NUMBERED: [&str; 2] = ["core", "gpu"];
/// Indentation of the lines below a heading, in columns.
const INDENT: usize = 2;

/// Returns one recording as text: a table with a line for each series, then growth, marks and
/// warnings. Series of single cores are left out unless `all` is set. `columns` is the width of the
/// terminal, if known.
pub(super) fn one(recorded: &LoadedRecording, all: bool, columns: Option<usize>) -> String {
    let mut text = head(recorded);
    text += &paragraph(&recorded.basis(), 0);
    text.push('\n');
    let cores = |row: &&SummaryRow| !all && row.labels.contains_key("core");
    let (left_out, rows): (Vec<&SummaryRow>, Vec<&SummaryRow>) =
        recorded.series.iter().partition(cores);
    text += &summaries(&rows).with_names_above(columns);
    text += &left_out_note(left_out.len());
    text + &around(recorded, "")
}

/// Returns two recordings as text, with means and 99th percentiles of each series side by side.
/// Series of single cores are left out unless `all` is set. `columns` is the width of the terminal,
/// if known.
pub(super) fn two(
    first: &LoadedRecording,
    second: &LoadedRecording,
    pairs: &[SeriesPair],
    all: bool,
    columns: Option<usize>,
) -> String {
    let mut text = String::new();
    for (name, recorded) in [("A", first), ("B", second)] {
        text += &format!("{name}  {}", head(recorded));
        text += &paragraph(&recorded.basis(), INDENT);
    }
    text.push('\n');
    let cores = |pair: &&SeriesPair| !all && pair.labels.contains_key("core");
    let (left_out, shown): (Vec<&SeriesPair>, Vec<&SeriesPair>) = pairs.iter().partition(cores);
    text += &comparison(&shown).with_names_above(columns);
    text += &left_out_note(left_out.len());
    text += &around(first, "A: ");
    text + &around(second, "B: ")
}

/// Returns the points of each series as text, one table for each series. `columns` is the width of
/// the terminal, if known.
pub(super) fn points(recorded: &LoadedRecording, columns: Option<usize>) -> String {
    let mut text = head(recorded);
    for series in &recorded.points {
        text.push('\n');
        text += &over_time(recorded, series).with_names_above(columns);
    }
    text
}

fn head(recorded: &LoadedRecording) -> String {
    let mut text = format!("{}\n", recorded.path.display());
    let headline = recorded.headline.iter().map(|text| format!("{text}."));
    let began = format!(
        "Began {}, took {}.",
        recorded.started_at,
        duration_ns(recorded.duration_ns)
    );
    for line in headline
        .chain([began])
        .chain(recorded.notes.iter().cloned())
    {
        text += &paragraph(&line, INDENT);
    }
    text
}

fn summaries(rows: &[&SummaryRow]) -> Table {
    let missing = rows.iter().any(|row| row.summary.missing_ratio > 0.0);
    let mut columns = vec!["unit", "min", "mean", "p50", "p95", "p99", "max"];
    if missing {
        columns.push("missing");
    }
    let mut sheet = Table::new(&[&["series"], columns.as_slice()].concat());
    for row in rows {
        let SeriesSummary {
            min,
            mean,
            p50,
            p95,
            p99,
            max,
            missing_ratio,
            ..
        } = row.summary;
        let scale = scale(Unit::of(&row.name), max.abs().max(min.abs()));
        let figures = [min, mean, p50, p95, p99, max].map(|figure| scale.write(figure));
        let missing = (missing_ratio > 0.0).then(|| ratio(missing_ratio));
        let cells = [scale.symbol.to_owned()]
            .into_iter()
            .chain(figures)
            .chain(missing);
        let name = [title(&row.name, &row.labels)];
        sheet.row(&name.into_iter().chain(cells).collect::<Vec<_>>());
    }
    sheet
}

fn comparison(pairs: &[&SeriesPair]) -> Table {
    let columns = ["unit", "A mean", "B mean", "B-A", "B/A", "A p99", "B p99"];
    let mut sheet = Table::new(&[&["series"], columns.as_slice()].concat());
    for pair in pairs {
        let sides = [pair.first, pair.second];
        let most = |s: &SeriesSummary| {
            [s.mean, s.p99]
                .map(f64::abs)
                .into_iter()
                .fold(0.0, f64::max)
        };
        let largest = sides.iter().flatten().map(most).fold(0.0, f64::max);
        let scale = scale(Unit::of(&pair.name), largest);
        let of = |side: Option<SeriesSummary>, figure: fn(&SeriesSummary) -> f64| {
            side.map_or_else(|| ABSENT.to_owned(), |s| scale.write(figure(&s)))
        };
        let difference = pair.difference.map(|d| scale.write_signed(d.mean));
        let ratio = pair.ratio.and_then(|r| r.mean).map(three_digits);
        sheet.row(&[
            title(&pair.name, &pair.labels),
            scale.symbol.to_owned(),
            of(pair.first, |s| s.mean),
            of(pair.second, |s| s.mean),
            difference.unwrap_or_else(|| NO_RATIO.to_owned()),
            ratio.unwrap_or_else(|| NO_RATIO.to_owned()),
            of(pair.first, |s| s.p99),
            of(pair.second, |s| s.p99),
        ]);
    }
    sheet
}

/// Returns a table with a line for each point of `series`, and a line for each mark before the
/// first point that follows it. Marks after the last point are missing.
fn over_time(recorded: &LoadedRecording, series: &Series) -> Table {
    let most = series
        .max
        .iter()
        .chain(&series.min)
        .flatten()
        .map(|v| v.abs());
    let scale = scale(Unit::of(&series.name), most.fold(0.0, f64::max));
    let unit = if scale.symbol.is_empty() {
        "count"
    } else {
        scale.symbol
    };
    let heading = format!("{}, {unit}", title(&series.name, &series.labels));
    let rolled_up = series.mean != series.max;
    let columns: &[&str] = if rolled_up {
        &["mean", "min", "max"]
    } else {
        &["value"]
    };
    let mut sheet = Table::new(&[&[heading.as_str()], columns].concat());
    let written =
        |figure: Option<f64>| figure.map_or_else(|| ABSENT.to_owned(), |f| scale.write(f));
    let after = |at_ns| format!("{:>10.3} s", recorded.seconds(at_ns));
    let mut marks = recorded.marks.iter().peekable();
    let extremes = series.min.iter().zip(&series.max);
    for ((at_ns, mean), (min, max)) in series.at_ns.iter().zip(&series.mean).zip(extremes) {
        while let Some(mark) = marks.next_if(|mark| mark.at_ns <= *at_ns) {
            sheet.row(&[format!("{}  mark: {}", after(mark.at_ns), mark.name)]);
        }
        let figures = if rolled_up {
            vec![*mean, *min, *max]
        } else {
            vec![*mean]
        };
        let cells: Vec<String> = figures.into_iter().map(written).collect();
        let at = [after(*at_ns)];
        sheet.row(&at.into_iter().chain(cells).collect::<Vec<_>>());
    }
    sheet
}

/// Returns the title of a series, its name without unit and its labels: `cpu.busy core=0`,
/// `disk.read vda`, `process.rss postgres (4711)`.
fn title(name: &str, labels: &BTreeMap<String, String>) -> String {
    let mut title = Unit::stem(name).to_owned();
    for (key, of) in labels {
        match key.as_str() {
            "pid" | "command" => {}
            // A process is known by its name; the machine-readable forms have its control group as well.
            "follow" | "cgroup" if labels.contains_key("pid") => {}
            key if NUMBERED.contains(&key) => title.push_str(&format!(" {key}={of}")),
            _ => title.push_str(&format!(" {of}")),
        }
    }
    if let Some(pid) = labels.get("pid") {
        title.push_str(&format!(" ({pid})"));
    }
    title
}

fn left_out_note(count: usize) -> String {
    match count {
        0 => String::new(),
        count => {
            format!("{count} series of single cores are left out; --series core= shows them.\n")
        }
    }
}

/// Returns growth, marks and warnings of a recording as text, empty if it has none; each heading
/// has the prefix `whose`.
fn around(recorded: &LoadedRecording, whose: &str) -> String {
    let mut text = String::new();
    if !recorded.growth.is_empty() {
        text += &format!("\n{whose}growth\n{}", render::growth(&recorded.growth));
    }
    if !recorded.marks.is_empty() {
        text += &format!("\n{whose}marks\n{}", marks(recorded));
    }
    if !recorded.warnings.is_empty() {
        text.push('\n');
    }
    for warning in &recorded.warnings {
        text += &paragraph(&format!("{whose}warning: {warning}"), 0);
    }
    text
}

fn marks(recorded: &LoadedRecording) -> Table {
    let mut table = Table::new(&["mark", "after", "at"]);
    for mark in &recorded.marks {
        table.row(&[
            mark.name.clone(),
            format!("{:.3} s", recorded.seconds(mark.at_ns)),
            recorded.wall_clock(mark.at_ns).unwrap_or_default(),
        ]);
    }
    table
}
