//! A recording read from its raw samples.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bench_report::{Report, Series, store};

use super::{Pattern, Recorded, Row, Summary};
use crate::marks::Recorder;
use crate::stream::{self, Ending, Header, Point, RawReader, StreamError, place};

/// Whether `path` is a file of raw samples: by its name, or by how every Arrow stream begins.
pub(super) fn is_raw(path: &Path) -> bool {
    let begins = || {
        let mut first = [0; 4];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
        read.is_ok() && first == [0xff; 4]
    };
    path.extension().is_some_and(|end| end == place::EXTENSION) || begins()
}

/// Reads raw samples batch by batch, and keeps those of the series that are wanted. What only the
/// report knows is taken from the one beside, if that is of the same run.
///
/// # Errors
/// When the file cannot be read or holds no raw samples. One that is cut short is none.
pub(super) fn load(path: &Path, wanted: &Pattern, points: bool) -> Result<Recorded, StreamError> {
    let mut reader = RawReader::open(path)?;
    let header = reader.header().clone();
    let mut gathered = Gathered::default();
    while let Some(batch) = reader.next_batch()? {
        for row in batch.rows() {
            gathered.tick(row.point.at_ns);
            if let Some(place) = gathered.place(&row, wanted) {
                gathered.all[place].add(gathered.ticks, row.point, points);
            }
        }
    }
    let last_ns = gathered.last_ns.max(header.clock.monotonic_ns);
    let duration_ns = last_ns - header.clock.monotonic_ns;
    let report_path = report_of(path);
    let notes = note(&header, &reader.ending(), &report_path);
    let (rows, points) = gathered.finish(points);
    let beside = store::load(&report_path).ok();
    let beside = beside.filter(|report: &Report| report.run_id == header.run_id);
    let beside = beside.map(|report| Recorded::of_report(&report_path, report, wanted, false));
    Ok(Recorded {
        path: path.to_owned(),
        run_id: header.run_id,
        started_at: header.started_at,
        clock: header.clock,
        duration_ns,
        headline: None,
        notes,
        series: rows,
        points,
        growth: beside
            .as_ref()
            .map(|b| b.growth.clone())
            .unwrap_or_default(),
        warnings: beside
            .as_ref()
            .map(|b| b.warnings.clone())
            .unwrap_or_default(),
        marks: beside.map(|b| b.marks).unwrap_or_default(),
    })
}

/// The report to which raw samples belong: `x.json` for `x.arrows` and `x.000002.arrows`.
fn report_of(path: &Path) -> PathBuf {
    let whole = path.with_extension("json");
    if whole.exists() {
        return whole;
    }
    let stem = path.with_extension("");
    let part = stem.extension().and_then(|number| number.to_str());
    let part = part.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    part.map_or(whole, |_| stem.with_extension("json"))
}

fn note(header: &Header, ending: &Ending, report: &Path) -> Vec<String> {
    let part = (header.part > 1).then(|| format!("Part {} of the recording.", header.part));
    let recorder = Recorder::of_report(report).ok().flatten();
    let end = match (ending, recorder) {
        (Ending::Closed, _) => None,
        (Ending::Damaged(why), _) => Some(format!(
            "Damaged behind its last whole batch ({why}); what stands before is shown."
        )),
        (_, Some(recorder)) => Some(format!(
            "Still being recorded by process {}: this is what was written by now.",
            recorder.pid
        )),
        (Ending::Open, None) => Some(
            "Never closed: the recorder was killed, and up to a second before that is missing."
                .to_owned(),
        ),
        (Ending::Torn, None) => Some(
            "Torn: the recorder was killed while it wrote, and up to a second before that is \
             missing."
                .to_owned(),
        ),
    };
    part.into_iter().chain(end).collect()
}

/// Samples by series, and how often any was taken.
#[derive(Default)]
struct Gathered {
    ticks: u64,
    last_ns: u64,
    /// By name, then by labels as they stand in the file; `None` for what is not wanted.
    places: HashMap<String, HashMap<String, Option<usize>>>,
    all: Vec<Samples>,
}

struct Samples {
    series: Series,
    first_tick: u64,
    last_tick: u64,
    values: Vec<f64>,
}

impl Gathered {
    /// Rows of one tick follow each other.
    fn tick(&mut self, at_ns: u64) {
        if self.ticks == 0 || at_ns != self.last_ns {
            self.ticks += 1;
            self.last_ns = at_ns;
        }
    }

    /// Where the row's series is among all.
    fn place(&mut self, row: &stream::Row<'_>, wanted: &Pattern) -> Option<usize> {
        let (name, labels) = (row.series, row.labels);
        if let Some(known) = self.places.get(name).and_then(|of| of.get(labels)) {
            return *known;
        }
        let series = Series {
            labels: row.labels(),
            ..Series::new(name)
        };
        let place = wanted.matches(name, &series.labels).then(|| {
            self.all.push(Samples {
                series,
                first_tick: self.ticks,
                last_tick: self.ticks,
                values: Vec::new(),
            });
            self.all.len() - 1
        });
        let of_name = self.places.entry(name.to_owned()).or_default();
        of_name.insert(labels.to_owned(), place);
        place
    }

    /// Rows in order of name and labels, and points if they were kept.
    fn finish(mut self, points: bool) -> (Vec<Row>, Vec<Series>) {
        self.all.sort_by(|a, b| {
            (&a.series.name, &a.series.labels).cmp(&(&b.series.name, &b.series.labels))
        });
        let mut rows = Vec::new();
        let mut kept = Vec::new();
        for samples in self.all {
            let Samples {
                series,
                first_tick,
                last_tick,
                values,
            } = samples;
            // A process that has ended is not missing.
            let mortal = series.labels.contains_key("pid");
            let until = if mortal { last_tick } else { self.ticks };
            let summary = Summary::of_samples(values, until - first_tick + 1);
            rows.extend(summary.map(|summary| Row::new(&series.name, &series.labels, summary)));
            if points {
                kept.push(series);
            }
        }
        (rows, kept)
    }
}

impl Samples {
    fn add(&mut self, tick: u64, point: Point, keep_point: bool) {
        self.last_tick = tick;
        self.values.push(point.value);
        if keep_point {
            self.series.push(point.at_ns, Some(point.value));
        }
    }
}
