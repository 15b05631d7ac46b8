//! Files of a raw recording: a single file, or the parts of a rotated recording.

use std::path::{Path, PathBuf};

use crate::stream::{RawReader, StreamError, paths};

/// Files of one raw recording, in order of their part numbers, which is that of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordingFiles {
    /// Path of the only file, or a pattern such as `x.*.arrows` that matches all of them.
    pub(super) path: PathBuf,
    /// Id of the run that made the recording.
    pub(super) run_id: String,
    /// Path that the report of the same run has or had; it may not exist.
    pub(super) report: PathBuf,
    /// Part number, counted from 1, and path of each file, in order of part numbers; at least one.
    pub(super) files: Vec<(u64, PathBuf)>,
}

impl RecordingFiles {
    /// Opens the file at `path` as a recording of its own, without other parts.
    ///
    /// # Errors
    /// If it cannot be read, or contains no raw samples.
    pub(super) fn alone(path: &Path) -> Result<Self, StreamError> {
        let reader = RawReader::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            run_id: reader.header().run_id.clone(),
            report: report_of(path),
            files: vec![(reader.header().part, path.to_owned())],
        })
    }

    /// Finds the recording that the file at `path` belongs to: all files beside it with the same
    /// base name and the same run. If there are none, or if they do not include its part number,
    /// the result is this file alone.
    ///
    /// # Errors
    /// As [`RecordingFiles::alone`].
    pub(super) fn around(path: &Path) -> Result<Self, StreamError> {
        let named = Self::alone(path)?;
        let of_name = Self::of_report(&named.report).into_iter();
        let mut same_run = of_name.filter(|parts| parts.run_id == named.run_id);
        // The given file may have been renamed, and then is not among those found by name.
        let number = named.files.first().map(|(number, _)| *number);
        let whole = same_run.find(|parts| {
            let mut numbers = parts.files.iter().map(|(number, _)| Some(*number));
            parts.files.len() > 1 && numbers.any(|own| own == number)
        });
        Ok(whole.unwrap_or(named))
    }

    /// Finds the recordings whose raw samples have the base name of `report`, one for each run id.
    /// Files that cannot be read are left out.
    pub(super) fn of_report(report: &Path) -> Vec<Self> {
        let files = paths::files(report).unwrap_or_default();
        let found = files.iter().filter_map(|file| Self::alone(file).ok());
        let mut all: Vec<Self> = Vec::new();
        for part in found {
            match all.iter_mut().find(|parts| parts.run_id == part.run_id) {
                Some(parts) => {
                    parts.path = paths::pattern(report);
                    parts.files.extend(part.files);
                }
                None => all.push(part),
            }
        }
        for parts in &mut all {
            // Files may have been renamed, so they are sorted by part number. A second file with the same
            // number is a copy.
            parts.files.sort();
            parts.files.dedup_by_key(|(number, _)| *number);
        }
        all
    }

    /// Finds the recordings that match `path`: a file name without a part number (`x.arrows`), or a
    /// pattern (`x.*.arrows`). Empty if the name has another extension or nothing matches.
    pub(super) fn named_like(path: &Path) -> Vec<Self> {
        if path.extension().is_none_or(|end| end != paths::EXTENSION) {
            return Vec::new();
        }
        let stem = path.with_extension("");
        let stem = if stem.extension().is_some_and(|end| end == "*") {
            stem.with_extension("")
        } else {
            stem
        };
        let mut name = stem.into_os_string();
        name.push(".json");
        Self::of_report(Path::new(&name))
    }

    /// Finds the recordings with raw samples in a directory, in order of the paths of their
    /// reports; empty if the directory cannot be read.
    pub(super) fn in_directory(directory: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        let paths = entries.flatten().map(|entry| entry.path());
        let samples = paths.filter(|path| path.extension().is_some_and(|e| e == paths::EXTENSION));
        let mut reports: Vec<PathBuf> = samples.map(|path| report_of(&path)).collect();
        reports.sort();
        reports.dedup();
        reports.iter().flat_map(|r| Self::of_report(r)).collect()
    }
}

/// Returns the path of the report that raw samples belong to: `x.json` for `x.arrows` and for
/// `x.000002.arrows`, unless `x.000002.json` exists.
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
