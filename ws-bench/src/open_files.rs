//! Open files kept in reserve: each connection takes one.

use std::fs::File;

/// Descriptors kept from being used up: what is left when none can be had any more, so that the
/// report can still be written.
#[derive(Debug)]
pub(crate) struct ReservedFiles {
    _held: Vec<File>,
}

const RESERVED: usize = 16;

impl ReservedFiles {
    /// Takes them, as many as there are; they are free again when this is dropped.
    pub(crate) fn open() -> Self {
        let files = (0..RESERVED).map_while(|_| File::open("/dev/null").ok());
        Self {
            _held: files.collect(),
        }
    }
}
