//! `sysmon mark`: adds a named mark to a recording in progress.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bench_cli::{Exit, Remedy as _, UsageError, output};
use bench_report::Mark;
use bench_report::clock::monotonic_ns;
use clap::Args;

use crate::marks::{ActiveRecording, active_recordings};

pub(crate) const EXAMPLES: &str = "\
The mark has the time of this call, not that of the next sample. It appears in the report, in \
`sysmon show` and in the charts of bottleneck-analyzer. Only the user who records, or root, can add \
a mark. Secrets in a name are masked.

Examples:
  sysmon mark 'deploy 1.4'
  sysmon mark failover --recording 4711
  sysmon mark 'cache cleared' --recording reports/nightly/sysmon.record.json";

/// Largest number of recordings that an error message lists.
const LISTED: usize = 32;

/// Flags of `sysmon mark`.
#[derive(Debug, Args)]
pub(crate) struct MarkFlags {
    /// Name of the event to mark: one line of at most 120 characters
    pub(crate) name: String,

    /// Recording to mark, if several are in progress: its process id, its report, or the report's
    /// directory
    #[arg(long, value_name = "PID|PATH")]
    pub(crate) recording: Option<String>,
}

/// Adds a mark, with the present time, to the recording that the flags name, or to the only one
/// that is running, and prints a line about it.
///
/// # Errors
/// Fails if the name is not valid, if there is no such recording, or if several are running and the
/// flags name none.
pub(crate) fn mark(flags: &MarkFlags) -> anyhow::Result<Exit> {
    let mark = Mark::new(monotonic_ns(), &flags.name)
        .map_err(|error| UsageError(error.to_string()))
        .remedy("a short name, as in sysmon mark 'deploy 1.4'")?;
    let mut recorder = chosen(flags.recording.as_deref())?;
    recorder
        .add(&mark)
        .remedy("start another recording with sysmon record, then mark again")?;
    output::print(&format!(
        "Marked {:?} in {} (process {})\n",
        mark.name,
        recorder.report.display(),
        recorder.pid
    ))?;
    Ok(Exit::Done)
}

fn chosen(named: Option<&str>) -> anyhow::Result<ActiveRecording> {
    match named {
        None => only(of_proc()?),
        Some(name) => match name.parse::<u32>() {
            Ok(pid) => of_process(pid),
            Err(_) => of_path(Path::new(name)),
        },
    }
}

fn of_proc() -> anyhow::Result<Vec<ActiveRecording>> {
    active_recordings()
        .context("cannot find out which recordings are under way")
        .remedy("name the report, as in --recording reports/nightly/sysmon.record.json")
}

fn only(mut recordings: Vec<ActiveRecording>) -> anyhow::Result<ActiveRecording> {
    match (recordings.pop(), recordings.first()) {
        (Some(recorder), None) => Ok(recorder),
        (None, _) => Err(anyhow::anyhow!(
            "no recording is under way that you may mark"
        ))
        .remedy("sysmon record, in another terminal or around a command; then mark again"),
        (Some(last), Some(_)) => {
            recordings.push(last);
            refuse(&recordings)
        }
    }
}

fn refuse(recordings: &[ActiveRecording]) -> anyhow::Result<ActiveRecording> {
    let listed = recordings.iter().take(LISTED);
    let listed: Vec<String> = listed
        .map(|r| format!("process {} into {}", r.pid, r.report.display()))
        .collect();
    let example = recordings.first().map_or(0, |r| r.pid);
    let sentence = format!(
        "{} recordings are under way, and none is named: {}",
        recordings.len(),
        listed.join("; ")
    );
    Err(UsageError(sentence)).remedy(format!("--recording {example}"))
}

fn of_process(pid: u32) -> anyhow::Result<ActiveRecording> {
    let mut all = of_proc()?.into_iter();
    all.find(|recorder| recorder.pid == pid)
        .with_context(|| format!("process {pid} records nothing that you may mark"))
        .remedy("sysmon mark without --recording, which finds the recordings under way")
}

fn of_path(path: &Path) -> anyhow::Result<ActiveRecording> {
    let reports = if path.is_dir() {
        reports_in(path)?
    } else {
        vec![path.to_owned()]
    };
    let mut found = Vec::new();
    for report in reports {
        let recorder = ActiveRecording::find(&report)
            .with_context(|| format!("cannot mark the recording into {}", report.display()))
            .remedy("mark as the user who records, or as root")?;
        found.extend(recorder);
    }
    if found.is_empty() {
        return Err(anyhow::anyhow!(
            "no recording into {} is under way",
            path.display()
        ))
        .remedy("sysmon mark without --recording, which finds the recordings under way");
    }
    only(found)
}

/// Returns the paths of those reports in a directory that have a file of marks beside them, in
/// alphabetical order.
///
/// # Errors
/// Fails with a remedy if the directory cannot be listed.
fn reports_in(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot list {}", directory.display()))
        .remedy("name the report itself, or the process")?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut reports: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "marks"))
        .map(|path| path.with_extension(""))
        .collect();
    reports.sort();
    Ok(reports)
}
