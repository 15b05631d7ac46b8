//! File of `/proc` or `/sys` that stays open and is read again at each tick.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::monotonic_ns;

use super::{SourceError, Timed};

/// Initial size of the read buffer in bytes. It is small, because for some files the kernel clears
/// as much memory as is requested.
const FIRST_BUFFER_BYTES: usize = 256;
/// Length in bytes below which the answer to one read ends the file. The kernel fills a page with
/// as many records as fit, and no record of these files is half a page long.
const LAST_ANSWER_BYTES: usize = 2048;
/// Largest file that is read, in bytes. No file of the kernel comes near it; it keeps an endless
/// file from exhausting memory.
const LARGEST_FILE_BYTES: usize = 16 * 1024 * 1024;

/// File that is opened at its first read and stays open for the next ones, which begin at offset 0.
#[derive(Debug)]
pub(crate) struct KeptFile {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl KeptFile {
    /// Creates the reader of the file at `path`, without opening it.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            buffer: Vec::new(),
        }
    }

    /// Reads the whole file and passes the text up to its last line end to `parse`. Returns the
    /// parsed value with the time of the read. After a failed read the next one opens the file
    /// again, so that a file that reappears is read.
    ///
    /// # Errors
    /// Fails if the file cannot be opened or read, is larger than 16 MiB, or if `parse` returns
    /// `None`; `wanted` then names the missing content in the error.
    pub(crate) fn read<T>(
        &mut self,
        wanted: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Timed<T>, SourceError> {
        let read = Timed::around(|| self.fill());
        let length = read.map_err(|source| {
            self.file = None;
            SourceError::Read {
                path: self.path.clone(),
                source,
            }
        })?;
        let bytes = &self.buffer[..length.value];
        // Checking for UTF-8 is fast, unlike the lossy conversion.
        let text = std::str::from_utf8(bytes)
            .map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        // The kernel ends every line. Without the line end, a last number may lack digits.
        let lines = text.rfind('\n').map_or("", |end| &text[..=end]);
        let value = parse(lines).ok_or_else(|| SourceError::Malformed {
            path: self.path.clone(),
            wanted,
        })?;
        Ok(length.map(|_| value))
    }

    fn fill(&mut self) -> io::Result<usize> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path)?,
        };
        let length = read_whole(&file, &mut self.buffer)?;
        self.file = Some(file);
        Ok(length)
    }
}

/// File whose content changes slowly. A value that was read, or an error, is returned again until
/// it is `max_age_ns` old.
#[derive(Debug)]
pub(crate) struct SlowFile<T> {
    file: KeptFile,
    max_age_ns: u64,
    last: Option<Result<Timed<T>, Arc<SourceError>>>,
    read_ns: u64,
}

impl<T: Clone> SlowFile<T> {
    /// Creates a reader of the file at `path`, without opening it. A reading of at least
    /// `max_age_ns` nanoseconds is renewed by the next `read`.
    pub(crate) fn new(path: PathBuf, max_age_ns: u64) -> Self {
        Self {
            file: KeptFile::new(path),
            max_age_ns,
            last: None,
            read_ns: 0,
        }
    }

    /// Returns the last value or error, after reading the file again if that is at least
    /// `max_age_ns` old.
    ///
    /// # Errors
    /// Fails if the last read failed, for the reasons of [`KeptFile::read`].
    pub(crate) fn read(
        &mut self,
        wanted: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Timed<T>, Arc<SourceError>> {
        let now_ns = monotonic_ns();
        let is_fresh = now_ns.saturating_sub(self.read_ns) < self.max_age_ns;
        if let Some(last) = self.last.as_ref().filter(|_| is_fresh) {
            return last.clone();
        }
        let read = self.file.read(wanted, parse).map_err(Arc::new);
        self.read_ns = now_ns;
        self.last = Some(read.clone());
        read
    }
}

/// Reads `file` from offset 0 to its end into `buffer`, which grows as needed, and returns the
/// length in bytes. Reads repeatedly, because the kernel may return less than requested although
/// the file continues. Fails for a file of more than 16 MiB.
fn read_whole(file: &File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut length = 0;
    loop {
        if length == buffer.len() {
            if length >= LARGEST_FILE_BYTES {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    "it does not end",
                ));
            }
            buffer.resize((length * 2).max(FIRST_BUFFER_BYTES), 0);
        }
        let asked = buffer.len() - length;
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => return Ok(length),
            Ok(last) if last < asked.min(LAST_ANSWER_BYTES) => return Ok(length + last),
            Ok(more) => length += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_file_shows_its_newest_content_however_long() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("stat");
        std::fs::write(&path, "short\n").unwrap();
        let mut kept = KeptFile::new(path.clone());
        let text = |s: &str| Some(s.to_owned());
        assert_eq!(kept.read("text", text).unwrap().value, "short\n");
        for length in [FIRST_BUFFER_BYTES, 3 * LAST_ANSWER_BYTES, 9] {
            let long = "x".repeat(length - 1) + "\n";
            std::fs::write(&path, &long).unwrap();
            let read = kept.read("text", text).unwrap();
            assert_eq!(read.value, long);
            assert!(read.span.begin_ns <= read.span.end_ns);
        }
    }

    #[test]
    fn the_kernels_own_files_are_read_to_their_end() {
        // One file has many records and is longer than a page, one is a single record, and one is
        // of another kind.
        for path in ["/proc/vmstat", "/proc/net/netstat", "/proc/sys/fs/file-nr"] {
            let Ok(whole) = std::fs::read_to_string(path) else {
                continue;
            };
            let lines = |text: &str| Some(text.lines().count());
            let read = KeptFile::new(path.into()).read("lines", lines).unwrap();
            assert_eq!(read.value, whole.lines().count(), "{path}");
        }
    }

    #[test]
    fn what_changes_slowly_is_read_again_once_it_is_too_old() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("limit");
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let mut slow = SlowFile::new(path.clone(), u64::MAX);
        let mut each_time = SlowFile::new(path.clone(), 0);
        let read = |slow: &mut SlowFile<u64>| Some(slow.read("limit", number).ok()?.value);
        assert_eq!((read(&mut slow), read(&mut each_time)), (None, None));
        std::fs::write(&path, "7\n").unwrap();
        assert_eq!((read(&mut slow), read(&mut each_time)), (None, Some(7)));
        let mut slow = SlowFile::new(path.clone(), u64::MAX);
        assert_eq!(read(&mut slow), Some(7));
        std::fs::write(&path, "8\n").unwrap();
        assert_eq!((read(&mut slow), read(&mut each_time)), (Some(7), Some(8)));
    }

    #[test]
    fn what_is_missing_is_named_and_what_comes_back_is_read() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("late");
        let mut kept = KeptFile::new(path.clone());
        let error = kept.read("text", |_| Some(())).unwrap_err();
        assert!(error.to_string().contains("late"), "{error}");
        std::fs::write(&path, "here").unwrap();
        assert!(kept.read("text", |_| Some(())).is_ok());
        let error = kept.read("sense", |_| None::<()>).unwrap_err();
        assert!(error.to_string().contains("no readable sense"), "{error}");
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_rest() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("odd");
        std::fs::write(&path, b"\xff\xfe 7\n8").unwrap();
        let last = |s: &str| s.trim_end().split(' ').nth(1)?.parse::<u64>().ok();
        assert_eq!(KeptFile::new(path).read("number", last).unwrap().value, 7);
    }
}
