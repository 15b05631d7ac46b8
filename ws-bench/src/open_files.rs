//! Reserve of open files, of which each connection takes one.

use std::fs::File;

/// File descriptors kept in reserve, so that the report can still be written when connections have
/// used up all others.
#[derive(Debug)]
pub(crate) struct ReservedFiles {
    _held: Vec<File>,
}

const RESERVED: usize = 16;

impl ReservedFiles {
    /// Opens them, as many as the limit allows; they are closed when this is dropped.
    pub(crate) fn open() -> Self {
        let files = (0..RESERVED).map_while(|_| File::open("/dev/null").ok());
        Self {
            _held: files.collect(),
        }
    }
}
