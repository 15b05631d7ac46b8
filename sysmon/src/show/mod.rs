//! `sysmon show`: shows a recording, or compares two, as a table, CSV or JSON.

mod collector;
mod compare;
mod files;
mod loaded;
mod locate;
mod machine_readable;
mod pattern;
mod raw;
mod scale;
mod summary;
#[cfg(test)]
mod tests;
mod text;

use std::path::PathBuf;

use bench_cli::table::terminal_columns;
use bench_cli::{Exit, Remedy as _, UsageError, output};
use clap::{Args, ValueEnum};
use regex::Regex;

pub(crate) use compare::{SeriesPair, pairs};
pub(crate) use loaded::{LoadedRecording, SummaryRow};
pub(crate) use pattern::Pattern;
pub(crate) use summary::SeriesSummary;

pub(crate) const EXAMPLES: &str = "\
Percentiles of a report are computed from its points. In a long recording each point is the mean \
of several samples; the output says of how many. Extremes and means are computed from all samples, \
and so are percentiles of raw samples (*.arrows).

Examples:
  sysmon show reports/nightly
  sysmon show reports/nightly --series '^cpu|^memory' --series name=postgres
  sysmon show before/sysmon.record.json after/sysmon.record.json
  sysmon show reports/nightly --series cpu.busy --points --format csv > busy.csv
  sysmon show reports/nightly/sysmon.record.arrows
  sysmon show reports/nightly/sysmon.record.*.arrows     its parts as one
  sysmon show reports/nightly --format json | jq '.series[] | select(.p99>0.9)'";

/// Flags of `sysmon show`.
#[derive(Debug, Args)]
pub(crate) struct ShowFlags {
    /// Report of a recording, the report's directory, or a file of raw samples (*.arrows); one file
    /// of a rotated recording stands for all its files. Two recordings are shown side by side
    #[arg(value_name = "RECORDING", required = true)]
    pub(crate) recordings: Vec<PathBuf>,

    /// Show only the named file of raw samples, not the other files of its recording
    #[arg(long)]
    pub(crate) alone: bool,

    /// Show only series whose name and labels, as one text, match this regular expression, as in
    /// cpu.busy or name=postgres (repeat it for several)
    #[arg(long, value_name = "PATTERN", value_parser = pattern::expression)]
    pub(crate) series: Vec<Regex>,

    /// Show every point over time instead of a summary
    #[arg(long)]
    pub(crate) points: bool,

    /// Format of the output on stdout
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ShowFormat,
}

/// Format of the output on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ShowFormat {
    /// A table for people.
    #[default]
    Text,
    /// One line for each series, or for each point.
    Csv,
    /// All data as JSON.
    Json,
}

/// Output of one call of `sysmon show`, before it is printed.
#[derive(Debug, PartialEq, Eq)]
enum Rendered {
    /// Text for people, which is coloured if it is printed on a terminal.
    Text(String),
    /// CSV or JSON, which is printed as it is.
    Data(String),
}

/// Shows the recordings that the flags name, on stdout.
///
/// # Errors
/// If a recording cannot be found or read, if none of its series is selected, if more than two are
/// named, if points of two are wanted, or if stdout cannot be written.
pub(crate) fn show(flags: &ShowFlags) -> anyhow::Result<Exit> {
    match rendered(flags, terminal_columns())? {
        Rendered::Text(text) => output::show(&text)?,
        Rendered::Data(text) => output::print(&text)?,
    }
    Ok(Exit::Done)
}

/// Renders the recordings that the flags name, for a terminal `columns` wide; `None` if the width
/// is unknown. Fails as [`show`] does, except for writing.
fn rendered(flags: &ShowFlags, columns: Option<usize>) -> anyhow::Result<Rendered> {
    let wanted = Pattern::new(&flags.series);
    let load = |place| locate::load(place, &wanted, flags.points);
    match locate::find(&flags.recordings, flags.alone)?.as_slice() {
        [one] => {
            let loaded = load(one)?;
            some_series(&[&loaded], &wanted)?;
            render_one(&loaded, flags, columns)
        }
        [_, _] if flags.points => Err(UsageError(
            "--points cannot be used with two recordings".to_owned(),
        ))
        .remedy("name one of them"),
        [first, second] => {
            let (first, second) = (load(first)?, load(second)?);
            some_series(&[&first, &second], &wanted)?;
            render_two(&first, &second, flags, columns)
        }
        more => {
            let sentence = format!("{} recordings are named; two is the most", more.len());
            Err(UsageError(sentence)).remedy("name one, or two to see side by side")
        }
    }
}

fn render_one(
    loaded: &LoadedRecording,
    flags: &ShowFlags,
    columns: Option<usize>,
) -> anyhow::Result<Rendered> {
    let all = !flags.series.is_empty();
    Ok(match (flags.format, flags.points) {
        (ShowFormat::Text, false) => Rendered::Text(text::one(loaded, all, columns)),
        (ShowFormat::Text, true) => Rendered::Text(text::points(loaded, columns)),
        (ShowFormat::Csv, false) => Rendered::Data(machine_readable::csv_of_one(loaded)?),
        (ShowFormat::Csv, true) => Rendered::Data(machine_readable::csv_of_points(loaded)?),
        (ShowFormat::Json, _) => Rendered::Data(machine_readable::json_of_one(loaded)?),
    })
}

fn render_two(
    first: &LoadedRecording,
    second: &LoadedRecording,
    flags: &ShowFlags,
    columns: Option<usize>,
) -> anyhow::Result<Rendered> {
    let all = !flags.series.is_empty();
    let pairs = pairs(&first.series, &second.series);
    Ok(match flags.format {
        ShowFormat::Text => Rendered::Text(text::two(first, second, &pairs, all, columns)),
        ShowFormat::Csv => Rendered::Data(machine_readable::csv_of_two(&pairs)?),
        ShowFormat::Json => Rendered::Data(machine_readable::json_of_two(first, second, &pairs)?),
    })
}

/// Fails if none of the recordings has a selected series with a reading: an empty table would look
/// as if nothing had been recorded.
fn some_series(recordings: &[&LoadedRecording], wanted: &Pattern) -> anyhow::Result<()> {
    if recordings.iter().any(|shown| !shown.series.is_empty()) {
        return Ok(());
    }
    let path = recordings.first().map(|shown| shown.path.display());
    let path = path.map_or_else(String::new, |path| path.to_string());
    if wanted.is_all() {
        return Err(anyhow::anyhow!("{path} holds no reading"))
            .remedy("a recording that went on for longer than its interval, at least 20ms");
    }
    Err(UsageError(format!(
        "{path} has no series with a reading that matches --series"
    )))
    .remedy(format!(
        "sysmon show {path} --format csv, which names every series"
    ))
}
