//! The limit of open files: each connection takes one.

use std::fs::File;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one and returns what holds now; `None` where the system
/// does not tell.
pub(crate) fn raise() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        return Some(hard);
    }
    Some(soft)
}

/// Files that this process has open; `None` where the system does not tell.
pub(crate) fn open_now() -> Option<u64> {
    let directory = ["/proc/self/fd", "/dev/fd"]
        .into_iter()
        .find_map(|path| std::fs::read_dir(path).ok())?;
    // The directory itself is open while it is read.
    Some((directory.count() as u64).saturating_sub(1))
}

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
