//! The manifest of a run: what was meant to run in a directory, and what became of it.
//!
//! A report tells what was measured. It cannot tell of a program that died before its first report,
//! nor of one that was never started; the manifest can. Each part of a run has a file of its own
//! under `manifest/`, so that programs which write into one directory at once never wait for each
//! other and never lose an entry: a part has one writer at a time, its starter before and after the
//! program itself. A program that is killed leaves its part `running`.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::redaction;
use crate::store::{self, StoreError};

/// The schema that this version writes.
pub(crate) const SCHEMA: &str = "plimsoll.manifest/1";

/// The directory in a run's directory that holds its parts.
pub const DIRECTORY: &str = "manifest";

/// The environment variable by which a starter names itself to the tools that it starts.
pub const STARTED_BY_ENV: &str = "PLIMSOLL_STARTED_BY";

/// The environment variable by which a starter names the run's directory to them.
pub const RUN_DIR_ENV: &str = "PLIMSOLL_RUN_DIR";

/// One program of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Always `plimsoll.manifest/1` in what this version writes.
    pub schema: String,
    /// The run that it belongs to.
    pub run_id: String,
    /// Name of the binary.
    pub tool: String,
    /// Its scenario.
    pub scenario: String,
    /// The report that it is to write: a file name in the run's directory, or an absolute path.
    pub report: String,
    /// The program that started it; `user` where none of ours did.
    pub started_by: String,
    /// Its command line, secrets masked.
    pub command: Vec<String>,
    /// Wall clock when it was started, or was planned where it was not; RFC 3339 in UTC.
    pub since: String,
    /// Its state.
    pub status: PartStatus,
}

/// State of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PartStatus {
    /// It is to be started.
    Planned,
    /// It was started; one that was killed stays like this.
    Running,
    /// It ended by itself.
    Done {
        /// Its exit code.
        exit_code: i32,
    },
    /// A signal ended it.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// It ended with an error before its result was whole.
    Failed,
    /// It was not started.
    Skipped {
        /// Reason why it did not run.
        reason: String,
    },
}

impl From<ExitStatus> for PartStatus {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match (status.code(), status.signal()) {
            (Some(exit_code), _) => Self::Done { exit_code },
            (None, Some(signal)) => Self::Killed { signal },
            (None, None) => Self::Failed,
        }
    }
}

impl Part {
    /// A part that is to be run. Secrets in `command` are masked.
    pub fn plan<S: AsRef<str>>(
        (tool, scenario): (&str, &str),
        run_id: &str,
        report: &str,
        started_by: &str,
        command: &[S],
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            run_id: run_id.to_owned(),
            tool: tool.to_owned(),
            scenario: scenario.to_owned(),
            report: report.to_owned(),
            started_by: started_by.to_owned(),
            command: redaction::command_line(command),
            since: now(),
            status: PartStatus::Planned,
        }
    }

    /// Creates the part of this process, as running.
    pub fn for_this_process(of: (&str, &str), run_id: &str, report: &str) -> Self {
        let words: Vec<String> = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let starter = std::env::var(STARTED_BY_ENV).ok();
        let starter = starter.filter(|name| !name.is_empty());
        let starter = starter.map_or("user".to_owned(), |name| redaction::text(&name));
        Self {
            status: PartStatus::Running,
            ..Self::plan(of, run_id, report, &starter, &words)
        }
    }

    /// Returns its name, as in `db-pool-bench.sweep`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.tool, self.scenario)
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// A part's place on disk.
#[derive(Debug)]
pub struct PartFile {
    path: PathBuf,
    part: Part,
}

impl PartFile {
    /// Writes `part` into the manifest of `run_directory`, in place of what is there for the same
    /// report.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(run_directory: &Path, part: Part) -> Result<Self, StoreError> {
        let directory = run_directory.join(DIRECTORY);
        let report = Path::new(&part.report);
        let name = if report.is_absolute() {
            part.name() + ".json"
        } else {
            part.report.clone()
        };
        let file = Self {
            path: directory.join(name),
            part,
        };
        file.save()?;
        Ok(file)
    }

    /// Saves its new state.
    ///
    /// # Errors
    /// When it cannot be written; what was there before stays.
    pub fn set_status(&mut self, status: PartStatus) -> Result<(), StoreError> {
        if status == PartStatus::Running {
            self.part.since = now();
        }
        self.part.status = status;
        self.save()
    }

    /// Its directory is made where there is none (any more): a report that was saved again in a
    /// directory made anew must not stand there without its part.
    fn save(&self) -> Result<(), StoreError> {
        if let Some(directory) = self.path.parent() {
            store::make(directory)?;
        }
        store::save_json(&self.path, &self.part)
    }
}

/// The parts of the run in `run_directory`, in order of their file names; none where it has no
/// manifest.
///
/// # Errors
/// When a part cannot be read.
pub fn read(run_directory: &Path) -> Result<Vec<Part>, StoreError> {
    let directory = run_directory.join(DIRECTORY);
    let unreadable = |source| StoreError::Read {
        path: directory.clone(),
        source,
    };
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".json") && !name.starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| load(path)).collect()
}

fn load(path: &Path) -> Result<Part, StoreError> {
    let part: Part = store::load_json(path)?;
    if part.schema != SCHEMA {
        return Err(StoreError::UnknownSchema {
            path: path.to_owned(),
            found: part.schema,
            known: SCHEMA,
        });
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(report: &str) -> Part {
        let command = ["redis-bench", "cache", "--url", "redis://:hunter2@cache/0"];
        let of = ("redis-bench", "cache");
        Part::plan(of, "run-7", report, "plimsoll", &command)
    }

    fn only(home: &Path) -> Part {
        let mut parts = read(home).unwrap();
        assert_eq!(parts.len(), 1, "{parts:?}");
        parts.remove(0)
    }

    #[test]
    fn a_part_is_planned_started_and_ended_and_holds_no_secret() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(read(home.path()).unwrap(), []);
        let mut file = PartFile::create(home.path(), part("redis-bench.cache.json")).unwrap();
        assert_eq!(only(home.path()).status, PartStatus::Planned);
        for status in [
            PartStatus::Running,
            PartStatus::Killed { signal: 9 },
            PartStatus::Done { exit_code: 3 },
        ] {
            file.set_status(status.clone()).unwrap();
            assert_eq!(only(home.path()).status, status);
        }
        assert!(!only(home.path()).command.concat().contains("hunter2"));
    }

    #[test]
    fn a_part_whose_directory_was_removed_tells_its_end_in_one_made_again() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        let mut file = PartFile::create(&run, part("redis-bench.cache.json")).unwrap();
        std::fs::remove_dir_all(&run).unwrap();
        let done = PartStatus::Done { exit_code: 0 };
        file.set_status(done.clone()).unwrap();
        assert_eq!(only(&run).status, done);
    }

    #[test]
    fn parts_that_are_written_at_once_are_all_there() {
        let home = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let home = home.path();
                scope.spawn(move || {
                    let report = format!("redis-bench.cache.{n}.json");
                    let mut file = PartFile::create(home, part(&report)).unwrap();
                    for exit_code in 0..20 {
                        file.set_status(PartStatus::Done { exit_code }).unwrap();
                    }
                });
            }
        });
        let parts = read(home.path()).unwrap();
        assert_eq!(parts.len(), 8);
        assert!(
            parts
                .iter()
                .all(|p| p.status == PartStatus::Done { exit_code: 19 })
        );
    }

    #[test]
    fn how_a_process_ended_is_its_code_or_its_signal() {
        use std::os::unix::process::ExitStatusExt as _;
        for (raw, status) in [
            (0, PartStatus::Done { exit_code: 0 }),
            (7 << 8, PartStatus::Done { exit_code: 7 }),
            (9, PartStatus::Killed { signal: 9 }),
        ] {
            assert_eq!(PartStatus::from(ExitStatus::from_raw(raw)), status);
        }
    }
}
