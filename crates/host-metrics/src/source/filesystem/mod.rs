//! File systems: space and inodes of each mount, read from `statvfs(3)` beside the samples.
//!
//! A server of a network file system that is down, or a FUSE program that stopped, blocks `statvfs`
//! for as long as it likes. The reads therefore happen on a thread of their own (`watch`), and a
//! sample takes the latest results without waiting. Which mounts are read is in `mount_table`.

mod mount_table;
mod space;
mod watch;
mod watched_mount;

use std::sync::Arc;

pub use mount_table::MountPoint;
pub use space::FileSystemSpace;
pub(super) use watch::FileSystemWatch;

/// Latest reading of one mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystemSample {
    /// Mount point, with the type of the file system and its device.
    pub mount: Arc<MountPoint>,
    /// Space and inodes; `None` before the first answer, if the last read failed, or while the file
    /// system does not answer.
    pub space: Option<FileSystemSpace>,
    /// Time for which a read has been waiting for the file system, in nanoseconds; 0 while it
    /// answers within two seconds.
    pub silent_ns: u64,
}
