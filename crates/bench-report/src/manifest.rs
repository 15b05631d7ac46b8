//! Manifest of a run: the programs that were planned for a run's directory, and how each ended.
//!
//! A report has measurements. It cannot show a program that died before its first report, or one
//! that was never started; the manifest can. Each program of a run has its own file (a part) under
//! `manifest/`, so that programs that write into one directory at the same time neither wait for
//! each other nor lose an entry. A part has one writer at a time: its starter before and after the
//! program, and the program itself in between. The part of a program that is killed stays
//! `running`, unless its starter sets the state.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::redaction;
use crate::store::{self, StoreError};

/// Schema id that this version writes into each entry.
pub(crate) const SCHEMA: &str = "plimsoll.manifest/1";

/// Name of the directory, within a run's directory, that contains the files of the entries.
pub const DIRECTORY: &str = "manifest";

/// Environment variable with which a program of this project passes its own name to the programs
/// that it starts.
pub const STARTED_BY_ENV: &str = "PLIMSOLL_STARTED_BY";

/// Environment variable with which a program of this project passes the run's directory to the
/// programs that it starts.
pub const RUN_DIR_ENV: &str = "PLIMSOLL_RUN_DIR";

/// Environment variable with which a program of this project passes the name of the run's profile
/// to the programs that it starts.
pub const PROFILE_ENV: &str = "PLIMSOLL_PROFILE";

/// Entry of one program of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Schema of the entry; this version always writes `plimsoll.manifest/1`.
    pub schema: String,
    /// Id of the run to which the program belongs.
    pub run_id: String,
    /// Name of the program.
    pub tool: String,
    /// Scenario of the program.
    pub scenario: String,
    /// Report that the program is to write: a file name in the run's directory, or an absolute
    /// path.
    pub report: String,
    /// Name of the program that started it; `user` if it was not started by a program of this
    /// project.
    pub started_by: String,
    /// Name of the profile of the run, by whose expectations it is judged; absent if it was started
    /// without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Command line of the program, with secrets masked.
    pub command: Vec<String>,
    /// Wall-clock time at which the program was started, or at which it was planned if it has not
    /// been started; RFC 3339 in UTC.
    pub since: String,
    /// State of the program.
    pub status: PartStatus,
}

/// State of a program in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PartStatus {
    /// The program is planned and has not been started.
    Planned,
    /// The program was started. If it is killed, this state remains.
    Running,
    /// The program ended by itself.
    Done {
        /// Exit code of the program.
        exit_code: i32,
    },
    /// A signal ended the program.
    Killed {
        /// Number of the signal.
        signal: i32,
    },
    /// The program was not started.
    Skipped {
        /// Reason for which the program was not started.
        reason: String,
    },
    /// The program ended with an error before its result was complete, or in an unknown way.
    #[serde(other)]
    Failed,
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
    /// Creates the entry of a program that is to be run, in the state `planned`, with the time of
    /// now. `report` is the file that it is to write. Secrets in `command` are masked.
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
            profile: None,
            command: redaction::command_line(command),
            since: now(),
            status: PartStatus::Planned,
        }
    }

    /// Creates the entry of this process, in the state `running`, with its command line. `of` is
    /// the name of the program and its scenario, `report` the file that it is to write.
    pub fn for_this_process(of: (&str, &str), run_id: &str, report: &str) -> Self {
        let words: Vec<String> = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let named = |variable| {
            let name = std::env::var(variable).ok();
            let name = name.filter(|name| !name.is_empty());
            name.map(|name| redaction::text(&name))
        };
        let starter = named(STARTED_BY_ENV).unwrap_or_else(|| "user".to_owned());
        Self {
            profile: named(PROFILE_ENV),
            status: PartStatus::Running,
            ..Self::plan(of, run_id, report, &starter, &words)
        }
    }

    /// Returns the name of the entry, such as `db-pool-bench.sweep`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.tool, self.scenario)
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// File of one entry in a manifest, which is written at each change of the program's state.
#[derive(Debug)]
pub struct PartFile {
    path: PathBuf,
    part: Part,
}

impl PartFile {
    /// Writes `part` into a file in the manifest of the run's directory, and replaces an entry for
    /// the same report.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
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

    /// Sets and saves the state of the program. The state running also sets the time of the start
    /// to now.
    ///
    /// # Errors
    /// Fails if the file cannot be written; the file then keeps its previous content.
    pub fn set_status(&mut self, status: PartStatus) -> Result<(), StoreError> {
        if status == PartStatus::Running {
            self.part.since = now();
        }
        self.part.status = status;
        self.save()
    }

    /// Saves the entry, and creates its directory if that is missing: if a run's directory was
    /// removed and recreated for the report, the entry must exist there too.
    fn save(&self) -> Result<(), StoreError> {
        if let Some(directory) = self.path.parent() {
            store::make(directory)?;
        }
        store::save_json(&self.path, &self.part)
    }
}

/// Reads the entries of the run in `run_directory`, sorted by file name; empty if it has no
/// manifest.
///
/// # Errors
///
/// Fails if the directory or an entry cannot be read, or if an entry has another schema.
pub fn read(run_directory: &Path) -> Result<Vec<Part>, StoreError> {
    read_each(run_directory)?.into_iter().collect()
}

/// Reads the entries of the run in `run_directory`, sorted by file name, each with its own error;
/// empty if it has no manifest.
///
/// # Errors
///
/// Fails if the directory cannot be read.
pub fn read_each(run_directory: &Path) -> Result<Vec<Result<Part, StoreError>>, StoreError> {
    let directory = run_directory.join(DIRECTORY);
    let unreadable = |source| StoreError::Read {
        path: directory.clone(),
        source,
    };
    let entries = match std::fs::read_dir(&directory) {
        // A file of this name is somebody else's.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
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
    Ok(paths.iter().map(|path| load(path)).collect())
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
