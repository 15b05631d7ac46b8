//! Loading of a recording from its files of raw samples.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bench_cli::table::duration_ns;
use bench_report::{Report, store};

use super::collector::{Gap, SampleCollector};
use super::files::RecordingFiles;
use super::{LoadedRecording, Pattern};
use crate::marks::ActiveRecording;
use crate::stream::{Ending, RawHeader, RawReader, StreamError, paths};

/// Returns true if `path` has the extension of raw samples, or if the file begins like an Arrow
/// stream; false for any other file that cannot be read.
pub(super) fn is_raw(path: &Path) -> bool {
    let begins = || {
        let mut first = [0; 4];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
        read.is_ok() && first == [0xff; 4]
    };
    path.extension().is_some_and(|end| end == paths::EXTENSION) || begins()
}

/// Loads the series that match `wanted` from raw samples, batch by batch; their points are kept if
/// `points` is set. Growth, marks and warnings are read from the report beside them, if that is of
/// the same run.
///
/// # Errors
/// If a file cannot be read, or contains no raw samples. A file that was cut short is no error; a
/// note describes it.
pub(super) fn load(
    parts: &RecordingFiles,
    wanted: &Pattern,
    points: bool,
) -> Result<LoadedRecording, StreamError> {
    let mut files = parts.files.iter();
    let mut reader = match files.next() {
        Some((_, first)) => RawReader::open(first)?,
        None => RawReader::open(&parts.path)?,
    };
    let header = reader.header().clone();
    let mut gathered = SampleCollector::new(&header, points);
    let mut notes = joined(parts).into_iter().collect::<Vec<_>>();
    loop {
        while let Some(batch) = reader.next_batch()? {
            for row in batch.rows() {
                gathered.add(&row, wanted);
            }
        }
        let Some((_, next)) = files.next() else { break };
        notes.extend(cut(&reader));
        reader = RawReader::open(next)?;
    }
    notes.extend(gaps(&header, gathered.gaps()));
    notes.extend(end(&reader.ending(), &parts.report));
    let duration_ns = gathered.duration_ns();
    let (rows, points) = gathered.finish();
    let beside = store::load(&parts.report).ok();
    let beside = beside.filter(|report: &Report| report.run_id == header.run_id);
    let beside =
        beside.map(|report| LoadedRecording::of_report(&parts.report, report, wanted, false));
    let beside = beside.as_ref();
    Ok(LoadedRecording {
        path: parts.path.clone(),
        run_id: header.run_id,
        started_at: header.started_at,
        clock: header.clock,
        duration_ns,
        headline: None,
        notes,
        series: rows,
        points,
        growth: beside.map(|b| b.growth.clone()).unwrap_or_default(),
        warnings: beside.map(|b| b.warnings.clone()).unwrap_or_default(),
        marks: beside.map(|b| b.marks.clone()).unwrap_or_default(),
    })
}

/// Returns a note about the files that are joined, or about a later part that is shown alone;
/// `None` if the only file is the first part.
fn joined(parts: &RecordingFiles) -> Option<String> {
    let name = |file: &Path| file.file_name().unwrap_or_default().display().to_string();
    match parts.files.as_slice() {
        [(1, _)] | [] => None,
        [(number, _)] => Some(format!("Part {number} of the recording.")),
        [(first, from), .., (last, to)] => Some(format!(
            "Joined from {} files, {} to {}: parts {first} to {last} of the recording.",
            parts.files.len(),
            name(from),
            name(to)
        )),
    }
}

/// Returns a note about a part that was not closed properly although further parts follow; `None`
/// if it was closed.
fn cut(reader: &RawReader) -> Option<String> {
    let part = reader.header().part;
    match reader.ending() {
        Ending::Closed => None,
        Ending::Open | Ending::Torn => Some(format!("Part {part} was never closed.")),
        Ending::Damaged(why) => Some(format!(
            "Part {part} is damaged behind its last whole batch ({why})."
        )),
    }
}

/// Returns a note about the number and length of the gaps between samples; `None` if there are
/// none.
fn gaps(header: &RawHeader, gaps: &[Gap]) -> Option<String> {
    let (first, more) = gaps.split_first()?;
    let length = |gap: &Gap| gap.to_ns - gap.from_ns;
    let after = |at_ns: u64| match at_ns.saturating_sub(header.clock.monotonic_ns) {
        0 => "0 s".to_owned(),
        ns => duration_ns(ns),
    };
    let (from, to) = (after(first.from_ns), after(first.to_ns));
    if more.is_empty() {
        let length = duration_ns(length(first));
        return Some(format!(
            "There are no samples of {length}, from {from} to {to} after the start."
        ));
    }
    let all = duration_ns(gaps.iter().map(length).sum());
    Some(format!(
        "There are no samples of {all} in {} places, the first from {from} to {to} after the start.",
        gaps.len()
    ))
}

fn end(ending: &Ending, report: &Path) -> Option<String> {
    let recorder = ActiveRecording::find(report).ok().flatten();
    match (ending, recorder) {
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
    }
}
