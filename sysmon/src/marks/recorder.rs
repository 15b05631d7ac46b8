//! Recordings under way, as whoever wants to mark one finds them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bench_report::Mark;

use super::{ENDING, MOST_MARKS, beside, read};

/// Why a mark is not in the recording.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// It cannot be written.
    #[error("cannot mark the recording into {report}: {source}", report = report.display())]
    Write {
        /// The report of the recording.
        report: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// There are as many as a recording takes.
    #[error("the recording into {report} has {MOST_MARKS} marks, and takes no more", report = .0.display())]
    Full(PathBuf),
    /// It ended in that instant.
    #[error("the recording into {report} has just ended; the mark may be missing from it", report = .0.display())]
    Ended(PathBuf),
}

/// A recording under way.
#[derive(Debug)]
pub struct Recorder {
    /// The process that records, as it is known here.
    pub pid: u32,
    /// Where its report goes, as the recorder knows it.
    pub report: PathBuf,
    own_pid: u32,
    file: File,
    marks: usize,
}

impl Recorder {
    /// The recorder whose report goes to `report`; `None` when none does.
    ///
    /// # Errors
    /// When there is a file of marks that this user may not write to.
    pub fn of_report(report: &Path) -> std::io::Result<Option<Self>> {
        match Self::open(&beside(report), report) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            found => found,
        }
    }

    /// `None` when `place` is no file of marks, or nobody has locked it.
    fn open(place: &Path, report: &Path) -> std::io::Result<Option<Self>> {
        if !place.metadata()?.is_file() {
            return Ok(None);
        }
        let file = OpenOptions::new().read(true).append(true).open(place)?;
        match file.try_lock_shared() {
            // The recorder is gone; the lock goes with the file.
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

    /// Puts a mark into the recording.
    ///
    /// # Errors
    /// When it cannot be written, the recording takes no more, or it has just ended.
    pub fn put(&mut self, mark: &Mark) -> Result<(), PutError> {
        let report = || self.report.clone();
        if self.marks >= MOST_MARKS {
            return Err(PutError::Full(report()));
        }
        let write = |source| PutError::Write {
            report: report(),
            source,
        };
        let line = serde_json::to_string(mark).map_err(|e| write(e.into()))? + "\n";
        // In one piece: lines of several who mark at once do not mix.
        (&self.file).write_all(line.as_bytes()).map_err(write)?;
        if self.file.metadata().map_err(write)?.nlink() == 0 {
            return Err(PutError::Ended(report()));
        }
        self.marks += 1;
        Ok(())
    }

    fn inode(&self) -> Option<(u64, u64)> {
        let found = self.file.metadata().ok()?;
        Some((found.dev(), found.ino()))
    }
}

/// The recordings under way that this user may mark, by process. They are found by the file that
/// each keeps open, which is reached through the process: it may live in another file system.
///
/// # Errors
/// Where the system has no `/proc`.
pub fn recorders() -> std::io::Result<Vec<Recorder>> {
    let mut found: Vec<Recorder> = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = number(&entry.path()) else {
            continue;
        };
        for recorder in of_process(pid, &entry.path().join("fd")) {
            // Somebody may read along, or have been forked a moment ago.
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

/// Processes of others, and those that end meanwhile, show nothing.
fn of_process(pid: u32, descriptors: &Path) -> impl Iterator<Item = Recorder> {
    let entries = std::fs::read_dir(descriptors).into_iter().flatten();
    entries.flatten().filter_map(move |entry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        let report = target.to_str()?.strip_suffix(ENDING)?;
        let recorder = Recorder::open(&entry.path(), Path::new(report)).ok()??;
        Some(Recorder { pid, ..recorder })
    })
}
