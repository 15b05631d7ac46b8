//! Files of a run: the reports that can be read, and what was skipped with the reason.
//!
//! Anything may lie in a run's directory: results of other programs, pipes, links that lead
//! nowhere, reports that were cut off. A file in a directory that cannot be used is skipped and
//! named; one that the user named is an error. A skipped file that may be a report of the run makes
//! the run incomplete, because what it holds might have changed the verdict.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bench_report::manifest::{self, Part};
use bench_report::plausibility::{Fault, FaultExtent};
use bench_report::store::{self, StoreError};
use rayon::prelude::*;

use crate::assessment::{ComponentKind, SkippedInput};
use crate::run_error::RunError;
use crate::source_report::SourceReport;

/// Largest number of files that are read of one run.
const MOST_FILES: usize = 10_000;

/// Largest number of bytes that are read of one run, over all its files.
const MOST_BYTES: u64 = 1 << 30;

/// Numbers of files and bytes that may still be read of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadBudget {
    files: usize,
    bytes: u64,
}

impl Default for ReadBudget {
    fn default() -> Self {
        Self {
            files: MOST_FILES,
            bytes: MOST_BYTES,
        }
    }
}

/// Reports at one path, the parts that a manifest planned there, and what was skipped.
#[derive(Debug, Default)]
pub(crate) struct ReportFiles {
    /// Reports that could be read.
    pub(crate) sources: Vec<SourceReport>,
    /// Parts that the manifest of the directory planned.
    pub(crate) parts: Vec<Part>,
    /// Files that were skipped, with the reason.
    pub(crate) skipped: Vec<SkippedInput>,
}

impl ReportFiles {
    /// Reads the reports of the directory `path` with its manifest, and those outside of it that
    /// the manifest names by absolute paths; or the single report `path`. Reduces `budget` by what
    /// was read.
    ///
    /// # Errors
    /// Fails if `path` does not exist, is a directory that cannot be listed or that has nothing to
    /// read, or is a file that is not a report of a known program.
    pub(crate) fn read(path: &Path, budget: &mut ReadBudget) -> Result<Self, RunError> {
        if !path.exists() {
            return Err(RunError::Missing(path.to_owned()));
        }
        let mut files = Self::default();
        files.read_manifest(path)?;
        if !path.is_dir() {
            let loaded = load(path)?;
            files.take(loaded);
            return Ok(files);
        }
        let elsewhere = files.parts.iter().map(|part| PathBuf::from(&part.report));
        let elsewhere = elsewhere.filter(|report| report.is_absolute() && report.exists());
        let elsewhere: Vec<PathBuf> = elsewhere.collect();
        files.read_all(path, elsewhere, budget)?;
        if files.sources.is_empty() && files.parts.is_empty() {
            return Err(files.nothing(path));
        }
        Ok(files)
    }

    /// Reads the planned parts from the manifest of a directory. For a single file: the parts that
    /// name this file.
    ///
    /// # Errors
    /// Fails if the manifest cannot be listed.
    fn read_manifest(&mut self, path: &Path) -> Result<(), RunError> {
        if !path.is_dir() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let beside = manifest::read_each(&directory_of(path))?;
            let beside = beside.into_iter().flatten();
            self.parts = beside.filter(|part| part.report == name).collect();
            return Ok(());
        }
        for part in manifest::read_each(path)? {
            match part {
                Ok(part) => self.parts.push(part),
                Err(error) => {
                    let file = error.path().to_owned();
                    self.skip(&file, &error.into(), true);
                }
            }
        }
        Ok(())
    }

    /// Reads the JSON files of `directory` and the files `elsewhere`, as far as `budget` allows.
    ///
    /// # Errors
    /// Fails if the directory cannot be listed.
    fn read_all(
        &mut self,
        directory: &Path,
        elsewhere: Vec<PathBuf>,
        budget: &mut ReadBudget,
    ) -> Result<(), RunError> {
        let (candidates, beyond) = candidates(directory, budget.files)?;
        if beyond > 0 {
            self.lose(directory, format!(
                "{beyond} more files were not read: {MOST_FILES} is the most that is read of one run"
            ));
        }
        let mut waiting: VecDeque<PathBuf> = candidates.into_iter().chain(elsewhere).collect();
        let mut left_out = 0_usize;
        while !waiting.is_empty() {
            let batch = next_batch(&mut waiting, *budget, &mut left_out);
            let loaded: Vec<_> = batch.par_iter().map(|(file, _)| load(file)).collect();
            budget.files -= batch.len();
            for ((file, length), loaded) in batch.iter().zip(loaded) {
                if self.take_or_skip(file, loaded) {
                    budget.bytes -= length;
                }
            }
        }
        if left_out > 0 {
            self.lose(directory, format!(
                "{left_out} files were not read: the others have {} MiB together, the most that is \
                 read of one run",
                MOST_BYTES >> 20
            ));
        }
        Ok(())
    }

    /// Takes what was read from a file, or notes why it was skipped. Returns true if it is a report.
    fn take_or_skip(&mut self, file: &Path, loaded: Result<Loaded, RunError>) -> bool {
        match loaded {
            Ok(loaded) => self.take(loaded),
            Err(error) => {
                let is_report = self.may_be_report(file, &error);
                self.skip(file, &error, is_report);
                return false;
            }
        }
        true
    }

    /// Returns true if `file`, which cannot be read because of `error`, may be a report of this
    /// run: by its name, by its beginning, or because nobody can look into it.
    fn may_be_report(&self, file: &Path, error: &RunError) -> bool {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_planned = self.parts.iter().any(|part| part.report == name);
        // The name of a report begins with the program that wrote it.
        let mut kinds = ComponentKind::ALL.into_iter();
        let is_ours = kinds.any(|kind| name.starts_with(&format!("{}.", kind.definition().tool)));
        if is_planned || is_ours {
            return true;
        }
        match error {
            // A link that leads nowhere has no content that could be judged.
            RunError::Store(StoreError::Read { .. }) => file.exists(),
            RunError::Store(StoreError::NotAFile { .. }) => false,
            RunError::Store(StoreError::UnknownSchema { found, .. }) => {
                found.starts_with("plimsoll.report/")
            }
            RunError::Store(StoreError::TooLarge { .. })
            | RunError::UnknownTool { .. }
            | RunError::Impossible { .. } => true,
            _ => store::begins_as_report(file),
        }
    }

    /// Adds a report, and notes its figures that were left out.
    fn take(&mut self, (source, faults): Loaded) {
        for fault in faults {
            self.skipped.push(SkippedInput {
                file: source.file.clone(),
                reason: format!("{}: {} {}", source.file, fault.pointer, fault.reason),
                pointer: Some(fault.pointer),
                makes_incomplete: true,
            });
        }
        self.sources.push(source);
    }

    fn skip(&mut self, file: &Path, error: &RunError, makes_incomplete: bool) {
        let name = file.file_name().unwrap_or(file.as_os_str());
        let name = name.to_string_lossy().into_owned();
        let reason = error.to_string();
        self.skipped.push(SkippedInput {
            reason: reason.replacen(&file.display().to_string(), &name, 1),
            file: name,
            pointer: None,
            makes_incomplete,
        });
    }

    fn lose(&mut self, directory: &Path, reason: String) {
        self.skipped.push(SkippedInput {
            file: directory.display().to_string(),
            pointer: None,
            reason,
            makes_incomplete: true,
        });
    }

    fn nothing(&self, path: &Path) -> RunError {
        let Some((first, others)) = self.skipped.split_first() else {
            return RunError::Empty(path.to_owned());
        };
        RunError::NothingUsable {
            path: path.to_owned(),
            first: first.reason.clone(),
            others: others.len(),
        }
    }
}

/// Report that was read, with its figures and series that were left out.
type Loaded = (SourceReport, Vec<Fault>);

/// Takes the next files from `waiting` that fit into `budget`, also if all of them are reports, with
/// their lengths in bytes. Adds those to `left_out` that do not fit even as the first.
fn next_batch(
    waiting: &mut VecDeque<PathBuf>,
    budget: ReadBudget,
    left_out: &mut usize,
) -> Vec<(PathBuf, u64)> {
    let mut batch = Vec::new();
    let mut bytes_left = budget.bytes;
    while let Some(file) = waiting.pop_front() {
        let length = file.metadata().map_or(0, |found| found.len());
        if batch.len() < budget.files && length <= bytes_left {
            bytes_left -= length;
            batch.push((file, length));
        } else if batch.is_empty() {
            *left_out += 1;
        } else {
            // Whether it fits is known once those before it are read.
            waiting.push_front(file);
            break;
        }
    }
    batch
}

/// Reads the report at `path`, of a program that this version knows. Figures and series that cannot
/// be are left out and returned beside it.
///
/// # Errors
/// Fails if the file cannot be read as a report, if another program wrote it, or if figures that
/// others depend on cannot be.
fn load(path: &Path) -> Result<Loaded, RunError> {
    let mut document = store::load_document(path)?;
    let faults = document.faults();
    let unusable = faults
        .iter()
        .find(|fault| fault.extent == FaultExtent::Report);
    if let Some(fault) = unusable {
        return Err(RunError::Impossible {
            path: path.to_owned(),
            pointer: fault.pointer.clone(),
            reason: fault.reason.clone(),
            others: faults.len() - 1,
        });
    }
    if !faults.is_empty() {
        document
            .remove(&faults)
            .map_err(|error| StoreError::NotAReport {
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
    }
    let source = SourceReport::new(path, document);
    if source.component().is_none() {
        return Err(RunError::UnknownTool {
            path: source.path,
            tool: source.report.tool.name,
        });
    }
    Ok((source, faults))
}

/// Lists the JSON files of a directory that may be reports, sorted by name, and counts those beyond
/// the first `most` that were found. Hidden files and `assessment.json` are left out.
///
/// # Errors
/// Fails if the directory cannot be listed.
fn candidates(directory: &Path, most: usize) -> Result<(Vec<PathBuf>, usize), RunError> {
    let list = |source| RunError::List {
        path: directory.to_owned(),
        source,
    };
    let (mut found, mut beyond) = (Vec::new(), 0);
    for entry in std::fs::read_dir(directory).map_err(list)? {
        let file = entry.map_err(list)?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let ours = name.starts_with('.') || name == "assessment.json";
        if !name.ends_with(".json") || ours {
            continue;
        }
        if found.len() < most {
            found.push(file);
        } else {
            beyond += 1;
        }
    }
    found.sort();
    Ok((found, beyond))
}

/// Returns the directory at `path`, or the one that contains the file at `path`.
pub(crate) fn directory_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    let parent = path.parent().filter(|d| !d.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str =
        include_str!("../../crates/bench-report/tests/golden/redis-bench.cache-1.json");

    #[test]
    fn what_is_beyond_the_bounds_is_told_and_leaves_no_verdict() {
        let home = tempfile::tempdir().unwrap();
        for n in 0..5 {
            let path = home.path().join(format!("redis-bench.cache.{n}.json"));
            std::fs::write(path, REPORT).unwrap();
        }
        let length = REPORT.len() as u64;
        for (files, bytes, told) in [
            (5, 5 * length, None),
            (3, 5 * length, Some("2 more files were not read")),
            (9, 4 * length + 1, Some("1 files were not read")),
        ] {
            let read = ReportFiles::read(home.path(), &mut ReadBudget { files, bytes }).unwrap();
            let lost: Vec<&SkippedInput> = read.skipped.iter().collect();
            match (told, lost.as_slice()) {
                (None, []) => assert_eq!(read.sources.len(), 5),
                (Some(told), [lost]) => {
                    assert!(
                        lost.reason.contains(told) && lost.makes_incomplete,
                        "{lost:?}"
                    );
                }
                (told, lost) => panic!("{told:?}: {lost:?}"),
            }
        }
    }
}
