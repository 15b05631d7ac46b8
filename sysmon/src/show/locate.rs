//! From what was named on the command line to a recording.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bench_cli::{Remedy as _, UsageError};
use bench_report::{Report, StoreError, store};

use super::{Pattern, Recorded, raw};
use crate::stream::StreamError;

/// What `sysmon record` calls its report unless told otherwise.
const USUAL_NAME: &str = "sysmon.record.json";
const OURS: &str = "sysmon";

const CHECK_THE_PATH: &str = "check the path; recordings are kept under reports/ unless --output or --run-dir says otherwise";
const NEWER: &str = "the sysmon of the version that wrote it, or a newer one";

/// Reads the recording at `path`: a report, a directory that holds one, or raw samples.
///
/// # Errors
/// When there is none, or it cannot be read, each with what to do about it.
pub fn load(path: &Path, wanted: &Pattern, points: bool) -> anyhow::Result<Recorded> {
    let file = if path.is_dir() {
        report_in(path)?
    } else {
        path.to_owned()
    };
    if raw::is_raw(&file) {
        return raw::load(&file, wanted, points).or_else(|error| {
            let what_to_do = remedy_of_samples(&error);
            Err(error).remedy(what_to_do)
        });
    }
    let report = report(&file)?;
    Ok(Recorded::of_report(&file, report, wanted, points))
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

/// The one recording in a directory.
fn report_in(directory: &Path) -> anyhow::Result<PathBuf> {
    let usual = directory.join(USUAL_NAME);
    if usual.is_file() {
        return Ok(usual);
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
        [one] => Ok(one.clone()),
        [] => Err(anyhow::anyhow!(
            "{} holds no recording of sysmon",
            directory.display()
        ))
        .remedy(format!("sysmon record --run-dir {}", directory.display())),
        [first, ..] => {
            let names: Vec<String> = found.iter().map(|p| p.display().to_string()).collect();
            let sentence = format!("several recordings are in one place: {}", names.join(", "));
            Err(UsageError(sentence)).remedy(format!("sysmon show {}", first.display()))
        }
    }
}
