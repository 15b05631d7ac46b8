//! Reports of one run, checked to belong together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bench_report::Status;
use bench_report::manifest::Part;

use crate::assessment::{ComponentKind, SkippedInput};
use crate::figures::counted;
use crate::report_files::{ReadBudget, ReportFiles, directory_of};
use crate::run_error::RunError;
use crate::source_report::SourceReport;

/// All reports of one run, with the parts that its manifest planned.
#[derive(Debug, Clone)]
pub(crate) struct RunReports {
    /// Reports in a fixed order: benches first, then the recording of the machine.
    pub(crate) sources: Vec<SourceReport>,
    /// Parts that the manifests in the directories planned.
    pub(crate) parts: Vec<Part>,
    /// Directory that the assessment is written into by default: that of the first path given.
    pub(crate) directory: PathBuf,
    /// Reservations about the reports, as sentences.
    pub(crate) notes: Vec<String>,
    /// Files in the directories that were not read, with the reason.
    pub(crate) skipped: Vec<SkippedInput>,
}

impl RunReports {
    /// Reads the reports of one run from directories and single files, with the manifests beside
    /// them. Each file is read once.
    ///
    /// # Errors
    /// Fails if a path is missing or has no report that can be read, if a report that is named
    /// cannot be read, or if the reports do not belong together.
    pub(crate) fn load(paths: &[PathBuf]) -> Result<Self, RunError> {
        let (mut sources, mut parts, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
        let mut budget = ReadBudget::default();
        for path in paths {
            let files = ReportFiles::read(path, &mut budget)?;
            sources.extend(files.sources);
            parts.extend(files.parts);
            skipped.extend(files.skipped);
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        sources.dedup_by(|a, b| a.path == b.path);
        let first = paths.first().map_or(Path::new("."), PathBuf::as_path);
        let directory = directory_of(first);
        let notes = belong_together(&sources)?;
        sources.sort_by_key(|s| (s.component(), s.file.clone()));
        parts.dedup();
        let mut run = Self {
            sources,
            parts,
            directory,
            notes,
            skipped,
        };
        run.note_several_runs();
        run.note_what_no_manifest_names();
        run.note_what_is_partial();
        Ok(run)
    }

    /// Returns the id of the run. If the reports have different ids, returns the name of the
    /// directory; empty without a report.
    pub(crate) fn id(&self) -> String {
        let of_reports = self.sources.iter().map(|s| &s.report.run_id);
        let mut names = of_reports.chain(self.parts.iter().map(|part| &part.run_id));
        let first = names.next().cloned().unwrap_or_default();
        if names.all(|name| *name == first) {
            return first;
        }
        let directory = self.directory.canonicalize().ok();
        let name = directory.as_deref().and_then(Path::file_name);
        name.map_or(first, |name| name.to_string_lossy().into_owned())
    }

    /// Returns the report with the recording of the machine; `None` if the run has none.
    pub(crate) fn machine(&self) -> Option<&SourceReport> {
        self.sources
            .iter()
            .find(|s| s.component() == Some(ComponentKind::Machine))
    }

    /// Iterates over the reports of the benches, leaving out the recording of the machine.
    pub(crate) fn benches(&self) -> impl Iterator<Item = &SourceReport> {
        self.sources
            .iter()
            .filter(|s| s.component() != Some(ComponentKind::Machine))
    }

    /// Returns the report whose name the part of the manifest gives; `None` if it was not read.
    /// Another run may have written it.
    pub(crate) fn report_of(&self, part: &Part) -> Option<&SourceReport> {
        self.sources.iter().find(|source| wrote(part, source))
    }

    /// Returns the name of the profile under which a report was measured, from the manifest; `None`
    /// if the manifest names none for it.
    pub(crate) fn profile_of(&self, source: &SourceReport) -> Option<&str> {
        let mut parts = self.parts.iter();
        parts.find(|part| wrote(part, source))?.profile.as_deref()
    }

    /// Adds notes about reports that no manifest names: left by an earlier run, written by an
    /// earlier version, or copied into the directory. Adds none if there is no manifest.
    fn note_what_no_manifest_names(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let named = |source: &&SourceReport| !self.parts.iter().any(|part| wrote(part, source));
        let unnamed = self.sources.iter().filter(named);
        let notes: Vec<String> = unnamed
            .map(|source| {
                format!(
                    "{} is not in the manifest of this run: it is older or was put there, and is \
                     judged by what is in it.",
                    source.file
                )
            })
            .collect();
        self.notes.extend(notes);
    }

    /// Adds a note if the reports belong to several runs: benches were started one by one, or an earlier run
    /// left reports.
    fn note_several_runs(&mut self) {
        let mut runs: BTreeMap<&str, Vec<&SourceReport>> = BTreeMap::new();
        for source in &self.sources {
            let of_run = runs.entry(&source.report.run_id).or_default();
            of_run.push(source);
        }
        if runs.len() < 2 {
            return;
        }
        // Times in RFC 3339 and UTC have the same order as their texts.
        let newest = self.sources.iter().max_by_key(|s| &s.report.started_at);
        let named: Vec<String> = runs
            .iter()
            .map(|(run, of_run)| {
                let files: Vec<&str> = of_run.iter().map(|s| s.file.as_str()).collect();
                format!("{run} ({})", few_of(&files, ", "))
            })
            .collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        self.notes.push(format!(
            "These reports are of {} runs, judged as one: {}. The newest is {}. If the others are \
             not part of it, give the files of one run instead of the directory.",
            runs.len(),
            few_of(&named, "; "),
            newest.map_or("", |s| &s.report.run_id)
        ));
    }

    /// Adds a note about each report whose run was stopped, interrupted or failed.
    fn note_what_is_partial(&mut self) {
        for source in &self.sources {
            let how = match source.report.status {
                Status::Complete => continue,
                Status::Stopped => "was stopped by a rule",
                Status::Interrupted => "was interrupted",
                Status::Failed => "failed on the way",
                Status::Unknown => "ended in a way that this version does not know",
            };
            let measured = match source.component() {
                Some(ComponentKind::Machine) => "what it recorded until then".to_owned(),
                _ => format!(
                    "the {} that it finished",
                    counted(source.report.steps.len() as f64, "step")
                ),
            };
            self.notes
                .push(format!("{} {how}: judged by {measured}.", source.file));
        }
    }
}

/// Joins the first few of `names`, with the number of the others.
fn few_of(names: &[&str], separator: &str) -> String {
    const MOST: usize = 6;
    let mut text = names[..names.len().min(MOST)].join(separator);
    if names.len() > MOST {
        text += &format!("{separator}and {} more", names.len() - MOST);
    }
    text
}

/// Returns true if the part of the manifest names this report, by its absolute path or by its file
/// name.
fn wrote(part: &Part, source: &SourceReport) -> bool {
    if Path::new(&part.report).is_absolute() {
        let real = |path: &Path| path.canonicalize().ok();
        return real(Path::new(&part.report)).is_some_and(|p| Some(p) == real(&source.path));
    }
    part.report == source.file
}

/// Checks that the reports belong together: of one boot of one host, and of one run or one
/// directory. Returns notes about reports whose clocks cannot be compared.
///
/// # Errors
/// Fails at the first report that does not belong to the others.
fn belong_together(sources: &[SourceReport]) -> Result<Vec<String>, RunError> {
    let mut notes = Vec::new();
    let Some((first, rest)) = sources.split_first() else {
        return Ok(notes);
    };
    for other in rest {
        let (a, b) = (&first.report, &other.report);
        let both_known = a.clock.boot_id.is_some() && b.clock.boot_id.is_some();
        if both_known && !a.clock.comparable_with(&b.clock) {
            return Err(RunError::DifferentBoots {
                first: first.path.clone(),
                second: other.path.clone(),
            });
        }
        if !both_known {
            notes.push(format!(
                "{} and {} cannot be aligned: one of them has no boot id.",
                first.file, other.file
            ));
        }
        let one_directory = first.path.parent() == other.path.parent();
        if a.run_id != b.run_id && !one_directory {
            return Err(RunError::DifferentRuns {
                first: first.path.clone(),
                first_run: a.run_id.clone(),
                second: other.path.clone(),
                second_run: b.run_id.clone(),
            });
        }
    }
    Ok(notes)
}
