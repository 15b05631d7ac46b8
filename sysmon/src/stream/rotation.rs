//! Files of one recording, written one after another.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{SampleFile, Written, check_room_again};
use super::sample::RawSample;
use super::{RawHeader, StreamError, paths};

/// Size and age at which a file is closed and the next one begun, and the number of files to keep.
/// Without size and age, the recording has one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rotation {
    /// Size in bytes at which a file is closed; `None` for no limit.
    pub size_bytes: Option<u64>,
    /// Time after a file's first sample, in nanoseconds, from which the next sample begins another
    /// file; `None` for no limit.
    pub age_ns: Option<u64>,
    /// Number of files that are kept, the current one included; `None` to keep all.
    pub keep: Option<usize>,
}

impl Rotation {
    /// Returns true if a size or an age is set, so that files have numbered names.
    pub(super) fn is_any(self) -> bool {
        self.size_bytes.is_some() || self.age_ns.is_some()
    }
}

/// First part of a recording whose file has a number in its name, and that number.
#[derive(Clone, Copy)]
struct Numbered {
    part: u64,
    number: u64,
}

impl Numbered {
    fn from(report: &Path, part: u64) -> Result<Self, StreamError> {
        let number = paths::next_part(report).map_err(|source| StreamError::Write {
            path: paths::pattern(report),
            source,
        })?;
        Ok(Self { part, number })
    }
}

/// Files that a recording has created, the last of which is open. Other files are never removed.
pub(super) struct Files {
    report: PathBuf,
    header: RawHeader,
    rotation: Rotation,
    numbered: Option<Numbered>,
    made: VecDeque<PathBuf>,
    current: SampleFile,
    began_ns: Option<u64>,
    closed: Written,
    restored_before: u64,
    unremoved: Option<StreamError>,
}

impl Files {
    /// Creates the first file, beside `report`; it has a number in its name if `rotation` has a
    /// size or an age. Fails if the directory cannot be listed, or if the file cannot be written.
    pub(super) fn create(
        report: &Path,
        header: RawHeader,
        rotation: Rotation,
    ) -> Result<Self, StreamError> {
        let first = header.part;
        let numbered = rotation.is_any().then(|| Numbered::from(report, first));
        let numbered = numbered.transpose()?;
        let path = path_of(report, numbered, first);
        let current = SampleFile::create(&path, &header)?;
        Ok(Self {
            report: report.to_owned(),
            header,
            rotation,
            numbered,
            made: VecDeque::from([path]),
            current,
            began_ns: None,
            closed: Written::default(),
            restored_before: 0,
            unremoved: None,
        })
    }

    /// Adds the readings of one tick to the rows that wait in memory. Closes the current file and
    /// begins the next one before, if that is due; fails if that is not possible.
    pub(super) fn add(&mut self, sample: &RawSample) -> Result<(), StreamError> {
        if self.is_over(sample.at_ns) {
            self.turn()?;
        }
        self.began_ns.get_or_insert(sample.at_ns);
        self.current.add(sample);
        Ok(())
    }

    /// Writes the rows that wait in memory to the current file. Fails if that is not possible.
    pub(super) fn flush(&mut self) -> Result<(), StreamError> {
        self.current.flush()
    }

    /// Returns the number of rows that wait in memory to be written.
    pub(super) fn waiting_rows(&self) -> usize {
        self.current.waiting_rows()
    }

    /// Returns the amount that was written to all files, removed ones included.
    pub(super) fn written(&self) -> Written {
        self.closed.and(self.current.written())
    }

    /// Returns the number of times that a file was written again because it was removed or moved
    /// while it was open.
    pub(super) fn restored(&self) -> u64 {
        self.restored_before + self.current.restored()
    }

    /// Returns true if the error `after` may pass, so that another file can be begun later.
    pub(super) fn can_resume(after: &StreamError) -> bool {
        matches!(
            after,
            StreamError::Write { .. } | StreamError::NearlyFull { .. }
        )
    }

    /// Begins the next file with this tick, if the disk has enough free space again. If that fails,
    /// the error is returned and no older file is removed to make space. A recording without
    /// rotation continues in numbered files, after the existing ones.
    pub(super) fn resume(&mut self, sample: &RawSample) -> Result<(), StreamError> {
        // A file without rows is replaced by a new one.
        let unused = self.current.written().rows == 0;
        let part = self.header.part + u64::from(!unused);
        if part > 1 && self.numbered.is_none() {
            self.numbered = Some(Numbered::from(&self.report, part)?);
        }
        check_room_again(&self.path(part))?;
        let (path, mut next) = self.make(part)?;
        next.add(sample);
        if let Err(error) = next.flush() {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        if unused {
            self.made.pop_back();
        }
        self.follow_on(part, path, next);
        self.began_ns = Some(sample.at_ns);
        Ok(())
    }

    /// Returns the last error of an old file that could not be removed, and forgets it; `None` if
    /// there is none.
    pub(super) fn take_unremoved(&mut self) -> Option<StreamError> {
        self.unremoved.take()
    }

    /// Writes the rows that wait in memory and closes the current file. Fails if it cannot be
    /// written.
    pub(super) fn close(&mut self) -> Result<(), StreamError> {
        self.current.close()
    }

    fn is_over(&self, at_ns: u64) -> bool {
        let Some(began_ns) = self.began_ns else {
            return false;
        };
        let Rotation {
            size_bytes, age_ns, ..
        } = self.rotation;
        let written = self.current.written();
        size_bytes.is_some_and(|most| written.bytes >= most)
            || age_ns.is_some_and(|most| at_ns.saturating_sub(began_ns) >= most)
    }

    fn turn(&mut self) -> Result<(), StreamError> {
        self.current.close()?;
        let part = self.header.part + 1;
        let (path, next) = self.make(part)?;
        self.follow_on(part, path, next);
        Ok(())
    }

    fn path(&self, part: u64) -> PathBuf {
        path_of(&self.report, self.numbered, part)
    }

    fn make(&self, part: u64) -> Result<(PathBuf, SampleFile), StreamError> {
        let header = RawHeader {
            part,
            ..self.header.clone()
        };
        let path = self.path(part);
        let file = SampleFile::create(&path, &header).inspect_err(|_| {
            // Removes the file if there was space for its directory entry but not for its header.
            let _ = std::fs::remove_file(&path);
        })?;
        Ok((path, file))
    }

    fn follow_on(&mut self, part: u64, path: PathBuf, next: SampleFile) {
        self.closed = self.written();
        self.restored_before = self.restored();
        self.current = next;
        self.header.part = part;
        self.made.push_back(path);
        self.began_ns = None;
        self.remove_oldest();
    }

    fn remove_oldest(&mut self) {
        let Some(keep) = self.rotation.keep else {
            return;
        };
        while self.made.len() > keep.max(1) {
            let Some(path) = self.made.pop_front() else {
                return;
            };
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    self.unremoved = Some(StreamError::Remove { path, source });
                }
                _ => {}
            }
        }
    }
}

fn path_of(report: &Path, numbered: Option<Numbered>, part: u64) -> PathBuf {
    match numbered {
        Some(first) if part >= first.part => paths::part(report, first.number + part - first.part),
        _ => paths::single(report),
    }
}
