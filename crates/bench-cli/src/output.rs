//! Report file and text output of a run. The report's file is claimed before the load starts,
//! saved after every step, and the result is shown on stdout at the end.

use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use bench_report::manifest::{self, Part, PartFile, PartStatus};
use bench_report::store::{ReportPlace, StoreError};
use bench_report::{Report, Tool};

use crate::flags::{Format, OutputFlags};
use crate::{Remedy as _, screen};

/// Place of the report's file, this program's entry in the run's manifest, and the form of the
/// result. If it is dropped before [`Output::ended`], because of an error, the manifest shows the
/// program as failed.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    saving: Mutex<SaveState>,
    part: Mutex<Option<PartFile>>,
    format: Format,
    quiet: bool,
}

/// State of the saves of the report so far.
#[derive(Debug)]
struct SaveState {
    place: ReportPlace,
    /// Reason for which the last save did not write the report's file, with the path to which it
    /// was saved instead; `None` if the file is up to date.
    trouble: Option<String>,
    notice: Option<String>,
}

impl Output {
    /// Claims the report's file: the path `--output`, or a file named after program and scenario
    /// in the directory `--run-dir`, in the directory that the calling program passed by
    /// environment variable, or in a new one under `reports/`. Adds to the run's manifest that
    /// this program is running.
    ///
    /// # Errors
    ///
    /// Fails if the report's file or the manifest cannot be written.
    pub fn open(flags: &OutputFlags, report: &Report) -> anyhow::Result<Self> {
        let handed = std::env::var_os(manifest::RUN_DIR_ENV).filter(|name| !name.is_empty());
        let claimed = claim(flags, handed.as_ref(), report);
        let place = claimed
            .context("cannot claim the report's file before the load starts")
            .remedy("name a place that can be written with --output FILE or --run-dir DIR")?;
        let part = enter(flags, handed.as_ref(), report, place.path())
            .context("cannot write the run's manifest before the load starts")
            .remedy("name a place that can be written with --output FILE or --run-dir DIR")?;
        Ok(Self {
            path: place.path().to_owned(),
            saving: Mutex::new(SaveState {
                place,
                trouble: None,
                notice: None,
            }),
            part: Mutex::new(part),
            format: flags.format,
            quiet: flags.quiet,
        })
    }

    /// Writes into the run's manifest that this program has ended with `exit_code`. To be called
    /// once the result is complete.
    pub fn ended(&self, exit_code: u8) {
        self.set_status(PartStatus::Done {
            exit_code: exit_code.into(),
        });
    }

    /// Writes into the run's manifest how this program ended. Only the first call has an effect. A
    /// failure is shown as a warning.
    fn set_status(&self, status: PartStatus) {
        let mut part = self.part.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = part.take().map(|mut part| part.set_status(status)) {
            screen::show(&format!(
                "warning: the run's manifest does not say that this ended: {error}"
            ));
        }
    }

    /// Saves the report in its present state, or to another place if its file cannot be written. A
    /// failure does not end the run: [`take_notice`](Self::take_notice) returns it right
    /// afterwards, [`finish`](Self::finish) at the end of the run.
    pub fn save(&self, report: &Report) {
        self.saving().save(report);
    }

    /// Returns, and forgets, the notice about a change in saving since the last call: the report
    /// had to be saved elsewhere, its file can be written again, or its directory was removed and
    /// created anew. `None` if nothing changed.
    pub fn take_notice(&self) -> Option<String> {
        self.saving().notice.take()
    }

    /// Returns the path of the report's file, whether or not it could be written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Prints the result on stdout, either `text` or the report as JSON, and the path of the
    /// report on stderr.
    ///
    /// # Errors
    ///
    /// Fails if stdout cannot be written, or if the last save could not write the report's file.
    pub fn finish(&self, report: &Report, text: &str) -> anyhow::Result<()> {
        match self.format {
            Format::Text => show(text)?,
            Format::Json => {
                print(&(report.to_json()? + "\n"))?;
            }
        }
        self.tell_place()
    }

    /// Shows the path of the report's file on stderr, unless `--quiet` was given.
    ///
    /// # Errors
    /// Fails if the last save could not write the report's file. The error has the reason, and the
    /// path to which the report was saved instead.
    pub fn tell_place(&self) -> anyhow::Result<()> {
        let mut saving = self.saving();
        if let Some(trouble) = saving.trouble.clone() {
            return Err(anyhow::anyhow!(trouble))
                .remedy("make room there, or name another place with --output FILE");
        }
        if let Some(notice) = saving.notice.take() {
            screen::show(&format!("warning: {notice}"));
        }
        if !self.quiet {
            screen::show(&format!("Report: {}", self.path().display()));
        }
        Ok(())
    }

    fn saving(&self) -> MutexGuard<'_, SaveState> {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.set_status(PartStatus::Failed);
    }
}

impl SaveState {
    fn save(&mut self, report: &Report) {
        let path = self.place.path().to_owned();
        let directory = path.parent().filter(|d| !d.as_os_str().is_empty());
        let removed = directory.filter(|directory| !directory.exists());
        let trouble = self.place.save(report).err().map(|why| why.to_string());
        let notice = match (&trouble, removed) {
            (None, Some(directory)) => Some(format!(
                "{} was removed; it is made again, with all that the report has so far",
                directory.display()
            )),
            (None, None) if self.trouble.is_some() => Some(format!(
                "the report is in its place again: {}",
                path.display()
            )),
            (Some(trouble), _) if self.trouble.as_ref() != Some(trouble) => Some(trouble.clone()),
            _ => None,
        };
        self.notice = notice.or(self.notice.take());
        self.trouble = trouble;
    }
}

/// Returns the path of the report if `--output` or `--run-dir` is given; `None` otherwise, where a
/// free name is chosen.
pub fn place(flags: &OutputFlags, report: &Report) -> Option<PathBuf> {
    let name = format!("{}.json", report.file_stem());
    let in_directory = flags.run_dir.as_ref().map(|directory| directory.join(name));
    flags.output.clone().or(in_directory)
}

/// Claims the report's file at the path of `--output`, else in `--run-dir`, else in the directory
/// `handed` by the calling program, else in `reports/RUN_ID`. In the last two cases a file that
/// exists is not replaced; a number is added to the name.
fn claim(
    flags: &OutputFlags,
    handed: Option<&OsString>,
    report: &Report,
) -> Result<ReportPlace, StoreError> {
    let own = || Path::new("reports").join(&report.run_id);
    match place(flags, report) {
        Some(path) => ReportPlace::claim(&path, report),
        None => ReportPlace::claim_beside(&handed.map_or_else(own, PathBuf::from), report),
    }
}

/// Creates this program's entry, with the state running, in the manifest of its run. `handed` is
/// the run's directory from the calling program, `path` the report's file. `None` if `--output` is
/// given without a run's directory.
fn enter(
    flags: &OutputFlags,
    handed: Option<&OsString>,
    report: &Report,
    path: &Path,
) -> Result<Option<PartFile>, StoreError> {
    let named = flags.run_dir.clone().or(handed.map(PathBuf::from));
    let beside = || path.parent().map(Path::to_owned);
    let directory = match (&flags.output, named) {
        (_, Some(directory)) => Some(directory),
        (Some(_), None) => None,
        (None, None) => beside(),
    };
    let Some(directory) = directory else {
        return Ok(None);
    };
    let is_inside = path.parent() == Some(&directory);
    let name = path.file_name().filter(|_| is_inside).map(PathBuf::from);
    let expected = name.map_or_else(|| std::path::absolute(path), Ok);
    let expected = expected.unwrap_or_else(|_| path.to_owned());
    let tool = (report.tool.name.as_str(), report.scenario.as_str());
    let part = Part::for_this_process(tool, &report.run_id, &expected.to_string_lossy());
    PartFile::create(&directory, part).map(Some)
}

/// Prints text on stdout, with secrets masked and control characters other than line breaks
/// replaced by spaces. Adds no line break.
///
/// # Errors
///
/// Fails as [`print()`] does.
pub fn show(text: &str) -> anyhow::Result<()> {
    print(&screen::shown(text))
}

/// Prints text on stdout unchanged, without an added line break. A reader that has closed the pipe
/// (`head`, `less`) is no error, and does not change the exit code.
///
/// # Errors
/// Fails if stdout cannot be written for another reason.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the result to stdout"),
    }
}

/// Returns the description of the program for a report. Its commit is the value of
/// `PLIMSOLL_COMMIT` when it was compiled; `None` if that was not set.
pub fn tool(name: &str, version: &str) -> Tool {
    let commit = option_env!("PLIMSOLL_COMMIT").filter(|commit| !commit.is_empty());
    Tool {
        name: name.to_owned(),
        version: version.to_owned(),
        commit: commit.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Report {
        Report::begin(tool("a-bench", "1"), "run-7".to_owned(), "sweep")
    }

    fn parts(directory: &Path) -> Vec<(String, PartStatus)> {
        let parts = manifest::read(directory).unwrap().into_iter();
        parts.map(|part| (part.report, part.status)).collect()
    }

    #[test]
    fn the_reports_place_is_the_most_exact_one_given_and_only_a_runs_directory_has_a_manifest() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let handed = at("handed").into_os_string();
        let own = "a-bench.sweep.json";
        for (output, run_dir, handed, expected_place, in_manifest) in [
            (
                None,
                Some("d"),
                None,
                "d/a-bench.sweep.json",
                Some(("d", own)),
            ),
            (
                None,
                Some("e"),
                Some(&handed),
                "e/a-bench.sweep.json",
                Some(("e", own)),
            ),
            (
                None,
                None,
                Some(&handed),
                "handed/a-bench.sweep.json",
                Some(("handed", own)),
            ),
            (
                None,
                None,
                Some(&handed),
                "handed/a-bench.sweep.2.json",
                Some(("handed", "a-bench.sweep.2.json")),
            ),
            (Some("f/x.json"), None, None, "f/x.json", None),
            (
                Some("x.json"),
                Some("g"),
                None,
                "x.json",
                Some(("g", "x.json")),
            ),
        ] {
            let flags = OutputFlags {
                output: output.map(at),
                run_dir: run_dir.map(at),
                ..OutputFlags::default()
            };
            let report = begun();
            let claimed = claim(&flags, handed, &report).unwrap();
            assert_eq!(claimed.path(), at(expected_place));
            let part = enter(&flags, handed, &report, claimed.path()).unwrap();
            assert_eq!(part.is_some(), in_manifest.is_some(), "{expected_place}");
            let Some((directory, expected)) = in_manifest else {
                continue;
            };
            let entries = parts(&at(directory));
            let found = entries.iter().any(|(report, status)| {
                at(directory).join(report) == at(expected_place)
                    && report.ends_with(expected)
                    && *status == PartStatus::Running
            });
            assert!(found, "{expected_place}: {entries:?}");
        }
        assert!(!at("f/manifest").exists());
    }

    #[test]
    fn the_manifest_tells_an_end_from_an_error() {
        let home = tempfile::tempdir().unwrap();
        let flags = OutputFlags {
            run_dir: Some(home.path().to_owned()),
            ..OutputFlags::default()
        };
        let output = Output::open(&flags, &begun()).unwrap();
        assert_eq!(parts(home.path())[0].1, PartStatus::Running);
        output.ended(3);
        drop(output);
        assert_eq!(parts(home.path())[0].1, PartStatus::Done { exit_code: 3 });
        drop(Output::open(&flags, &begun()).unwrap());
        assert_eq!(parts(home.path())[0].1, PartStatus::Failed);
    }

    #[test]
    fn the_place_is_claimed_at_once_and_a_report_nobody_finished_reads_as_interrupted() {
        let home = tempfile::tempdir().unwrap();
        let flags = OutputFlags {
            run_dir: Some(home.path().join("deep/er")),
            ..OutputFlags::default()
        };
        let output = Output::open(&flags, &begun()).unwrap();
        let read = bench_report::store::load(output.path()).unwrap();
        assert_eq!(read.status, bench_report::Status::Interrupted);
    }

    #[test]
    fn a_save_that_fails_is_told_once_and_so_is_one_that_works_again() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        let flags = OutputFlags {
            run_dir: Some(run.clone()),
            quiet: true,
            ..OutputFlags::default()
        };
        let report = Report::begin(tool("a-bench", "1"), "run-7".to_owned(), "sweep");
        let output = Output::open(&flags, &report).unwrap();
        let save = || {
            output.save(&report);
            output.take_notice()
        };
        assert_eq!(save(), None);
        std::fs::remove_dir_all(&run).unwrap();
        let told = save().unwrap();
        assert!(told.contains("run was removed; it is made again"), "{told}");
        assert_eq!(save(), None);

        std::fs::remove_dir_all(&run).unwrap();
        std::fs::write(&run, "").unwrap();
        let told = save().unwrap();
        assert!(told.starts_with("cannot save the report"), "{told}");
        assert_eq!((save(), save()), (None, None));
        let error = format!("{:#}", output.finish(&report, "").unwrap_err());
        assert!(error.contains(&told), "{error}");

        std::fs::remove_file(&run).unwrap();
        let told = save().unwrap();
        assert!(told.contains("made again"), "{told}");
        output.finish(&report, "").unwrap();
    }
}
