//! Space and inodes of one file system, from `statvfs(3)`.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// Space and inodes of one file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileSystemSpace {
    /// Size of the file system in bytes.
    pub total_bytes: u64,
    /// Space that programs without privileges can still fill, in bytes: without the blocks that
    /// are reserved for root.
    pub available_bytes: u64,
    /// Space that is in use, in bytes.
    pub used_bytes: u64,
    /// Number of inodes of the file system; `None` if it has no fixed number of them.
    pub inodes: Option<u64>,
    /// Number of inodes that programs without privileges can still use; `None` if the file system
    /// has no fixed number of inodes.
    pub inodes_free: Option<u64>,
}

/// Counts of `statvfs(3)`, as the file system reports them.
#[derive(Debug, Clone, Copy)]
struct RawCounts {
    block_bytes: u64,
    blocks: u64,
    blocks_free: u64,
    blocks_available: u64,
    inodes: u64,
    inodes_available: u64,
}

impl FileSystemSpace {
    /// Reads the space of the file system at `path`, which may block for as long as the file system
    /// does not answer. `None` for a file system without blocks, which stores nothing.
    ///
    /// # Errors
    /// Fails if the file system cannot be read, or if it reports sizes that are impossible.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let read = statvfs(path)?;
        let counts = RawCounts {
            block_bytes: match read.fragment_size() as u64 {
                0 => read.block_size() as u64,
                size => size,
            },
            blocks: read.blocks() as u64,
            blocks_free: read.blocks_free() as u64,
            blocks_available: read.blocks_available() as u64,
            inodes: read.files() as u64,
            inodes_available: read.files_available() as u64,
        };
        if counts.blocks == 0 {
            return Ok(None);
        }
        let impossible = || io::Error::other("the file system reports impossible sizes");
        Self::of(counts).map(Some).ok_or_else(impossible)
    }

    /// Converts the counts to bytes; `None` if they are impossible.
    fn of(counts: RawCounts) -> Option<Self> {
        let bytes = |blocks: u64| blocks.checked_mul(counts.block_bytes);
        let used = counts.blocks.checked_sub(counts.blocks_free)?;
        // Where the reserve is in use, some file systems report a negative number.
        let is_overdrawn = counts.blocks_available > i64::MAX as u64;
        let available = if is_overdrawn {
            0
        } else {
            counts.blocks_available
        };
        if available > counts.blocks {
            return None;
        }
        // File systems without a table of inodes report 0, and some report more free ones than all.
        let counts_inodes = counts.inodes > 0 && counts.inodes_available <= counts.inodes;
        Some(Self {
            total_bytes: bytes(counts.blocks)?,
            available_bytes: bytes(available)?,
            used_bytes: bytes(used)?,
            inodes: counts_inodes.then_some(counts.inodes),
            inodes_free: counts_inodes.then_some(counts.inodes_available),
        })
    }

    /// Returns the share of the space that is in use, from 0 to 1, as `df` computes it: used ÷ (used
    /// + available), so that it is 1 when programs without privileges can write no more.
    pub fn used_ratio(&self) -> Option<f64> {
        let usable = self.used_bytes.checked_add(self.available_bytes)?;
        (usable > 0).then(|| self.used_bytes as f64 / usable as f64)
    }

    /// Returns the share of the inodes that is in use, from 0 to 1; `None` if the file system has no
    /// fixed number of inodes.
    pub fn inodes_used_ratio(&self) -> Option<f64> {
        let (all, free) = (self.inodes?, self.inodes_free?);
        Some(1.0 - free as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: RawCounts = RawCounts {
        block_bytes: 4096,
        blocks: 1000,
        blocks_free: 300,
        blocks_available: 250,
        inodes: 100,
        inodes_available: 25,
    };

    #[test]
    fn space_without_the_reserve_of_root_is_what_is_left() {
        let space = FileSystemSpace::of(COUNTS).unwrap();
        assert_eq!(space.total_bytes, 4_096_000);
        assert_eq!(space.used_bytes, 700 * 4096);
        assert_eq!(space.available_bytes, 250 * 4096);
        assert_eq!(space.used_ratio(), Some(700.0 / 950.0));
        assert_eq!(space.inodes_used_ratio(), Some(0.75));
    }

    #[test]
    fn a_reserve_that_is_in_use_leaves_nothing() {
        let negative = RawCounts {
            blocks_available: (-7_i64) as u64,
            ..COUNTS
        };
        let space = FileSystemSpace::of(negative).unwrap();
        assert_eq!(space.available_bytes, 0);
        assert_eq!(space.used_ratio(), Some(1.0));
    }

    #[test]
    fn inodes_are_absent_where_the_file_system_has_no_number_of_them() {
        for (inodes, inodes_available) in [(0, 0), (10, 11), (0, u64::MAX)] {
            let counts = RawCounts {
                inodes,
                inodes_available,
                ..COUNTS
            };
            let space = FileSystemSpace::of(counts).unwrap();
            assert_eq!((space.inodes, space.inodes_used_ratio()), (None, None));
        }
    }

    #[test]
    fn impossible_sizes_are_no_reading() {
        for counts in [
            RawCounts {
                blocks_free: 1001,
                ..COUNTS
            },
            RawCounts {
                blocks_available: 1001,
                ..COUNTS
            },
            RawCounts {
                block_bytes: u64::MAX,
                ..COUNTS
            },
        ] {
            assert_eq!(FileSystemSpace::of(counts), None, "{counts:?}");
        }
    }

    #[test]
    fn the_file_system_of_this_directory_is_read_and_one_without_blocks_is_none() {
        let space = FileSystemSpace::read(Path::new(".")).unwrap().unwrap();
        assert!(space.total_bytes >= space.used_bytes);
        assert!(FileSystemSpace::read(Path::new("/nowhere/at/all")).is_err());
        if cfg!(target_os = "linux") {
            assert_eq!(FileSystemSpace::read(Path::new("/proc")).unwrap(), None);
        }
    }
}
