//! Reader of the files of a single process below `/proc`.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ProcessSample;
use super::schedule::{ScheduleFile, ScheduleTimes};
use super::stat;
use super::status::ProcessStatus;
use crate::source::{KernelUnits, SourceError, Timed};
use crate::{CommandLine, Masking};

/// Largest length of a command line that is read, in bytes; the rest is lost.
const COMMAND_LINE_BYTES: usize = 4096;

/// Directory of one process below `/proc`. Each call opens, reads and closes a file. To read many
/// processes at every tick, use [`HostSource`](crate::source::HostSource).
#[derive(Debug, Clone)]
pub struct ProcessDirectory {
    path: PathBuf,
}

impl ProcessDirectory {
    /// Names the directory `/proc/PID` of process `pid`, without reading it.
    pub fn new(pid: u32) -> Self {
        Self::below(Path::new("/proc"), pid)
    }

    /// Names the directory of this process, `/proc/self`, without reading it.
    pub fn own() -> Self {
        Self {
            path: PathBuf::from("/proc/self"),
        }
    }

    /// Names the directory of process `pid` in the file tree `proc`, without reading it.
    pub(crate) fn below(proc: &Path, pid: u32) -> Self {
        Self {
            path: proc.join(pid.to_string()),
        }
    }

    /// Reads `stat`: CPU time, memory, threads and parent of the process. The name in the result is
    /// masked with `masking`.
    ///
    /// # Errors
    /// Fails if the process has ended or is hidden, or if the content is malformed.
    pub fn sample(
        &self,
        units: KernelUnits,
        masking: Masking,
    ) -> Result<ProcessSample, SourceError> {
        let read = Timed::around(|| self.read("stat"))?;
        let bytes = &read.value;
        let pid = bytes.split(|byte| *byte == b' ').next();
        let pid = pid.and_then(super::words::number);
        let sample = stat::parse(bytes, units).zip(pid).map(|(stat, pid)| {
            let name = (masking.text)(&String::from_utf8_lossy(stat.name));
            stat.sample(pid as u32, Arc::from(name), read.span)
        });
        sample.ok_or_else(|| self.malformed("stat"))
    }

    /// Reads `schedstat`: times of the first thread of the process only.
    ///
    /// # Errors
    /// Fails if the process has ended or is hidden, or if the kernel does not provide the file.
    pub fn schedule(&self) -> Result<ScheduleTimes, SourceError> {
        let path = self.path.join("schedstat");
        let read = ScheduleFile::open(&path).and_then(|file| file.read());
        read.map_err(|source| SourceError::Read { path, source })
    }

    /// Reads `status`: largest resident memory, swap and allowed CPUs of the process.
    ///
    /// # Errors
    /// Fails if the process has ended or is hidden.
    pub fn status(&self) -> Result<ProcessStatus, SourceError> {
        Ok(ProcessStatus::parse(&self.read("status")?))
    }

    /// Reads the ids of the processes that the thread `pid` of this process started and that still
    /// exist. Leaves out children of its other threads; `pid` of the process itself names its first
    /// thread.
    ///
    /// # Errors
    /// Fails if this process has no thread `pid`, or if the kernel is built without that file.
    pub fn children(&self, pid: u32) -> Result<Vec<u32>, SourceError> {
        let children = self.read(&format!("task/{pid}/children"))?;
        let children = String::from_utf8_lossy(&children);
        let children = children.split_ascii_whitespace();
        Ok(children.filter_map(|child| child.parse().ok()).collect())
    }

    /// Reads the first 4 KiB of the command line, or of the title with which the program has
    /// replaced it, and masks it with `masking`. `None` if it is empty, as that of a kernel thread.
    ///
    /// # Errors
    /// Fails if the process has ended or is hidden.
    pub fn command_line(&self, masking: Masking) -> Result<Option<CommandLine>, SourceError> {
        let path = self.path.join("cmdline");
        let mut bytes = vec![0; COMMAND_LINE_BYTES];
        let read = File::open(&path).and_then(|file| file.read_at(&mut bytes, 0));
        let length = read.map_err(|source| SourceError::Read { path, source })?;
        let line = String::from_utf8_lossy(&bytes[..length]);
        let words = line.trim_end_matches('\0').split('\0');
        let words: Vec<String> = words.map(str::to_owned).collect();
        let has_any = words.iter().any(|word| !word.is_empty());
        Ok(has_any.then(|| CommandLine::new(words, masking)))
    }

    /// Counts the open file descriptors of the process.
    ///
    /// # Errors
    /// Fails if the process has ended, or belongs to another user and this one is not root.
    pub(crate) fn open_files(&self) -> Result<u64, SourceError> {
        let path = self.path.join("fd");
        match std::fs::read_dir(&path) {
            Ok(files) => Ok(files.count() as u64),
            Err(source) => Err(SourceError::Read { path, source }),
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        let path = self.path.join(name);
        let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
        match read {
            Ok(_) => Ok(bytes),
            Err(source) => Err(SourceError::Read { path, source }),
        }
    }

    fn malformed(&self, name: &str) -> SourceError {
        SourceError::Malformed {
            path: self.path.join(name),
            wanted: "figures",
        }
    }
}

/// Reads process `pid`: its sample, with the name masked, and the number of its open files, `None`
/// if that cannot be read. Works on systems without `/proc` too.
///
/// # Errors
/// Fails if the process has ended or is hidden.
pub fn read_process(
    pid: u32,
    masking: Masking,
) -> Result<(ProcessSample, Option<u64>), SourceError> {
    #[cfg(target_os = "linux")]
    {
        let directory = ProcessDirectory::new(pid);
        let sample = directory.sample(KernelUnits::host(), masking)?;
        Ok((sample, directory.open_files().ok()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let read = crate::source::portable::read_process(pid, masking);
        read.ok_or_else(|| SourceError::Unserved(format!("process {pid}")))
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_read() {
        let own = ProcessDirectory::own();
        let sample = own.sample(KernelUnits::host(), Masking::NONE).unwrap();
        assert_eq!(sample.id.pid, std::process::id());
        assert_eq!(sample.parent, std::os::unix::process::parent_id());
        assert!(sample.rss_bytes > 0 && sample.threads > Some(1));
        let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
        assert_eq!(&*sample.name, comm.trim_end());
        let status = own.status().unwrap();
        assert!(status.rss_max_bytes.unwrap() >= sample.rss_bytes / 2);
        assert!(!status.allowed_cpus.unwrap().is_empty());
        let words = own.command_line(Masking::NONE).unwrap().unwrap().masked();
        assert_eq!(words, std::env::args().collect::<Vec<_>>());
        let (same, files) = read_process(std::process::id(), Masking::NONE).unwrap();
        assert_eq!((same.id, files.is_some()), (sample.id, true));
        assert!(own.open_files().unwrap() > 2);
    }

    #[test]
    fn a_made_up_process_has_children_and_one_that_is_gone_is_named() {
        let root = tempfile::tempdir().unwrap();
        let task = root.path().join("7/task/7");
        std::fs::create_dir_all(&task).unwrap();
        std::fs::write(task.join("children"), "8 9 ").unwrap();
        std::fs::write(root.path().join("7/stat"), "7 (x").unwrap();
        let process = ProcessDirectory::below(root.path(), 7);
        assert_eq!(process.children(7).unwrap(), [8, 9]);
        let odd = process
            .sample(KernelUnits::host(), Masking::NONE)
            .unwrap_err();
        assert!(odd.to_string().contains("no readable figures"), "{odd}");
        let gone = ProcessDirectory::below(root.path(), 8)
            .schedule()
            .unwrap_err();
        assert!(gone.to_string().contains("8/schedstat"), "{gone}");
    }
}
