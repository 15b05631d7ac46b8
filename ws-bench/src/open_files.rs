//! Reserve of open files. Each connection takes one file descriptor.

use std::fs::File;

/// File descriptors kept in reserve, so that the report can still be written if connections have used up all
/// others.
#[derive(Debug)]
pub(crate) struct ReservedFiles {
    _held: Vec<File>,
}

const RESERVED: usize = 16;

impl ReservedFiles {
    /// Opens the reserve, or as many files of it as the limit allows. They are closed when this value is
    /// dropped.
    pub(crate) fn open() -> Self {
        let files = (0..RESERVED).map_while(|_| File::open("/dev/null").ok());
        Self {
            _held: files.collect(),
        }
    }
}
