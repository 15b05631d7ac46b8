//! Entry of the process table: one process, with its open files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use super::detail_files::DetailFiles;
use super::run_detector::RunDetector;
use super::stat::{self, StatLine};
use super::{ProcessId, ProcessSample};
use crate::Masking;
use crate::source::{Gaps, KernelUnits, ReadSpan, SourceError, Timed};

/// Size of the buffer for a line `stat` in bytes. It holds at most 52 numbers of 20 digits, and a
/// name of 64 bytes.
pub(super) const LINE_BYTES: usize = 2048;
/// Name of the gap that counts the processes that may not be read.
pub(super) const PROCESSES: &str = "processes";

#[derive(Debug)]
pub(super) struct TableEntry {
    pub(super) id: ProcessId,
    file: Option<File>,
    name: Arc<str>,
    runs: RunDetector,
    /// Last reading of the process; `None` before the first one.
    pub(super) sample: Option<ProcessSample>,
    /// Time of the check that found the process to have slept since the last reading; `None` if it
    /// may have run.
    pub(super) asleep: Option<ReadSpan>,
    pub(super) detail: Option<Box<DetailFiles>>,
    pub(super) detail_handles: usize,
    /// Number of the last listing of `/proc` that contained the process, counted from 1; 0 before
    /// it.
    pub(super) listed: u64,
    /// True once the process was counted among all processes; `denied` is true once it was counted
    /// among those that may not be read.
    counted: bool,
    denied: bool,
}

/// Reason for which a process could not be read.
pub(super) enum ReadFailure {
    /// The process has ended, its line is malformed, or its file fails for a reason other than
    /// permission.
    Gone,
    /// The process exists, but this program has no permission to read it.
    Denied(SourceError),
}

impl TableEntry {
    /// Creates an entry for process `pid`, of which nothing has been read.
    pub(super) fn new(pid: u32) -> Self {
        Self {
            id: ProcessId { pid, started: 0 },
            file: None,
            name: Arc::from(""),
            runs: RunDetector::default(),
            sample: None,
            asleep: None,
            detail: None,
            detail_handles: 0,
            listed: 0,
            counted: false,
            denied: false,
        }
    }

    pub(super) fn handles(&self) -> usize {
        usize::from(self.file.is_some()) + self.runs.handles() + self.detail_handles
    }

    /// Sets `asleep` if the process has slept since its last reading, which can then be used again.
    /// Never sets it if `watch` is false, for a process with several threads, or if the parent is
    /// in `gone`. `now_ns` is on the monotonic clock.
    pub(super) fn check_asleep(
        &mut self,
        proc: &Path,
        now_ns: u64,
        watch: bool,
        gone: &BTreeSet<u32>,
    ) {
        self.asleep = None;
        let last = self.sample.as_ref();
        if !watch || self.denied || last.is_some_and(|last| last.threads != Some(1)) {
            self.runs.end();
        } else if let Some(span) = self.runs.has_slept(proc, self.id.pid, now_ns)
            && last.is_some_and(|last| !gone.contains(&last.parent))
        {
            self.asleep = Some(span);
        }
    }

    /// Counts the process in `gaps`, once among all processes, and once among those that may not be
    /// read if `unread` says so.
    pub(super) fn count(&mut self, unread: Option<&ReadFailure>, gaps: &mut Gaps) {
        if !std::mem::replace(&mut self.counted, true) {
            gaps.asked(PROCESSES);
        }
        if let Some(ReadFailure::Denied(error)) = unread
            && !std::mem::replace(&mut self.denied, true)
        {
            gaps.missing(PROCESSES, error);
        }
    }

    /// Reads the process's line `stat` into a sample, or returns the last sample if `asleep` is
    /// set. Uses the buffer `line`; leaves the file open if `keep` is true. Fails if the process
    /// has ended or may not be read.
    pub(super) fn read(
        &mut self,
        proc: &Path,
        (units, masking): (KernelUnits, Masking),
        line: &mut [u8],
        keep: bool,
    ) -> Result<ProcessSample, ReadFailure> {
        if let (Some(span), Some(last)) = (self.asleep, &mut self.sample) {
            last.span = span;
            return Ok(last.clone());
        }
        let kept = self.file.as_ref();
        if let Some(read) = kept.and_then(|file| read_line(file, line).ok())
            && let Some(stat) = stat::parse(&line[..read.value], units)
            && stat.started == self.id.started
        {
            return Ok(self.update(&stat, &read, masking));
        }
        let path = proc.join(format!("{}/stat", self.id.pid));
        let unread = |source: io::Error| match source.kind() {
            io::ErrorKind::PermissionDenied => ReadFailure::Denied(SourceError::Read {
                path: path.clone(),
                source,
            }),
            _ => ReadFailure::Gone,
        };
        let file = File::open(&path).map_err(unread)?;
        let read = read_line(&file, line).map_err(unread)?;
        let stat = stat::parse(&line[..read.value], units).ok_or(ReadFailure::Gone)?;
        if stat.started != self.id.started {
            if self.sample.is_some() {
                // The open files belong to an earlier process with this id.
                let listed = self.listed;
                *self = Self::new(self.id.pid);
                self.listed = listed;
            }
            self.id.started = stat.started;
        }
        self.file = keep.then_some(file);
        Ok(self.update(&stat, &read, masking))
    }

    fn update(
        &mut self,
        stat: &StatLine<'_>,
        read: &Timed<usize>,
        masking: Masking,
    ) -> ProcessSample {
        // The name changes when the process executes another program.
        if self.name.as_bytes() != stat.name {
            // Some programs write their command line into the name.
            self.name = Arc::from((masking.text)(&String::from_utf8_lossy(stat.name)));
        }
        let sample = stat.sample(self.id.pid, Arc::clone(&self.name), read.span);
        self.sample = Some(sample.clone());
        sample
    }
}

/// Reads the line `stat` into the buffer `line` with one system call, and returns its length in
/// bytes with the time of the read.
fn read_line(file: &File, line: &mut [u8]) -> std::io::Result<Timed<usize>> {
    Timed::around(|| file.read_at(line, 0))
}
