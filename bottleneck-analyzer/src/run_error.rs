//! Reasons why the reports of a run cannot be read.

use std::path::PathBuf;

use bench_report::store::StoreError;

/// Reason why the reports of a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The given path does not exist.
    #[error("{path} does not exist", path = .0.display())]
    Missing(PathBuf),
    /// The directory cannot be listed.
    #[error("cannot list {path}: {source}", path = path.display())]
    List {
        /// Directory that cannot be listed.
        path: PathBuf,
        /// Error of the operating system on listing the directory.
        source: std::io::Error,
    },
    /// The directory contains neither a report nor a manifest.
    #[error("{path} holds no report (no *.json of schema plimsoll.report)", path = .0.display())]
    Empty(PathBuf),
    /// The directory contains files, but none of them is a report that can be read.
    #[error(
        "{path} holds no report that can be read: {first}{}",
        if *others > 0 { format!(", and {others} more") } else { String::new() },
        path = path.display()
    )]
    NothingUsable {
        /// Path of the directory.
        path: PathBuf,
        /// Reason for which the first file was skipped, with its name.
        first: String,
        /// Number of other files that were skipped.
        others: usize,
    },
    /// A file cannot be read, or is no report of a known schema.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A report was written by a program that this version does not know.
    #[error("{path} was written by {tool:?}, which this version cannot judge", path = path.display())]
    UnknownTool {
        /// Path of the report.
        path: PathBuf,
        /// Name of the program that the report gives.
        tool: String,
    },
    /// A report has a figure that cannot be.
    #[error(
        "{path}: {pointer} {reason}{}",
        if *others > 0 { format!(", and {others} more faults") } else { String::new() },
        path = path.display()
    )]
    Impossible {
        /// Path of the report.
        path: PathBuf,
        /// JSON pointer to the figure.
        pointer: String,
        /// Reason for which the figure cannot be.
        reason: String,
        /// Number of other figures of the report that cannot be.
        others: usize,
    },
    /// Two reports come from different hosts, or from before and after a reboot.
    #[error(
        "{first} and {second} were made on different boots of a machine, so their clocks cannot \
         be aligned", first = first.display(), second = second.display()
    )]
    DifferentBoots {
        /// Path of the first report.
        first: PathBuf,
        /// Path of a report from another host or boot.
        second: PathBuf,
    },
    /// Two reports in different directories name different runs.
    #[error(
        "{first} is of run {first_run} and {second} of run {second_run}: findings across runs \
         would compare what never happened together",
        first = first.display(), second = second.display()
    )]
    DifferentRuns {
        /// Path of the first report.
        first: PathBuf,
        /// Id of the run that `first` belongs to.
        first_run: String,
        /// Path of a report of another run.
        second: PathBuf,
        /// Id of the run that `second` belongs to.
        second_run: String,
    },
}

impl RunError {
    /// Returns advice for the user on how to avoid the error.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::List { .. } => "check the path; runs are kept under reports/",
            Self::Empty(_) | Self::NothingUsable { .. } => {
                "give a run's directory, as in reports/20260314-091500-7f3a"
            }
            Self::Store(StoreError::Truncated { .. }) => {
                "leave the file out, or repeat the run; tools save their reports whole"
            }
            Self::Store(StoreError::UnknownSchema { .. }) => {
                "use the version of bottleneck-analyzer that belongs to the tool that wrote it"
            }
            Self::Store(_) => "give reports that plimsoll's tools wrote, and leave out the rest",
            Self::Impossible { .. } => {
                "repeat the run, or leave the file out; nothing can be concluded from it"
            }
            Self::UnknownTool { .. } => "update bottleneck-analyzer, or leave the file out",
            Self::DifferentBoots { .. } | Self::DifferentRuns { .. } => "analyze one run at a time",
        }
    }
}
