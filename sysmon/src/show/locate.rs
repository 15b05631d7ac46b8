//! Search for the recordings that the command line names, and their loading.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bench_cli::{Remedy as _, UsageError};
use bench_report::Report;
use bench_report::store::{self, StoreError};

use super::files::RecordingFiles;
use super::{LoadedRecording, Pattern, raw};
use crate::stream::StreamError;

/// Default file name of a report of `sysmon record`.
const USUAL_NAME: &str = "sysmon.record.json";
const OURS: &str = "sysmon";

const CHECK_THE_PATH: &str = "check the path; recordings are kept under reports/ unless --output or --run-dir says otherwise";
const NEWER: &str = "the sysmon of the version that wrote it, or a newer one";

/// Report or raw samples from which one recording is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordingSource {
    Report(PathBuf),
    Raw(RecordingFiles),
}

/// Finds the recordings that `paths` name, in that order. Each path is a report, a directory with a
/// recording, or raw samples. A file of raw samples stands for all files of its recording, which is
/// found only once, unless `alone` is set.
///
/// # Errors
/// If a path leads to no recording, or to several; each error has a remedy.
pub(super) fn find(paths: &[PathBuf], alone: bool) -> anyhow::Result<Vec<RecordingSource>> {
    let mut found = Vec::new();
    for path in paths {
        let place = find_one(path, alone)?;
        let again = matches!(place, RecordingSource::Raw(_)) && found.contains(&place);
        if !again {
            found.push(place);
        }
    }
    Ok(found)
}

/// Reads a recording with those series that match `wanted`. Keeps the points of the series if
/// `points` is set.
///
/// # Errors
/// If it cannot be read; the error has a remedy.
pub(super) fn load(
    place: &RecordingSource,
    wanted: &Pattern,
    points: bool,
) -> anyhow::Result<LoadedRecording> {
    match place {
        RecordingSource::Report(file) => {
            let report = report(file)?;
            Ok(LoadedRecording::of_report(file, report, wanted, points))
        }
        RecordingSource::Raw(parts) => of_samples(raw::load(parts, wanted, points)),
    }
}

fn find_one(path: &Path, alone: bool) -> anyhow::Result<RecordingSource> {
    if path.is_dir() {
        return in_directory(path);
    }
    if !path.exists() {
        let like = only(RecordingFiles::named_like(path), path)?;
        if let Some(parts) = like {
            return Ok(RecordingSource::Raw(parts));
        }
    }
    if !raw::is_raw(path) {
        return Ok(RecordingSource::Report(path.to_owned()));
    }
    let parts = if alone {
        RecordingFiles::alone(path)
    } else {
        RecordingFiles::around(path)
    };
    of_samples(parts).map(RecordingSource::Raw)
}

fn of_samples<T>(read: Result<T, StreamError>) -> anyhow::Result<T> {
    read.or_else(|error| {
        let what_to_do = remedy_of_samples(&error);
        Err(error).remedy(what_to_do)
    })
}

/// Returns the only recording in `found`, which are those that the path `named` matches; `None` if
/// there is none.
///
/// # Errors
/// If there are several; the error lists their first files.
fn only(mut found: Vec<RecordingFiles>, named: &Path) -> anyhow::Result<Option<RecordingFiles>> {
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let firsts = found.iter().filter_map(|parts| parts.files.first());
    let firsts: Vec<String> = firsts.map(|(_, file)| file.display().to_string()).collect();
    let sentence = format!(
        "{} names several recordings, which begin with {}",
        named.display(),
        firsts.join(", ")
    );
    let one = firsts.first().map_or("", String::as_str);
    Err(UsageError(sentence)).remedy(format!("sysmon show {one}"))
}

fn report(path: &Path) -> anyhow::Result<Report> {
    let report = store::load(path).or_else(|error| {
        let what_to_do = remedy(&error);
        Err(error).remedy(what_to_do)
    })?;
    let tool = &report.tool.name;
    if tool == OURS {
        return Ok(report);
    }
    let sentence = format!(
        "{} is a report of {tool}, and no recording of the machine",
        path.display()
    );
    Err(anyhow::anyhow!(sentence)).remedy(format!(
        "bottleneck-analyzer analyze {}, which reads the reports of every tool",
        path.display()
    ))
}

fn remedy_of_samples(error: &StreamError) -> &'static str {
    match error {
        StreamError::Read { .. } => CHECK_THE_PATH,
        StreamError::UnknownSchema { .. } => NEWER,
        _ => "the report of the recording, which is the file beside it that ends in .json",
    }
}

fn remedy(error: &StoreError) -> &'static str {
    match error {
        StoreError::Read { .. } => CHECK_THE_PATH,
        StoreError::Truncated { .. } => {
            "get the file anew from where it was copied; recorders save their reports whole"
        }
        StoreError::UnknownSchema { .. } => NEWER,
        _ => "a report that sysmon record wrote, or the directory that holds it",
    }
}

/// Finds the only recording in a directory: the report with the usual name, the only other report
/// of sysmon, or the only raw samples if there is no report.
///
/// # Errors
/// If there are several, or none, or if the directory cannot be listed.
fn in_directory(directory: &Path) -> anyhow::Result<RecordingSource> {
    let usual = directory.join(USUAL_NAME);
    if usual.is_file() {
        return Ok(RecordingSource::Report(usual));
    }
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot list {}", directory.display()))
        .remedy("name the recording itself")?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .filter(|path| store::load(path).is_ok_and(|report| report.tool.name == OURS))
        .collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(RecordingSource::Report(one.clone())),
        [] => match only(RecordingFiles::in_directory(directory), directory)? {
            Some(parts) => Ok(RecordingSource::Raw(parts)),
            None => Err(anyhow::anyhow!(
                "{} holds no recording of sysmon",
                directory.display()
            ))
            .remedy(format!("sysmon record --run-dir {}", directory.display())),
        },
        [first, ..] => {
            let names: Vec<String> = found.iter().map(|p| p.display().to_string()).collect();
            let sentence = format!("several recordings are in one place: {}", names.join(", "));
            Err(UsageError(sentence)).remedy(format!("sysmon show {}", first.display()))
        }
    }
}
