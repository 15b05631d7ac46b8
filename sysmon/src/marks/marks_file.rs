//! File of marks, as the recorder creates, locks and reads it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench_report::Mark;
use bench_report::clock::monotonic_ns;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use super::{LARGEST_FILE, LONGEST_LINE, MOST_MARKS, MarksHeader, SCHEMA, parse, path_for, read};

/// Number of attempts to lock the file of marks. `sysmon mark` holds the lock for an instant while
/// it looks for a recorder, so a failed attempt is repeated.
const LOCK_TRIES: u32 = 10;
/// Pause between two attempts to lock the file of marks.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Reason why a recorder cannot use its file of marks, so that the recording accepts no marks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MarksFileError {
    /// The file of marks cannot be created, locked or written.
    #[error("cannot keep {path}: {source}", path = path.display())]
    Write {
        /// Path of the file of marks.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A file of that name exists, but belongs to another user, is a link or has several links, or
    /// is not a file of marks. Contains its path.
    #[error("{path} is somebody else's, or no file of marks", path = .0.display())]
    Foreign(PathBuf),
    /// Another recorder writes the same report and holds the lock of the file of marks, whose path
    /// this contains.
    #[error("another recording into the same report is under way ({path} is locked)", path = .0.display())]
    Taken(PathBuf),
}

/// File of marks of a running recording, open and locked, and the marks read from it so far.
/// Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct MarksFile {
    file: File,
    report: PathBuf,
    path: PathBuf,
    open: bool,
    began_ns: u64,
    offset: u64,
    marks: Vec<Mark>,
}

impl MarksFile {
    /// Creates or opens the file of marks beside `report`, locks it and removes what a killed
    /// recording left in it. `None` if the report does not exist or is not a regular file, such as
    /// `/dev/null`.
    ///
    /// # Errors
    /// If the file cannot be created, belongs to another user, is no file of marks, or is locked by
    /// another recorder.
    pub(crate) fn open(report: &Path) -> Result<Option<Self>, MarksFileError> {
        if !report.is_file() {
            return Ok(None);
        }
        let path = path_for(report);
        let write = |source| MarksFileError::Write {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            // Does not follow links: in a directory that others may write to, a link could lead to any file
            // of this user.
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(&path)
            .map_err(write)?;
        let found = file.metadata().map_err(write)?;
        let own = found.is_file() && found.nlink() == 1 && found.uid() == geteuid().as_raw();
        if !own || (found.len() > 0 && read(&file).is_none()) {
            return Err(MarksFileError::Foreign(path));
        }
        lock(&file, &path)?;
        file.set_len(0).map_err(write)?;
        let header = MarksHeader {
            schema: SCHEMA.to_owned(),
            pid: std::process::id(),
        };
        let line = serde_json::to_string(&header).map_err(|e| write(e.into()))? + "\n";
        file.write_all(line.as_bytes()).map_err(write)?;
        Ok(Some(Self {
            file,
            report: report.to_owned(),
            path,
            open: true,
            began_ns: monotonic_ns(),
            offset: line.len() as u64,
            marks: Vec::new(),
        }))
    }

    /// Reads the lines that were added since the last call, in one system call if there are none.
    /// Skips invalid lines and marks beyond [`MOST_MARKS`], and moves times outside the recording
    /// to its limits. A failed read is ignored.
    pub(crate) fn read_new(&mut self) {
        let mut chunk = [0; LONGEST_LINE];
        while self.marks.len() < MOST_MARKS && self.offset < LARGEST_FILE {
            let Ok(length @ 1..) = self.file.read_at(&mut chunk, self.offset) else {
                return;
            };
            let read = &chunk[..length];
            match read.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => {
                    self.keep(&read[..end]);
                    self.offset += end as u64 + 1;
                }
                // No line of `sysmon mark` is this long, so the content is skipped.
                None if length == LONGEST_LINE => self.offset += length as u64,
                // The rest of the line has not been written yet.
                None => return,
            }
        }
    }

    /// Creates the file again if it was removed while the report exists, so that `sysmon mark`
    /// still finds the recording; a failure is ignored. If the file was not removed, this takes one
    /// system call.
    pub(crate) fn restore(&mut self) {
        let removed = self.file.metadata().is_ok_and(|file| file.nlink() == 0);
        if !self.open || !removed {
            return;
        }
        self.read_new();
        if let Ok(Some(again)) = Self::open(&self.report) {
            let removed = std::mem::replace(self, again);
            self.began_ns = removed.began_ns;
            self.marks.clone_from(&removed.marks);
            // The path belongs to the new file, so dropping the old one must not remove it.
            removed.forget();
        }
    }

    fn forget(mut self) {
        self.open = false;
    }

    /// Removes the file, then reads the lines that were added until then. A process that adds a
    /// mark later notices that the file is gone. Further calls do nothing.
    pub(crate) fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = std::fs::remove_file(&self.path);
            self.read_new();
        }
    }

    /// Returns a copy of the marks read so far, in order of time.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let mut marks = self.marks.clone();
        marks.sort_by_key(|mark| mark.at_ns);
        marks
    }

    /// Returns true if the recording has [`MOST_MARKS`] marks, so that later ones may be missing.
    pub(crate) fn is_full(&self) -> bool {
        self.marks.len() >= MOST_MARKS
    }

    fn keep(&mut self, lines: &[u8]) {
        let now_ns = monotonic_ns();
        let room = MOST_MARKS - self.marks.len();
        let new = lines.split(|byte| *byte == b'\n').filter_map(parse);
        self.marks.extend(new.take(room).map(|mark| Mark {
            // The clock in a container may count from another instant, so the mark is moved into the
            // recording.
            at_ns: mark.at_ns.clamp(self.began_ns, now_ns),
            ..mark
        }));
    }
}

impl Drop for MarksFile {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock(file: &File, path: &Path) -> Result<(), MarksFileError> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
            Err(TryLockError::Error(source)) => {
                let path = path.to_owned();
                return Err(MarksFileError::Write { path, source });
            }
        }
    }
    Err(MarksFileError::Taken(path.to_owned()))
}
