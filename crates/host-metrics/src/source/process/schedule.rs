//! File `schedstat`: time that a thread ran, time that it waited for a CPU, and number of times
//! that it got a CPU.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::words::WordReader;

/// Size of the buffer for one line in bytes: three numbers of 20 digits.
const LINE_BYTES: usize = 64;

/// Counters of the scheduler for one thread, since the thread started. Read of a process, they are
/// those of its first thread only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScheduleTimes {
    /// Time in which the thread ran on a CPU, in nanoseconds.
    pub ran_ns: u64,
    /// Time in which the thread was ready to run but had no CPU, in nanoseconds.
    pub ready_ns: u64,
    /// Number of times that the thread got a CPU; zero if the kernel does not count.
    pub slices: u64,
}

impl ScheduleTimes {
    /// Parses a line of the form `ran ready slices`; `None` if it lacks its line end or a number.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut words = WordReader::new(text.strip_suffix(b"\n")?);
        Some(Self {
            ran_ns: words.number(0)?,
            ready_ns: words.number(0)?,
            slices: words.number(0)?,
        })
    }
}

/// File `schedstat` of one thread, which stays open. It belongs to its thread, not to the thread
/// id: once the thread has ended every read fails, even if the id is reused.
#[derive(Debug)]
pub struct ScheduleFile(File);

impl ScheduleFile {
    /// Opens the file `schedstat` of the calling thread.
    ///
    /// # Errors
    /// Fails if the kernel does not provide the file, or if there is no `/proc`.
    #[cfg(target_os = "linux")]
    pub fn of_this_thread() -> io::Result<Self> {
        let thread = nix::unistd::gettid();
        Self::open(Path::new(&format!("/proc/self/task/{thread}/schedstat")))
    }

    /// Fails, because only Linux has these counters.
    ///
    /// # Errors
    /// Always fails.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of_this_thread() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Opens the file `schedstat` at `path`. Fails if it does not exist or may not be read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// Reads the counters of the thread with one system call and no allocation.
    ///
    /// # Errors
    /// Fails once the thread has ended, and if the line is malformed.
    pub fn read(&self) -> io::Result<ScheduleTimes> {
        let mut line = [0; LINE_BYTES];
        let length = self.0.read_at(&mut line, 0)?;
        ScheduleTimes::parse(&line[..length]).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_are_read_and_a_cut_line_is_not() {
        let times = ScheduleTimes::parse(b"123456789 5 6\n").unwrap();
        assert_eq!(
            (times.ran_ns, times.ready_ns, times.slices),
            (123_456_789, 5, 6)
        );
        for odd in ["", "1 2 3", "1 2\n", "x 2 3\n", "-1 2 3\n"] {
            assert_eq!(ScheduleTimes::parse(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_is_read_until_it_ends() {
        let Ok(own) = ScheduleFile::of_this_thread() else {
            return;
        };
        let before = own.read().unwrap();
        let mut sum = 0_u64;
        while own.read().unwrap().ran_ns < before.ran_ns + 1_000_000 {
            sum = sum.wrapping_mul(31).wrapping_add(1);
        }
        let ended = std::thread::spawn(|| ScheduleFile::of_this_thread().unwrap());
        let ended = ended.join().unwrap();
        // The kernel may take a moment to remove the thread.
        let gone = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            ended.read().is_err()
        });
        assert!(gone, "{sum}");
    }
}
