//! Open files of this process: their limit, their number, and a reserve. Each connection takes one
//! file descriptor.

use std::fs::File;
use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// File descriptors kept in reserve, so that files can still be opened, such as the report, if
/// connections have used up all others. Dropping this value frees them.
#[derive(Debug)]
pub(crate) struct ReservedFiles {
    _held: Vec<File>,
}

const RESERVED: usize = 16;

impl ReservedFiles {
    /// Opens the reserve of 16 files, or as many of them as the limit allows.
    pub(crate) fn open() -> Self {
        let files = (0..RESERVED).map_while(|_| File::open("/dev/null").ok());
        Self {
            _held: files.collect(),
        }
    }
}

/// Raises the soft limit of open files of this process to the hard one. Returns the soft limit that
/// applies now; `None` if it cannot be read.
pub(crate) fn raise_limit() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        return Some(hard);
    }
    Some(soft)
}

/// Returns the number of open files of this process.
///
/// # Errors
/// If neither `/proc/self/fd` nor `/dev/fd` can be read.
pub(crate) fn opened_files() -> io::Result<u64> {
    let list = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"))?;
    // The directory itself is open while it is read.
    Ok((list.count() as u64).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_this_process_are_counted() {
        assert!(opened_files().unwrap() > 2);
    }
}
