//! The result: claimed before the load, saved after every step, shown at the end.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use bench_report::{Report, ReportPlace, Tool};

use crate::flags::{Format, OutputFlags};
use crate::{Remedy as _, screen};

/// A report's place, and how it is shown.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    saving: Mutex<Saving>,
    format: Format,
    quiet: bool,
}

/// What became of the saves so far.
#[derive(Debug)]
struct Saving {
    place: ReportPlace,
    /// Why the report is not in its place, and where it is; absent where it is there.
    trouble: Option<String>,
    news: Option<String>,
}

impl Output {
    /// Claims the report's file: `--output`, or its name in `--run-dir`, or in `reports/<run>`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(flags: &OutputFlags, report: &Report) -> anyhow::Result<Self> {
        let path = place(flags, report);
        let place = ReportPlace::claim(&path, report)
            .context("cannot claim the report's file before the load starts")
            .remedy("name a place that can be written with --output FILE or --run-dir DIR")?;
        Ok(Self {
            path,
            saving: Mutex::new(Saving {
                place,
                trouble: None,
                news: None,
            }),
            format: flags.format,
            quiet: flags.quiet,
        })
    }

    /// Saves the report as it stands, elsewhere where its place cannot be written. A failure ends
    /// nothing: [`news`](Self::news) tells it at once, [`finish`](Self::finish) in the end.
    pub fn save(&self, report: &Report) {
        self.saving().save(report);
    }

    /// What there is to say about saving, once for each change: that the report is not in its place
    /// and where it is, or that it is there again.
    pub fn news(&self) -> Option<String> {
        self.saving().news.take()
    }

    /// Its place.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Prints the result on stdout, `text` or the report itself, and the report's place on
    /// stderr.
    ///
    /// # Errors
    /// When stdout cannot be written, or the report is not in its place.
    pub fn finish(&self, report: &Report, text: &str) -> anyhow::Result<()> {
        match self.format {
            Format::Text => show(text)?,
            Format::Json => {
                print(&(bench_report::json::text(report)? + "\n"))?;
            }
        }
        self.tell_place()
    }

    /// Tells on stderr where the report is.
    ///
    /// # Errors
    /// When the last save did not put it into its place: why, and where it is.
    pub fn tell_place(&self) -> anyhow::Result<()> {
        let mut saving = self.saving();
        if let Some(trouble) = saving.trouble.clone() {
            return Err(anyhow::anyhow!(trouble))
                .remedy("make room there, or name another place with --output FILE");
        }
        if let Some(news) = saving.news.take() {
            screen::show(&format!("warning: {news}"));
        }
        if !self.quiet {
            screen::show(&format!("Report: {}", self.path().display()));
        }
        Ok(())
    }

    fn saving(&self) -> MutexGuard<'_, Saving> {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Saving {
    fn save(&mut self, report: &Report) {
        let path = self.place.path().to_owned();
        let directory = path.parent().filter(|d| !d.as_os_str().is_empty());
        let removed = directory.filter(|directory| !directory.exists());
        let trouble = self.place.save(report).err().map(|why| why.to_string());
        let news = match (&trouble, removed) {
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
        self.news = news.or(self.news.take());
        self.trouble = trouble;
    }
}

/// The report's place, as the flags have it.
pub fn place(flags: &OutputFlags, report: &Report) -> PathBuf {
    let name = format!("{}.json", report.file_stem());
    match (&flags.output, &flags.run_dir) {
        (Some(file), _) => file.clone(),
        (None, Some(directory)) => directory.join(name),
        (None, None) => Path::new("reports").join(&report.run_id).join(name),
    }
}

/// Prints a text for people on stdout: secrets masked, and nothing in it that a terminal would obey.
///
/// # Errors
/// As [`print()`].
pub fn show(text: &str) -> anyhow::Result<()> {
    print(&screen::shown(text))
}

/// Prints on stdout as it is. A reader that left (`head`, `less`) has seen enough, which is no
/// failure and changes no exit code.
///
/// # Errors
/// When stdout cannot be written for another reason.
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

/// Who writes the report; the commit is the one that the build was told of.
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

    #[test]
    fn the_reports_place_is_the_most_exact_one_given() {
        let report = Report::begin(tool("a-bench", "1"), "run-7".to_owned(), "sweep");
        for (output, run_dir, expected) in [
            (None, None, "reports/run-7/a-bench.sweep.json"),
            (None, Some("d"), "d/a-bench.sweep.json"),
            (Some("x.json"), None, "x.json"),
            (Some("x.json"), Some("d"), "x.json"),
        ] {
            let flags = OutputFlags {
                output: output.map(PathBuf::from),
                run_dir: run_dir.map(PathBuf::from),
                ..OutputFlags::default()
            };
            assert_eq!(place(&flags, &report), Path::new(expected));
        }
    }

    #[test]
    fn the_place_is_claimed_at_once_and_a_report_nobody_finished_reads_as_interrupted() {
        let home = tempfile::tempdir().unwrap();
        let flags = OutputFlags {
            run_dir: Some(home.path().join("deep/er")),
            ..OutputFlags::default()
        };
        let report = Report::begin(tool("a-bench", "1"), "run-7".to_owned(), "sweep");
        let output = Output::open(&flags, &report).unwrap();
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
            output.news()
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
