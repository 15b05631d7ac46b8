//! Recordings for programs, as CSV and JSON. Figures have the units in which they were recorded,
//! and all digits.

use anyhow::Context as _;
use serde::Serialize;

use super::{LoadedRecording, SeriesPair, SeriesSummary};
use crate::metric::Unit;

/// Returns one recording as CSV: a heading, and a line with the summary of each series.
///
/// # Errors
/// If a field cannot be encoded; no such case is known.
pub(super) fn csv_of_one(recorded: &LoadedRecording) -> anyhow::Result<String> {
    let mut csv = Csv::new(&["series", "labels", "unit"], &[&summary_columns("")])?;
    for row in &recorded.series {
        let labels = labels(&row.labels);
        csv.line(
            &[&row.name, &labels, row.unit],
            &summary_cells(Some(&row.summary)),
        )?;
    }
    csv.text()
}

/// Returns two recordings as CSV: a heading, and a line for each pair of series with both
/// summaries, difference and ratio. Absent figures are empty fields.
///
/// # Errors
/// As [`csv_of_one`].
pub(super) fn csv_of_two(pairs: &[SeriesPair]) -> anyhow::Result<String> {
    let compared = [
        "difference_mean",
        "ratio_mean",
        "difference_p99",
        "ratio_p99",
    ];
    let compared = compared.map(str::to_owned);
    let columns = [
        summary_columns("a_"),
        summary_columns("b_"),
        compared.to_vec(),
    ];
    let mut csv = Csv::new(
        &["series", "labels", "unit"],
        &columns.each_ref().map(Vec::as_slice),
    )?;
    for pair in pairs {
        let mut cells = summary_cells(pair.first.as_ref());
        cells.extend(summary_cells(pair.second.as_ref()));
        let (difference, ratio) = (pair.difference, pair.ratio);
        cells.extend([
            number(difference.map(|d| d.mean)),
            number(ratio.and_then(|r| r.mean)),
            number(difference.map(|d| d.p99)),
            number(ratio.and_then(|r| r.p99)),
        ]);
        csv.line(&[&pair.name, &labels(&pair.labels), pair.unit], &cells)?;
    }
    csv.text()
}

/// Returns the points of the series of a recording as CSV: a heading, and a line for each point
/// with its time, mean, minimum and maximum. Absent figures are empty fields.
///
/// # Errors
/// As [`csv_of_one`].
pub(super) fn csv_of_points(recorded: &LoadedRecording) -> anyhow::Result<String> {
    let figures = ["mean", "min", "max"].map(str::to_owned);
    let names = ["time", "elapsed_s", "at_ns", "series", "labels", "unit"];
    let mut csv = Csv::new(&names, &[&figures])?;
    for series in &recorded.points {
        let (labels, unit) = (labels(&series.labels), Unit::of(&series.name).symbol());
        let extremes = series.min.iter().zip(&series.max);
        for ((at_ns, mean), (min, max)) in series.at_ns.iter().zip(&series.mean).zip(extremes) {
            let time = recorded.wall_clock(*at_ns).unwrap_or_default();
            let elapsed = recorded.seconds(*at_ns).to_string();
            let names = [
                &time,
                &elapsed,
                &at_ns.to_string(),
                &series.name,
                &labels,
                unit,
            ];
            csv.line(&names, &[mean, min, max].map(|figure| number(*figure)))?;
        }
    }
    csv.text()
}

/// Returns one recording as indented JSON with a trailing line break.
///
/// # Errors
/// If it cannot be encoded as JSON; no such case is known.
pub(super) fn json_of_one(recorded: &LoadedRecording) -> anyhow::Result<String> {
    json(recorded)
}

/// Returns two recordings and the comparison of their series as indented JSON with a trailing line
/// break.
///
/// # Errors
/// As [`json_of_one`].
pub(super) fn json_of_two(
    first: &LoadedRecording,
    second: &LoadedRecording,
    pairs: &[SeriesPair],
) -> anyhow::Result<String> {
    /// Both recordings without their series, which are in the pairs of `series`.
    #[derive(Serialize)]
    struct Two<'a> {
        first: &'a LoadedRecording,
        second: &'a LoadedRecording,
        series: &'a [SeriesPair],
    }
    let bare = |recorded: &LoadedRecording| LoadedRecording {
        series: Vec::new(),
        ..recorded.clone()
    };
    let (first, second) = (&bare(first), &bare(second));
    json(&Two {
        first,
        second,
        series: pairs,
    })
}

fn json(shown: &impl Serialize) -> anyhow::Result<String> {
    let text = serde_json::to_string_pretty(shown);
    Ok(text.context("cannot write the recording as JSON")? + "\n")
}

fn summary_columns(prefix: &str) -> Vec<String> {
    [
        "points",
        "samples_per_point",
        "missing_ratio",
        "min",
        "mean",
        "p50",
        "p95",
        "p99",
        "max",
    ]
    .map(|name| format!("{prefix}{name}"))
    .to_vec()
}

fn summary_cells(summary: Option<&SeriesSummary>) -> Vec<String> {
    let Some(s) = summary else {
        return vec![String::new(); summary_columns("").len()];
    };
    let counts = [s.points.to_string(), s.samples_per_point.to_string()];
    let figures = [s.missing_ratio, s.min, s.mean, s.p50, s.p95, s.p99, s.max];
    counts
        .into_iter()
        .chain(figures.map(|figure| figure.to_string()))
        .collect()
}

fn number(figure: Option<f64>) -> String {
    figure.map_or_else(String::new, |figure| figure.to_string())
}

fn labels(labels: &std::collections::BTreeMap<String, String>) -> String {
    super::pattern::full_name("", labels)
        .trim_start()
        .to_owned()
}

/// Writer that collects comma-separated values (RFC 4180) in memory.
struct Csv(csv::Writer<Vec<u8>>);

impl Csv {
    fn new(names: &[&str], figures: &[&[String]]) -> anyhow::Result<Self> {
        let mut csv = Self(csv::Writer::from_writer(Vec::new()));
        csv.line(names, &figures.concat())?;
        Ok(csv)
    }

    fn line(&mut self, names: &[&str], figures: &[String]) -> anyhow::Result<()> {
        let figures = figures.iter().map(String::as_str);
        let fields = names.iter().copied().chain(figures);
        self.0
            .write_record(fields)
            .context("cannot write a line of CSV")
    }

    fn text(self) -> anyhow::Result<String> {
        let bytes = self.0.into_inner().context("cannot write CSV")?;
        String::from_utf8(bytes).context("a series has a name that is no text")
    }
}
