//! The files of one raw recording: a single one, or the parts of one that is rotated.

use std::path::{Path, PathBuf};

use crate::stream::{RawReader, StreamError, place};

/// Files of one recording, in order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    /// What names them all.
    pub(super) path: PathBuf,
    /// Names the run that they are of.
    pub(super) run_id: String,
    /// The report that they belong to.
    pub(super) report: PathBuf,
    /// The number that each has in its recording, and where it is; at least one.
    pub(super) files: Vec<(u64, PathBuf)>,
}

impl Parts {
    /// The file at `path` by itself.
    ///
    /// # Errors
    /// When it cannot be read or holds no raw samples.
    pub(super) fn alone(path: &Path) -> Result<Self, StreamError> {
        let reader = RawReader::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            run_id: reader.header().run_id.clone(),
            report: report_of(path),
            files: vec![(reader.header().part, path.to_owned())],
        })
    }

    /// The recording that the file at `path` is of: it, and what stands beside it under the same
    /// name and is of the same run.
    ///
    /// # Errors
    /// As [`Parts::alone`].
    pub(super) fn around(path: &Path) -> Result<Self, StreamError> {
        let named = Self::alone(path)?;
        let of_name = Self::of_report(&named.report).into_iter();
        let mut same_run = of_name.filter(|parts| parts.run_id == named.run_id);
        // Under another name it may be one that is not among them.
        let number = named.files.first().map(|(number, _)| *number);
        let whole = same_run.find(|parts| {
            let mut numbers = parts.files.iter().map(|(number, _)| Some(*number));
            parts.files.len() > 1 && numbers.any(|own| own == number)
        });
        Ok(whole.unwrap_or(named))
    }

    /// The recordings whose raw samples stand under the name of `report`. What cannot be read is
    /// none.
    pub(super) fn of_report(report: &Path) -> Vec<Self> {
        let files = place::files(report).unwrap_or_default();
        let found = files.iter().filter_map(|file| Self::alone(file).ok());
        let mut all: Vec<Self> = Vec::new();
        for part in found {
            match all.iter_mut().find(|parts| parts.run_id == part.run_id) {
                Some(parts) => {
                    parts.path = place::pattern(report);
                    parts.files.extend(part.files);
                }
                None => all.push(part),
            }
        }
        for parts in &mut all {
            // Names may have been changed, or be longer by a digit; a copy is the same part.
            parts.files.sort();
            parts.files.dedup_by_key(|(number, _)| *number);
        }
        all
    }

    /// The recordings that `path` names, as it would be called without parts (`x.arrows`) or as a
    /// pattern (`x.*.arrows`).
    pub(super) fn named_like(path: &Path) -> Vec<Self> {
        if path.extension().is_none_or(|end| end != place::EXTENSION) {
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

    /// The recordings in a directory that have raw samples there.
    pub(super) fn in_directory(directory: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        let paths = entries.flatten().map(|entry| entry.path());
        let samples = paths.filter(|path| path.extension().is_some_and(|e| e == place::EXTENSION));
        let mut reports: Vec<PathBuf> = samples.map(|path| report_of(&path)).collect();
        reports.sort();
        reports.dedup();
        reports.iter().flat_map(|r| Self::of_report(r)).collect()
    }
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
