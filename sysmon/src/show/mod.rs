//! `sysmon show`: a recording, or two side by side, as a table, CSV or JSON.

mod compare;
mod gathered;
mod locate;
mod machine;
mod parts;
mod pattern;
mod raw;
mod recorded;
mod sheet;
mod summary;
mod text;
mod unit;

use std::path::PathBuf;

use bench_cli::table::terminal_columns;
use bench_cli::{Exit, Remedy as _, UsageError, output};
use clap::{Args, ValueEnum};
use regex::Regex;

pub use compare::{Figures, Pair, Ratios, pairs};
pub use pattern::Pattern;
pub use recorded::{Recorded, Row};
pub use summary::Summary;
pub use unit::{Scale, Unit};

pub(crate) const EXAMPLES: &str = "\
Percentiles of a report are of its points, each the mean of several samples once a recording is \
long; the text says of how many. Extremes and means are of all samples. Percentiles of raw samples \
(*.arrows) are of every sample.

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
pub struct ShowFlags {
    /// Report of a recording, the directory that holds it, or raw samples (*.arrows), of which any
    /// file of a rotated recording names them all; two recordings are shown side by side
    #[arg(value_name = "RECORDING", required = true)]
    pub recordings: Vec<PathBuf>,

    /// Only the file of raw samples that is named, and not the others of its recording
    #[arg(long)]
    pub alone: bool,

    /// Only series whose name and labels match, as in cpu.busy or name=postgres: a regular
    /// expression (repeat it)
    #[arg(long, value_name = "PATTERN", value_parser = pattern::expression)]
    pub series: Vec<Regex>,

    /// Every point over time instead of a summary
    #[arg(long)]
    pub points: bool,

    /// What is printed on stdout
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Text,
    /// A line for each series, or for each point.
    Csv,
    /// Everything.
    Json,
}

/// Shows what the flags name.
///
/// # Errors
/// When a recording cannot be read, or none of its series is asked for.
pub fn show(flags: &ShowFlags) -> anyhow::Result<Exit> {
    let wanted = Pattern::new(&flags.series);
    let load = |place| locate::load(place, &wanted, flags.points);
    match locate::find(&flags.recordings, flags.alone)?.as_slice() {
        [one] => {
            let recorded = load(one)?;
            some_series(&[&recorded], &wanted)?;
            show_one(&recorded, flags)?;
        }
        [_, _] if flags.points => {
            return Err(UsageError(
                "--points cannot be used with two recordings".to_owned(),
            ))
            .remedy("name one of them");
        }
        [first, second] => {
            let (first, second) = (load(first)?, load(second)?);
            some_series(&[&first, &second], &wanted)?;
            show_two(&first, &second, flags)?;
        }
        more => {
            let sentence = format!("{} recordings are named; two is the most", more.len());
            return Err(UsageError(sentence)).remedy("name one, or two to see side by side");
        }
    }
    Ok(Exit::Done)
}

fn show_one(recorded: &Recorded, flags: &ShowFlags) -> anyhow::Result<()> {
    let all = !flags.series.is_empty();
    match (flags.format, flags.points) {
        (Format::Text, false) => output::show(&text::one(recorded, all, terminal_columns())),
        (Format::Text, true) => output::show(&text::points(recorded, terminal_columns())),
        (Format::Csv, false) => output::print(&machine::csv_of_one(recorded)?),
        (Format::Csv, true) => output::print(&machine::csv_of_points(recorded)?),
        (Format::Json, _) => output::print(&machine::json_of_one(recorded)?),
    }
}

fn show_two(first: &Recorded, second: &Recorded, flags: &ShowFlags) -> anyhow::Result<()> {
    let all = !flags.series.is_empty();
    let pairs = pairs(&first.series, &second.series);
    match flags.format {
        Format::Text => output::show(&text::two(first, second, &pairs, all, terminal_columns())),
        Format::Csv => output::print(&machine::csv_of_two(&pairs)?),
        Format::Json => output::print(&machine::json_of_two(first, second, &pairs)?),
    }
}

/// An empty table would look as if there had been nothing to record.
fn some_series(recordings: &[&Recorded], wanted: &Pattern) -> anyhow::Result<()> {
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
