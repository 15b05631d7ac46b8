//! Recordings in progress: how another process finds them and adds marks to them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bench_report::Mark;

use super::{ENDING, MOST_MARKS, path_for, read};

/// Reason why a mark could not be added to a recording.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddMarkError {
    /// The line of the mark cannot be encoded or written.
    #[error("cannot mark the recording into {report}: {source}", report = report.display())]
    Write {
        /// Path of the recording's report.
        report: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The recording already has [`MOST_MARKS`] marks. Contains the path of its report.
    #[error("the recording into {report} has {MOST_MARKS} marks, and takes no more", report = .0.display())]
    Full(PathBuf),
    /// The recording ended while the mark was written, so its report may lack the mark. Contains
    /// the path of the report.
    #[error("the recording into {report} has just ended; the mark may be missing from it", report = .0.display())]
    Ended(PathBuf),
}

/// Recording in progress, with its file of marks open so that marks can be added.
#[derive(Debug)]
pub(crate) struct ActiveRecording {
    /// Process id of the recorder. It is as the recorder itself sees it if the recording was found
    /// by [`find`](Self::find), and as this process sees it if by [`active_recordings`].
    pub(crate) pid: u32,
    /// Path of the recording's report: as given to [`find`](Self::find), or as the recorder has it
    /// in its own mount namespace.
    pub(crate) report: PathBuf,
    own_pid: u32,
    file: File,
    marks: usize,
}

impl ActiveRecording {
    /// Opens the recording that writes `report`. `None` if the report has no valid file of marks
    /// beside it, or if no recorder holds the lock of that file.
    ///
    /// # Errors
    /// If the file of marks exists, but cannot be opened for reading and writing or cannot be
    /// locked.
    pub(crate) fn find(report: &Path) -> std::io::Result<Option<Self>> {
        match Self::open(&path_for(report), report) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            found => found,
        }
    }

    /// Opens the file of marks at `place`; `report` is only stored in the result. `None` if the
    /// file is no file of marks, or if no recorder holds its lock. Fails if it cannot be opened for
    /// reading and writing.
    fn open(place: &Path, report: &Path) -> std::io::Result<Option<Self>> {
        if !place.metadata()?.is_file() {
            return Ok(None);
        }
        let file = OpenOptions::new().read(true).append(true).open(place)?;
        match file.try_lock_shared() {
            // Getting the lock means that the recorder has exited. Dropping the file releases the lock.
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(read(&file).map(|(header, marks)| Self {
            pid: header.pid,
            report: report.to_owned(),
            own_pid: header.pid,
            file,
            marks: marks.len(),
        }))
    }

    /// Appends a mark to the recording's file of marks.
    ///
    /// # Errors
    /// If the mark cannot be written, if the recording already has [`MOST_MARKS`] marks, or if it
    /// ended meanwhile, in which case its report may lack the mark.
    pub(crate) fn add(&mut self, mark: &Mark) -> Result<(), AddMarkError> {
        let report = || self.report.clone();
        if self.marks >= MOST_MARKS {
            return Err(AddMarkError::Full(report()));
        }
        let write = |source| AddMarkError::Write {
            report: report(),
            source,
        };
        let line = serde_json::to_string(mark).map_err(|e| write(e.into()))? + "\n";
        // The line is written in one call, so that the lines of several writers do not mix.
        (&self.file).write_all(line.as_bytes()).map_err(write)?;
        if self.file.metadata().map_err(write)?.nlink() == 0 {
            return Err(AddMarkError::Ended(report()));
        }
        self.marks += 1;
        Ok(())
    }

    fn inode(&self) -> Option<(u64, u64)> {
        let found = self.file.metadata().ok()?;
        Some((found.dev(), found.ino()))
    }
}

/// Finds the running recordings that this user may mark, in order of process id. Each recorder
/// keeps its file of marks open; the file is reached through the process, because it may be in
/// another mount namespace.
///
/// # Errors
/// If the system has no `/proc`.
pub(crate) fn active_recordings() -> std::io::Result<Vec<ActiveRecording>> {
    let mut found: Vec<ActiveRecording> = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = number(&entry.path()) else {
            continue;
        };
        for recorder in of_process(pid, &entry.path().join("fd")) {
            // Another process may have the same file open, for example one that the recorder has just forked.
            let same = found.iter().position(|r| r.inode() == recorder.inode());
            match same {
                None => found.push(recorder),
                Some(i) if recorder.pid == recorder.own_pid => found[i] = recorder,
                Some(_) => {}
            }
        }
    }
    found.sort_by_key(|recorder| recorder.pid);
    Ok(found)
}

fn number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.parse().ok()
}

/// Iterates over the recordings whose file of marks the process `pid` has open; `descriptors` is
/// its directory `/proc/PID/fd`. Yields nothing if that directory cannot be read, as for a process
/// of another user or one that has exited.
fn of_process(pid: u32, descriptors: &Path) -> impl Iterator<Item = ActiveRecording> {
    let entries = std::fs::read_dir(descriptors).into_iter().flatten();
    entries.flatten().filter_map(move |entry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        let report = target.to_str()?.strip_suffix(ENDING)?;
        let recorder = ActiveRecording::open(&entry.path(), Path::new(report)).ok()??;
        Some(ActiveRecording { pid, ..recorder })
    })
}
