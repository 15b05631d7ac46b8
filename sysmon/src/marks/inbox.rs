//! The recorder's end of the file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench_report::Mark;
use bench_report::clock::monotonic_ns;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use super::{Header, LARGEST_FILE, LONGEST_LINE, MOST_MARKS, SCHEMA, beside, parse, read};

/// A `sysmon mark` that looks whether we record holds the lock for an instant.
const LOCK_TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Why a recording takes no marks.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The file cannot be made.
    #[error("cannot keep {path}: {source}", path = path.display())]
    Write {
        /// The file at fault.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// Something else has that name, and is not ours to write to.
    #[error("{path} is somebody else's, or no file of marks", path = .0.display())]
    Foreign(PathBuf),
    /// Another recorder writes the same report.
    #[error("another recording into the same report is under way ({path} is locked)", path = .0.display())]
    Taken(PathBuf),
}

/// The marks that came so far, and where more may come.
#[derive(Debug)]
pub struct Inbox {
    file: File,
    report: PathBuf,
    path: PathBuf,
    open: bool,
    began_ns: u64,
    offset: u64,
    marks: Vec<Mark>,
}

impl Inbox {
    /// Opens the file beside `report` and locks it; `None` where the report is no file, such as
    /// `/dev/null`. What a killed recording left there goes.
    ///
    /// # Errors
    /// When the file cannot be made, is not ours, or is another recorder's.
    pub fn open(report: &Path) -> Result<Option<Self>, InboxError> {
        if !report.is_file() {
            return Ok(None);
        }
        let path = beside(report);
        let write = |source| InboxError::Write {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            // In a directory that others may write to, a link could lead to any file of ours.
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(&path)
            .map_err(write)?;
        let found = file.metadata().map_err(write)?;
        let own = found.is_file() && found.nlink() == 1 && found.uid() == geteuid().as_raw();
        if !own || (found.len() > 0 && read(&file).is_none()) {
            return Err(InboxError::Foreign(path));
        }
        lock(&file, &path)?;
        file.set_len(0).map_err(write)?;
        let header = Header {
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

    /// Takes in what has come since; costs one system call where nothing has.
    pub fn take_in(&mut self) {
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
                // No line of ours is as long.
                None if length == LONGEST_LINE => self.offset += length as u64,
                // Its end is still to come.
                None => return,
            }
        }
    }

    /// Makes the file anew if somebody removed it and the report is there (again), so that marks
    /// still find the recording; costs one system call where nobody did.
    pub fn restore(&mut self) {
        let removed = self.file.metadata().is_ok_and(|file| file.nlink() == 0);
        if !self.open || !removed {
            return;
        }
        self.take_in();
        if let Ok(Some(again)) = Self::open(&self.report) {
            let removed = std::mem::replace(self, again);
            self.began_ns = removed.began_ns;
            self.marks.clone_from(&removed.marks);
            // Its name is the new file's.
            removed.forget();
        }
    }

    fn forget(mut self) {
        self.open = false;
    }

    /// Takes the file away, then takes in what came until then: whoever writes after that sees
    /// that it is gone.
    pub fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = std::fs::remove_file(&self.path);
            self.take_in();
        }
    }

    /// The marks in order of time.
    pub fn marks(&self) -> Vec<Mark> {
        let mut marks = self.marks.clone();
        marks.sort_by_key(|mark| mark.at_ns);
        marks
    }

    /// True if there were as many as are kept, and more may have been turned away.
    pub fn is_full(&self) -> bool {
        self.marks.len() >= MOST_MARKS
    }

    fn keep(&mut self, lines: &[u8]) {
        let now_ns = monotonic_ns();
        let room = MOST_MARKS - self.marks.len();
        let new = lines.split(|byte| *byte == b'\n').filter_map(parse);
        self.marks.extend(new.take(room).map(|mark| Mark {
            // In a container the clock may have another origin.
            at_ns: mark.at_ns.clamp(self.began_ns, now_ns),
            ..mark
        }));
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock(file: &File, path: &Path) -> Result<(), InboxError> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
            Err(TryLockError::Error(source)) => {
                let path = path.to_owned();
                return Err(InboxError::Write { path, source });
            }
        }
    }
    Err(InboxError::Taken(path.to_owned()))
}
