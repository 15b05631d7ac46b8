//! Writer of one file of raw samples.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::SchemaRef;
use nix::sys::statvfs::{Statvfs, fstatvfs, statvfs};

use super::columns::Columns;
use super::error::LEFT_FREE_BYTES;
use super::sample::RawSample;
use super::{RawHeader, StreamError};

/// Free space in bytes that must be available before another file is begun on a disk that was full.
/// With less, the disk would soon be full again.
const FREE_AGAIN_BYTES: u64 = 2 * LEFT_FREE_BYTES;

/// Amount of raw samples that was written to disk: bytes, rows, and samples, which are ticks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) samples: u64,
    /// Time of the last sample on disk, in nanoseconds of the monotonic clock; 0 if there is none.
    pub(super) until_ns: u64,
}

impl Written {
    /// Returns the sum of this amount and that of a later file; `until_ns` is the later time.
    pub(super) fn and(self, later: Self) -> Self {
        Self {
            bytes: self.bytes + later.bytes,
            rows: self.rows + later.rows,
            samples: self.samples + later.samples,
            until_ns: self.until_ns.max(later.until_ns),
        }
    }
}

/// File of raw samples that is being written, and rows that wait in memory. Each batch is written
/// in one call.
pub(super) struct SampleFile {
    path: PathBuf,
    file: File,
    schema: SchemaRef,
    encoder: StreamWriter<Vec<u8>>,
    columns: Columns,
    waiting_samples: u64,
    waiting_until_ns: u64,
    written: Written,
    restored: u64,
}

impl SampleFile {
    /// Creates or truncates the file at `path`, creates its directory if necessary, and writes the
    /// header. Fails if the file cannot be written.
    pub(super) fn create(path: &Path, header: &RawHeader) -> Result<Self, StreamError> {
        let schema: SchemaRef = Arc::new(header.schema());
        // LZ4 makes the file about a fifth of the size, takes only microseconds, and is supported by every
        // Arrow reader.
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::LZ4_FRAME))
            .map_err(StreamError::Encode)?;
        let encoder = StreamWriter::try_new_with_options(Vec::new(), &schema, options)
            .map_err(StreamError::Encode)?;
        let file = make(path, true).map_err(|source| StreamError::Write {
            path: path.to_owned(),
            source,
        })?;
        let mut made = Self {
            path: path.to_owned(),
            file,
            schema,
            encoder,
            columns: Columns::default(),
            waiting_samples: 0,
            waiting_until_ns: 0,
            written: Written::default(),
            restored: 0,
        };
        made.write_encoded()?;
        Ok(made)
    }

    /// Returns the amount that was written to this file so far.
    pub(super) fn written(&self) -> Written {
        self.written
    }

    /// Returns the number of times that the file was written again because it was removed or moved.
    pub(super) fn restored(&self) -> u64 {
        self.restored
    }

    /// Returns the number of rows that wait in memory to be written.
    pub(super) fn waiting_rows(&self) -> usize {
        self.columns.len()
    }

    /// Adds the readings of one tick to the rows that wait in memory.
    pub(super) fn add(&mut self, sample: &RawSample) {
        self.columns.add(sample);
        self.waiting_samples += 1;
        self.waiting_until_ns = sample.at_ns;
    }

    /// Writes the rows that wait in memory as a batch; does nothing if there are none. If that
    /// fails, the file is closed after its last complete batch, and no more rows may be written to
    /// it.
    pub(super) fn flush(&mut self) -> Result<(), StreamError> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let written = self.write_batch();
        if written.is_err() {
            self.close_behind_last_batch();
        }
        written
    }

    /// Writes the rows that wait in memory, and the marker that closes the stream. Fails if either
    /// cannot be written.
    pub(super) fn close(&mut self) -> Result<(), StreamError> {
        self.flush()?;
        self.encoder.finish().map_err(StreamError::Encode)?;
        self.write_encoded()
    }

    fn write_batch(&mut self) -> Result<(), StreamError> {
        check_room(&self.path, fstatvfs(&self.file), LEFT_FREE_BYTES)?;
        let rows = self.columns.len() as u64;
        let batch = self.columns.take(&self.schema);
        batch
            .and_then(|batch| self.encoder.write(&batch))
            .map_err(StreamError::Encode)?;
        self.write_encoded()?;
        self.written.rows += rows;
        self.written.samples += std::mem::take(&mut self.waiting_samples);
        self.written.until_ns = self.waiting_until_ns;
        Ok(())
    }

    fn write_encoded(&mut self) -> Result<(), StreamError> {
        self.restore()?;
        let encoded = self.encoder.get_mut();
        let written = self.file.write_all(encoded);
        if written.is_ok() {
            self.written.bytes += encoded.len() as u64;
        }
        encoded.clear();
        written.map_err(|source| StreamError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Writes the content to a new file at the same path if the file, or its directory, was removed
    /// or moved. The open file could still be read, but it would not be beside the report. Fails if
    /// the disk has no room, or if another file has the path.
    fn restore(&mut self) -> Result<(), StreamError> {
        if !self.is_gone() {
            return Ok(());
        }
        let disk = fstatvfs(&self.file);
        check_room(&self.path, disk, self.written.bytes + LEFT_FREE_BYTES)?;
        self.copy_back().map_err(|source| StreamError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Returns true if the file was removed, or if no file exists at its path, as after a move.
    fn is_gone(&self) -> bool {
        let found = std::fs::symlink_metadata(&self.path);
        let removed = self.file.metadata().is_ok_and(|file| file.nlink() == 0);
        removed || found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    fn copy_back(&mut self) -> io::Result<()> {
        // If another program has created a file of that name, that file is kept and this fails.
        let mut again = make(&self.path, false)?;
        self.file.rewind()?;
        let mut whole = (&self.file).take(self.written.bytes);
        if let Err(error) = io::copy(&mut whole, &mut again) {
            let _ = std::fs::remove_file(&self.path);
            return Err(error);
        }
        self.file = again;
        self.restored += 1;
        Ok(())
    }

    /// Removes an incomplete batch, which makes room for the marker that closes the stream. If
    /// closing fails too, readers treat the file as cut short.
    fn close_behind_last_batch(&mut self) {
        let _ = self.file.set_len(self.written.bytes);
        let _ = self.file.seek(io::SeekFrom::Start(self.written.bytes));
        if self.encoder.finish().is_ok() {
            let _ = self.write_encoded();
        }
    }
}

/// Creates the file at `path`, and its directory, and opens it for reading and writing. An existing
/// file is truncated if `may_replace` is set; otherwise this fails.
fn make(path: &Path, may_replace: bool) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut options = File::options();
    options.read(true).write(true);
    if may_replace {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(path)
}

/// Fails with [`StreamError::NearlyFull`] if the disk of `path` has less than [`FREE_AGAIN_BYTES`]
/// of free space; passes if the free space is unknown.
pub(super) fn check_room_again(path: &Path) -> Result<(), StreamError> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let disk = statvfs(directory.unwrap_or(Path::new(".")));
    check_room(path, disk, FREE_AGAIN_BYTES)
}

fn check_room(path: &Path, disk: nix::Result<Statvfs>, least: u64) -> Result<(), StreamError> {
    // If the file system does not report its free space, the check passes.
    let disk = disk.ok().filter(|disk| disk.blocks() > 0);
    #[allow(clippy::cast_lossless, reason = "macOS counts in 32 bits, Linux in 64")]
    let left = disk.map(|disk| disk.blocks_available() as f64 * disk.fragment_size() as f64);
    match left {
        Some(left) if left < least as f64 => Err(StreamError::NearlyFull {
            path: path.to_owned(),
            left_bytes: left as u64,
        }),
        _ => Ok(()),
    }
}
