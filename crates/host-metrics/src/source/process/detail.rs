//! Figures of a process that are expensive to read, and are therefore read only on request.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::detail_files::DetailFiles;
use super::read_notes::{ReadNotes, has_ended};
use super::schedule::ScheduleTimes;
use super::status::swap_kib;
use super::words::after;
use super::{ProcessDetail, ProcessFields, ProcessIo, SchedulerWait};
use crate::source::{Gaps, SourceError, Timed};

/// Size of the read buffer in bytes, more than any of these files has.
const FILE_BYTES: usize = 8192;

/// Reader of the expensive figures of processes, which uses one buffer for all processes.
#[derive(Debug)]
pub(super) struct ProcessDetailReader {
    proc: PathBuf,
    buffer: Vec<u8>,
    threads: Vec<(u32, SchedulerWait)>,
    /// True if the size of the directory `fd` of a process is the number of its open descriptors,
    /// as since Linux 6.2.
    size_counts: bool,
}

impl ProcessDetailReader {
    pub(super) fn new(proc: &Path) -> Self {
        let own = proc.join("self/fd");
        // Listing the directory itself opens one more descriptor.
        let listed = count(&own).ok().filter(|count| *count > 0);
        let size = std::fs::metadata(&own).map(|directory| directory.len());
        Self {
            proc: proc.to_owned(),
            buffer: vec![0; FILE_BYTES],
            threads: Vec::new(),
            size_counts: listed.zip(size.ok()).is_some_and(|(n, size)| n == size + 1),
        }
    }

    /// Reads the figures that `fields` selects of the process of `files`, which has `threads`
    /// threads. If `keep` is true, its files stay open for the next call. A failed figure is
    /// absent, and recorded in `gaps` unless the process has ended.
    pub(super) fn read(
        &mut self,
        files: &mut DetailFiles,
        fields: ProcessFields,
        threads: u64,
        keep: bool,
        gaps: &mut Gaps,
    ) -> ProcessDetail {
        let pid = files.pid;
        let kib = |kibibytes: u64| kibibytes.checked_mul(1024);
        let mut detail = ProcessDetail::default();
        let mut note = ReadNotes::of(files, gaps);
        if fields.io {
            let read = self.one(&mut files.io, (pid, "io"), keep, parse_io);
            detail.io = note.keep("process.io", |of| &mut of.io, read);
        }
        if fields.swap {
            let swap = |text: &[u8]| Some(swap_kib(text));
            let read = self.one(&mut files.status, (pid, "status"), keep, swap);
            let read = note.keep("process.swap", |of| &mut of.swap, read);
            detail.swap_bytes = read.and_then(|read| kib(read.value));
        }
        if fields.pss {
            // Kernel threads map no memory and have an empty file.
            let pss = |text: &[u8]| Some(after(text, b"Pss:").unwrap_or(0));
            let read = self.one(&mut files.smaps, (pid, "smaps_rollup"), keep, pss);
            let read = note.keep("process.pss", |of| &mut of.pss, read);
            detail.pss_bytes = read.and_then(|read| kib(read.value));
        }
        if fields.scheduler {
            let read = self.scheduler(files, threads, keep);
            detail.scheduler = note.keep("process.scheduler", |of| &mut of.scheduler, read);
        }
        if fields.descriptors || (fields.descriptors_if_cheap && self.size_counts) {
            let read = self.descriptors(&mut files.descriptors, pid, keep);
            detail.descriptors = note.keep("process.descriptors", |of| &mut of.descriptors, read);
        }
        (files.asked, files.unread, detail.unread) = note.close();
        files.last = Some((fields, detail.clone()));
        detail
    }

    fn path(&self, pid: u32, name: &str) -> PathBuf {
        self.proc.join(format!("{pid}/{name}"))
    }

    /// Reads the file `name` of process `pid`, through `kept` if that is open, and parses it.
    /// Leaves the file open in `kept` if `keep` is true.
    fn one<T>(
        &mut self,
        kept: &mut Option<File>,
        (pid, name): (u32, &'static str),
        keep: bool,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Timed<T>, SourceError> {
        let file = self.open(kept, pid, name)?;
        let buffer = &mut self.buffer;
        let length = Timed::around(|| file.read_at(buffer, 0))
            .map_err(|source| self.failed(pid, name, source))?;
        let value = parse(&self.buffer[..length.value]).ok_or_else(|| SourceError::Malformed {
            path: self.path(pid, name),
            wanted: "figures",
        })?;
        *kept = keep.then_some(file);
        Ok(length.map(|_| value))
    }

    fn open(
        &self,
        kept: &mut Option<File>,
        pid: u32,
        name: &'static str,
    ) -> Result<File, SourceError> {
        let opened = match kept.take() {
            Some(file) => return Ok(file),
            None => File::open(self.path(pid, name)),
        };
        opened.map_err(|source| self.failed(pid, name, source))
    }

    fn failed(&self, pid: u32, name: &str, source: io::Error) -> SourceError {
        SourceError::Read {
            path: self.path(pid, name),
            source,
        }
    }

    /// Returns the time that all threads waited for a CPU, summed since the first reading. Reads
    /// the files of all threads if there are several, because the file of a process covers its
    /// first thread only.
    fn scheduler(
        &mut self,
        files: &mut DetailFiles,
        threads: u64,
        keep: bool,
    ) -> Result<Timed<SchedulerWait>, SourceError> {
        let pid = files.pid;
        if threads <= 1 {
            let place = (pid, "schedstat");
            let first = self.one(&mut files.schedule, place, keep, waiting)?;
            return Ok(first.map(|waiting| files.add_waits(&[(pid, waiting)])));
        }
        files.schedule = None;
        let mut all = std::mem::take(&mut self.threads);
        let read = Timed::around(|| self.read_threads(pid, &mut all));
        let waited = read.map(|read| read.map(|()| files.add_waits(&all)));
        self.threads = all;
        waited
    }

    /// Replaces `all` by the thread id and the scheduler counters of each thread of process `pid`,
    /// in the order of thread ids. Leaves out threads that end meanwhile.
    fn read_threads(
        &mut self,
        pid: u32,
        all: &mut Vec<(u32, SchedulerWait)>,
    ) -> Result<(), SourceError> {
        all.clear();
        let entries = std::fs::read_dir(self.path(pid, "task"));
        for entry in entries.map_err(|source| self.failed(pid, "task", source))? {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            let Some(thread) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            match self.thread(entry.path().join("schedstat")) {
                Ok(waiting) => all.push((thread, waiting)),
                Err(error) if !has_ended(&error) => return Err(error),
                Err(_) => {}
            }
        }
        all.sort_unstable_by_key(|(thread, _)| *thread);
        Ok(())
    }

    fn thread(&mut self, path: PathBuf) -> Result<SchedulerWait, SourceError> {
        let buffer = &mut self.buffer;
        match File::open(&path).and_then(|file| file.read_at(buffer, 0)) {
            Ok(length) => waiting(&buffer[..length]).ok_or(SourceError::Malformed {
                path,
                wanted: "figures",
            }),
            Err(source) => Err(SourceError::Read { path, source }),
        }
    }

    fn descriptors(
        &self,
        kept: &mut Option<File>,
        pid: u32,
        keep: bool,
    ) -> Result<u64, SourceError> {
        if !self.size_counts {
            let counted = count(&self.path(pid, "fd"));
            return counted.map_err(|source| self.failed(pid, "fd", source));
        }
        let directory = match kept.take() {
            Some(directory) => directory,
            // The size may be readable even if the content is not.
            None => File::options()
                .read(true)
                .custom_flags(nix::libc::O_PATH)
                .open(self.path(pid, "fd"))
                .map_err(|source| self.failed(pid, "fd", source))?,
        };
        let size = directory.metadata();
        let size = size.map_err(|source| self.failed(pid, "fd", source))?.len();
        *kept = keep.then_some(directory);
        Ok(size)
    }
}

fn count(directory: &Path) -> io::Result<u64> {
    Ok(std::fs::read_dir(directory)?.count() as u64)
}

fn parse_io(text: &[u8]) -> Option<ProcessIo> {
    Some(ProcessIo {
        disk_read_bytes: after(text, b"read_bytes:")?,
        disk_written_bytes: after(text, b"write_bytes:")?,
        read_bytes: after(text, b"rchar:")?,
        written_bytes: after(text, b"wchar:")?,
    })
}

/// Parses a file `schedstat` into the time that the thread waited and the times that it got a CPU;
/// `None` if it is malformed.
fn waiting(text: &[u8]) -> Option<SchedulerWait> {
    let times = ScheduleTimes::parse(text)?;
    Some(SchedulerWait {
        waited_ns: times.ready_ns,
        switches: times.slices,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ReadSpan;

    const EVERYTHING: ProcessFields = ProcessFields {
        children: true,
        faults: true,
        threads: true,
        io: true,
        descriptors: true,
        descriptors_if_cheap: true,
        scheduler: true,
        swap: true,
        pss: true,
    };

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join("7").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    const IO: &str = "rchar: 10\nwchar: 20\nsyscr: 1\nsyscw: 1\nread_bytes: 4096\n\
                      write_bytes: 8192\ncancelled_write_bytes: 0\n";

    #[test]
    fn everything_asked_for_is_read() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "io", IO);
        put(root.path(), "status", "Name:\tx\nVmSwap:\t  12 kB\n");
        put(
            root.path(),
            "smaps_rollup",
            "0-f rollup\nRss: 9 kB\nPss:   5 kB\n",
        );
        put(root.path(), "fd/0", "");
        put(root.path(), "fd/1", "");
        put(root.path(), "task/7/schedstat", "1 100 3\n");
        put(root.path(), "task/8/schedstat", "1 50 2\n");
        put(root.path(), "schedstat", "1 100 3\n");
        let mut files = DetailFiles::new(7);
        let mut gaps = Gaps::default();
        let mut reader = ProcessDetailReader::new(root.path());
        let mut read = || reader.read(&mut files, EVERYTHING, 2, true, &mut gaps);
        let detail = read();
        let io = detail.io.unwrap().value;
        assert_eq!((io.disk_read_bytes, io.disk_written_bytes), (4096, 8192));
        assert_eq!((io.read_bytes, io.written_bytes), (10, 20));
        assert_eq!(detail.swap_bytes, Some(12_288));
        assert_eq!(detail.pss_bytes, Some(5120));
        assert_eq!(detail.descriptors, Some(2));
        assert_eq!(detail.scheduler.unwrap().value, SchedulerWait::default());

        // Thread 8 ends and thread 9 starts. The time that both waited is not lost.
        put(root.path(), "task/7/schedstat", "1 110 4\n");
        std::fs::remove_dir_all(root.path().join("7/task/8")).unwrap();
        put(root.path(), "task/9/schedstat", "1 7 1\n");
        put(root.path(), "task/10/schedstat", "1 0 0\n");
        let waited = read().scheduler.unwrap().value;
        assert_eq!((waited.waited_ns, waited.switches), (17, 2));

        // All threads but the first end.
        put(root.path(), "schedstat", "1 115 5\n");
        let detail = reader.read(&mut files, EVERYTHING, 1, true, &mut gaps);
        let waited = detail.scheduler.unwrap().value;
        assert_eq!((waited.waited_ns, waited.switches), (22, 3));
        assert!(gaps.iter().next().is_none());
    }

    #[test]
    fn the_reading_of_a_sleeper_is_kept_but_not_of_memory_that_others_may_take() {
        let asked = ProcessFields {
            swap: false,
            pss: false,
            ..EVERYTHING
        };
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "io", IO);
        put(root.path(), "schedstat", "1 100 3\n");
        let mut files = DetailFiles::new(7);
        let mut gaps = Gaps::default();
        let mut reader = ProcessDetailReader::new(root.path());
        let still = ReadSpan {
            begin_ns: 5,
            end_ns: 9,
        };
        assert_eq!(files.reuse(asked, still), None, "nothing was read yet");
        let read = reader.read(&mut files, asked, 1, true, &mut gaps);
        let told = files.reuse(asked, still).unwrap();
        let (before, now) = (read.io.unwrap(), told.io.unwrap());
        assert_eq!((before.value, still), (now.value, now.span));
        assert_eq!(told.scheduler.unwrap().span, still);
        assert_eq!(
            files.reuse(ProcessFields::default(), still),
            None,
            "less was read"
        );
        reader.read(&mut files, EVERYTHING, 1, true, &mut gaps);
        assert_eq!(files.reuse(EVERYTHING, still), None);
    }

    #[test]
    fn a_process_that_has_ended_is_no_gap_and_an_odd_file_is_one() {
        let root = tempfile::tempdir().unwrap();
        let mut gaps = Gaps::default();
        let mut files = DetailFiles::new(7);
        let mut reader = ProcessDetailReader::new(root.path());
        let detail = reader.read(&mut files, EVERYTHING, 2, true, &mut gaps);
        assert_eq!(detail, ProcessDetail::default());
        assert!(gaps.iter().next().is_none());
        for length in 0..IO.len() - "cancelled_write_bytes: 0\n".len() {
            put(root.path(), "io", &IO[..length]);
            let detail = reader.read(&mut files, EVERYTHING, 1, false, &mut gaps);
            assert_eq!(detail.io, None, "{length}");
        }
        let named: Vec<_> = gaps.iter().map(|(what, _)| what).collect();
        assert_eq!(named, ["process.io"]);
    }

    #[test]
    fn descriptors_of_this_process_are_counted_however_the_kernel_tells() {
        let mut reader = ProcessDetailReader::new(Path::new("/proc"));
        let mut kept = None;
        let mut count = |reader: &ProcessDetailReader| {
            let own = reader.descriptors(&mut kept, std::process::id(), true);
            own.unwrap()
        };
        let counted = count(&reader);
        let held: Vec<File> = (0..50).map(|_| File::open("/dev/null").unwrap()).collect();
        let more = count(&reader);
        // Tests that run at the same time open files as well.
        assert!(more >= counted + 30, "{counted} {more}");
        reader.size_counts = false;
        assert!(count(&reader).abs_diff(more) < 20);
        drop(held);
    }
}
