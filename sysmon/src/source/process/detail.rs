//! What is dear to read of a process, and so is read of those that matter only.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::number::{Words, after};
use super::{Detail, Fields, ProcessIo, Waiting};
use crate::source::{Gaps, SourceError, Timed};

/// Longer than any of these files.
const FILE_BYTES: usize = 8192;

/// The files of one process, some of them kept open.
#[derive(Debug)]
pub(super) struct DetailFiles {
    directory: PathBuf,
    io: Option<File>,
    status: Option<File>,
    smaps: Option<File>,
    schedule: Option<File>,
    pid: u32,
    threads: HashMap<u32, Waiting>,
    looked: bool,
    waited: Waiting,
}

impl DetailFiles {
    pub(super) fn of(proc: &Path, pid: u32) -> Self {
        Self {
            directory: proc.join(pid.to_string()),
            io: None,
            status: None,
            smaps: None,
            schedule: None,
            pid,
            threads: HashMap::new(),
            looked: false,
            waited: Waiting::default(),
        }
    }

    pub(super) fn handles(&self) -> usize {
        let kept = [&self.io, &self.status, &self.smaps, &self.schedule];
        kept.into_iter().filter(|file| file.is_some()).count()
    }

    /// Adds what each thread waited since the last look. A thread that ended takes its counters
    /// with it, so they are added up here; one that was born meanwhile has waited all it shows.
    fn wait(&mut self, threads: HashMap<u32, Waiting>) -> Waiting {
        for (thread, now) in &threads {
            let before = self.threads.get(thread).copied();
            let before = before.unwrap_or(if self.looked {
                Waiting::default()
            } else {
                *now
            });
            self.waited.waited_ns += now.waited_ns.saturating_sub(before.waited_ns);
            self.waited.switches += now.switches.saturating_sub(before.switches);
        }
        self.threads = threads;
        self.looked = true;
        self.waited
    }
}

/// Reads details, one process after the other, with one buffer.
#[derive(Debug)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    /// Since Linux 6.2 the size of the directory of descriptors is their number.
    size_counts: bool,
}

impl Reader {
    pub(super) fn new(proc: &Path) -> Self {
        let own = proc.join("self/fd");
        // While it is listed there is one more.
        let listed = count(&own).ok().filter(|count| *count > 0);
        let size = std::fs::metadata(&own).map(|directory| directory.len());
        Self {
            buffer: vec![0; FILE_BYTES],
            size_counts: listed.zip(size.ok()).is_some_and(|(n, size)| n == size + 1),
        }
    }

    pub(super) fn read(
        &mut self,
        files: &mut DetailFiles,
        fields: Fields,
        keep: bool,
        gaps: &mut Gaps,
    ) -> Detail {
        let directory = files.directory.clone();
        let kib = |kibibytes: u64| kibibytes.checked_mul(1024);
        let mut detail = Detail::default();
        if fields.io {
            let read = self.one(&mut files.io, &directory, "io", keep, parse_io);
            detail.io = note("process.io", read, gaps);
        }
        if fields.swap {
            let swap = |text: &[u8]| Some(after(text, b"VmSwap:").unwrap_or(0));
            let read = self.one(&mut files.status, &directory, "status", keep, swap);
            detail.swap_bytes = note("process.swap", read, gaps).and_then(|read| kib(read.value));
        }
        if fields.pss {
            // Threads of the kernel map nothing and have an empty file.
            let pss = |text: &[u8]| Some(after(text, b"Pss:").unwrap_or(0));
            let read = self.one(&mut files.smaps, &directory, "smaps_rollup", keep, pss);
            detail.pss_bytes = note("process.pss", read, gaps).and_then(|read| kib(read.value));
        }
        if fields.scheduler {
            let read = self.threads(files, keep);
            let threads = note("process.scheduler", read, gaps);
            detail.scheduler = threads.map(|read| read.map(|threads| files.wait(threads)));
        }
        if fields.descriptors {
            let read = self.descriptors(&directory.join("fd"));
            detail.descriptors = note("process.descriptors", read, gaps);
        }
        detail
    }

    /// Reads one file of the process, kept open or not.
    fn one<T>(
        &mut self,
        kept: &mut Option<File>,
        directory: &Path,
        name: &'static str,
        keep: bool,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Timed<T>, SourceError> {
        let path = || directory.join(name);
        let failed = |source| SourceError::Read {
            path: path(),
            source,
        };
        let file = match kept.take() {
            Some(file) => file,
            None => File::open(path()).map_err(failed)?,
        };
        let buffer = &mut self.buffer;
        let length = Timed::around(|| file.read_at(buffer, 0)).map_err(failed)?;
        let value = parse(&self.buffer[..length.value]).ok_or_else(|| SourceError::Malformed {
            path: path(),
            wanted: "figures",
        })?;
        *kept = keep.then_some(file);
        Ok(length.map(|_| value))
    }

    /// `schedstat` of a process is that of its first thread alone, so all are read where there
    /// are several.
    fn threads(
        &mut self,
        files: &mut DetailFiles,
        keep: bool,
    ) -> Result<Timed<HashMap<u32, Waiting>>, SourceError> {
        let directory = files.directory.join("task");
        let failed = |source| SourceError::Read {
            path: directory.clone(),
            source,
        };
        // A directory has two links of its own and one for each thread.
        let links = std::fs::metadata(&directory).map_err(failed)?;
        let links = std::os::unix::fs::MetadataExt::nlink(&links);
        if links <= 3 {
            let (pid, home) = (files.pid, files.directory.clone());
            let first = self.one(
                &mut files.schedule,
                &home,
                "schedstat",
                keep,
                parse_schedstat,
            );
            return Ok(first?.map(|waiting| HashMap::from([(pid, waiting)])));
        }
        files.schedule = None;
        Timed::around(|| {
            let mut threads = HashMap::new();
            for entry in std::fs::read_dir(&directory).map_err(failed)? {
                let Ok(entry) = entry else { continue };
                let thread = entry
                    .file_name()
                    .to_str()
                    .and_then(|name| name.parse().ok());
                let read = self.one(
                    &mut None,
                    &entry.path(),
                    "schedstat",
                    false,
                    parse_schedstat,
                );
                match (thread, read) {
                    (Some(thread), Ok(waiting)) => drop(threads.insert(thread, waiting.value)),
                    (_, Err(error)) if !has_gone(&error) => return Err(error),
                    _ => {}
                }
            }
            Ok(threads)
        })
    }

    fn descriptors(&self, directory: &Path) -> Result<u64, SourceError> {
        let failed = |source| SourceError::Read {
            path: directory.to_owned(),
            source,
        };
        if self.size_counts {
            let directory = std::fs::metadata(directory).map_err(failed)?;
            return Ok(directory.len());
        }
        count(directory).map_err(failed)
    }
}

fn count(directory: &Path) -> io::Result<u64> {
    Ok(std::fs::read_dir(directory)?.count() as u64)
}

/// Keeps what was read; notes the reason when nothing was, unless the process has gone.
fn note<T>(what: &'static str, read: Result<T, SourceError>, gaps: &mut Gaps) -> Option<T> {
    match read {
        Err(error) if has_gone(&error) => None,
        read => gaps.keep(what, read),
    }
}

fn has_gone(error: &SourceError) -> bool {
    let SourceError::Read { source, .. } = error else {
        return false;
    };
    source.raw_os_error() == Some(nix::libc::ESRCH) || source.kind() == io::ErrorKind::NotFound
}

fn parse_io(text: &[u8]) -> Option<ProcessIo> {
    Some(ProcessIo {
        disk_read_bytes: after(text, b"read_bytes:")?,
        disk_written_bytes: after(text, b"write_bytes:")?,
        read_bytes: after(text, b"rchar:")?,
        written_bytes: after(text, b"wchar:")?,
    })
}

/// `ran waited slices`
fn parse_schedstat(text: &[u8]) -> Option<Waiting> {
    let mut words = Words::of(text.strip_suffix(b"\n")?);
    Some(Waiting {
        waited_ns: words.number(1)?,
        switches: words.number(0)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: Fields = Fields {
        children: true,
        faults: true,
        threads: true,
        io: true,
        descriptors: true,
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
        let mut files = DetailFiles::of(root.path(), 7);
        let mut gaps = Gaps::default();
        let mut reader = Reader::new(root.path());
        let mut read = || reader.read(&mut files, EVERYTHING, true, &mut gaps);
        let detail = read();
        let io = detail.io.unwrap().value;
        assert_eq!((io.disk_read_bytes, io.disk_written_bytes), (4096, 8192));
        assert_eq!((io.read_bytes, io.written_bytes), (10, 20));
        assert_eq!(detail.swap_bytes, Some(12_288));
        assert_eq!(detail.pss_bytes, Some(5120));
        assert_eq!(detail.descriptors, Some(2));
        assert_eq!(detail.scheduler.unwrap().value, Waiting::default());

        // Thread 8 ends, 9 is born, and what both waited is not lost.
        put(root.path(), "task/7/schedstat", "1 110 4\n");
        std::fs::remove_dir_all(root.path().join("7/task/8")).unwrap();
        put(root.path(), "task/9/schedstat", "1 7 1\n");
        put(root.path(), "task/10/schedstat", "1 0 0\n");
        let waited = read().scheduler.unwrap().value;
        assert_eq!((waited.waited_ns, waited.switches), (17, 2));
        assert!(gaps.iter().next().is_none());
    }

    #[test]
    fn a_process_that_has_gone_is_no_gap_and_an_odd_file_is_one() {
        let root = tempfile::tempdir().unwrap();
        let mut gaps = Gaps::default();
        let mut files = DetailFiles::of(root.path(), 7);
        let mut reader = Reader::new(root.path());
        let detail = reader.read(&mut files, EVERYTHING, true, &mut gaps);
        assert_eq!(detail, Detail::default());
        assert!(gaps.iter().next().is_none());
        for length in 0..IO.len() - "cancelled_write_bytes: 0\n".len() {
            put(root.path(), "io", &IO[..length]);
            let detail = reader.read(&mut files, EVERYTHING, false, &mut gaps);
            assert_eq!(detail.io, None, "{length}");
        }
        let named: Vec<_> = gaps.iter().map(|(what, _)| what).collect();
        assert_eq!(named, ["process.io"]);
    }

    #[test]
    fn descriptors_of_this_process_are_counted_however_the_kernel_tells() {
        let mut reader = Reader::new(Path::new("/proc"));
        let own = Path::new("/proc/self/fd");
        let counted = reader.descriptors(own).unwrap();
        let held: Vec<File> = (0..50).map(|_| File::open("/dev/null").unwrap()).collect();
        let more = reader.descriptors(own).unwrap();
        // Tests beside this one open files as well.
        assert!(more >= counted + 30, "{counted} {more}");
        reader.size_counts = false;
        assert!(reader.descriptors(own).unwrap().abs_diff(more) < 20);
        drop(held);
    }
}
