//! The files of one recording, one after the other.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::file::SampleFile;
use super::sample::Sample;
use super::{Header, StreamError, place};

/// When a file is closed and the next begun. With neither size nor age there is one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// Once a file is as large as this.
    pub size_bytes: Option<u64>,
    /// Once its first sample is as old as this.
    pub age_ns: Option<u64>,
    /// How many files are kept, the one being written included; all where absent.
    pub keep: Option<usize>,
}

impl Rotation {
    /// Whether there is more than one file.
    pub(super) fn is_any(self) -> bool {
        self.size_bytes.is_some() || self.age_ns.is_some()
    }
}

/// The files that a recording makes. Only these does it ever remove.
pub(super) struct Files {
    report: PathBuf,
    header: Header,
    rotation: Rotation,
    first_number: u64,
    made: VecDeque<PathBuf>,
    current: SampleFile,
    began_ns: Option<u64>,
    closed_bytes: u64,
    closed_rows: u64,
    unremoved: Option<StreamError>,
}

impl Files {
    /// Makes the first file, beside `report`.
    pub(super) fn create(
        report: &Path,
        header: Header,
        rotation: Rotation,
    ) -> Result<Self, StreamError> {
        let (path, first_number) = if rotation.is_any() {
            let number = place::next_part(report).map_err(|source| StreamError::Write {
                path: place::pattern(report),
                source,
            })?;
            (place::part(report, number), number)
        } else {
            (place::single(report), 1)
        };
        let current = SampleFile::create(&path, &header)?;
        Ok(Self {
            report: report.to_owned(),
            header,
            rotation,
            first_number,
            made: VecDeque::from([path]),
            current,
            began_ns: None,
            closed_bytes: 0,
            closed_rows: 0,
            unremoved: None,
        })
    }

    /// Takes in the readings of one tick; the next file is begun first if it is time.
    pub(super) fn add(&mut self, sample: &Sample) -> Result<(), StreamError> {
        if self.is_over(sample.at_ns) {
            self.turn()?;
        }
        self.began_ns.get_or_insert(sample.at_ns);
        self.current.add(sample);
        Ok(())
    }

    /// Writes what was taken in.
    pub(super) fn flush(&mut self) -> Result<(), StreamError> {
        self.current.flush()
    }

    /// How many rows were not written yet.
    pub(super) fn waiting_rows(&self) -> usize {
        self.current.waiting_rows()
    }

    /// How much was written, into all files.
    pub(super) fn written_bytes(&self) -> u64 {
        self.closed_bytes + self.current.written_bytes()
    }

    /// How many rows were written, into all files.
    pub(super) fn written_rows(&self) -> u64 {
        self.closed_rows + self.current.written_rows()
    }

    /// A file that was to be removed and could not be.
    pub(super) fn take_unremoved(&mut self) -> Option<StreamError> {
        self.unremoved.take()
    }

    /// Writes what was taken in and closes the last file.
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
        let written_bytes = self.current.written_bytes();
        size_bytes.is_some_and(|most| written_bytes >= most)
            || age_ns.is_some_and(|most| at_ns.saturating_sub(began_ns) >= most)
    }

    fn turn(&mut self) -> Result<(), StreamError> {
        self.current.close()?;
        self.closed_bytes += self.current.written_bytes();
        self.closed_rows += self.current.written_rows();
        self.header.part += 1;
        let number = self.first_number + self.header.part - 1;
        let path = place::part(&self.report, number);
        self.current = SampleFile::create(&path, &self.header)?;
        self.made.push_back(path);
        self.began_ns = None;
        self.remove_oldest();
        Ok(())
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
