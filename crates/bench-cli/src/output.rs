//! The result: claimed before the load, saved after every step, shown at the end.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bench_report::{Report, ReportFile, Tool};

use crate::flags::{Format, OutputFlags};
use crate::{Remedy as _, screen};

/// A report's place, and how it is shown.
#[derive(Debug)]
pub struct Output {
    file: ReportFile,
    format: Format,
    quiet: bool,
}

impl Output {
    /// Claims the report's file: `--output`, or its name in `--run-dir`, or in `reports/<run>`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(flags: &OutputFlags, report: &Report) -> anyhow::Result<Self> {
        let path = path(flags, report);
        let file = ReportFile::create(&path, report)
            .context("cannot claim the report's file before the load starts")
            .remedy("name a place that can be written with --output FILE or --run-dir DIR")?;
        Ok(Self {
            file,
            format: flags.format,
            quiet: flags.quiet,
        })
    }

    /// Saves the report as it stands.
    ///
    /// # Errors
    /// When it cannot be written; what was saved before stays.
    pub fn save(&self, report: &Report) -> anyhow::Result<()> {
        self.file
            .save(report)
            .context("cannot save the report")
            .remedy(
                "make room, or name another place with --output FILE; what was saved before stays",
            )
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Prints the result on stdout, `text` or the report itself, and the report's place on
    /// stderr.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn finish(&self, report: &Report, text: &str) -> anyhow::Result<()> {
        match self.format {
            Format::Text => show(text)?,
            Format::Json => {
                print(&(bench_report::json::text(report)? + "\n"))?;
            }
        }
        if !self.quiet {
            screen::show(&format!("Report: {}", self.path().display()));
        }
        Ok(())
    }
}

fn path(flags: &OutputFlags, report: &Report) -> PathBuf {
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
            assert_eq!(path(&flags, &report), Path::new(expected));
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
}
