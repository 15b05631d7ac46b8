//! Mounts that are watched, with the latest reading of each and the read that is pending.

use std::sync::Arc;

use super::mount_table::{ChosenMounts, MountPoint};
use super::{FileSystemSample, FileSystemSpace};
use crate::source::Gaps;

/// Name under which file systems that cannot be read at all are recorded as a gap.
pub(super) const GAP: &str = "filesystem";

/// State that the threads of a watch share.
#[derive(Debug, Default)]
pub(super) struct WatchState {
    /// Mounts that are read.
    pub(super) mounts: Vec<WatchedMount>,
    /// Number of mounts that are not read because there are too many.
    pub(super) left: usize,
    /// Error of the last read of mountinfo.
    pub(super) error: Option<String>,
    /// Number of the thread that reads in turn. A thread with a lower number ends once its file
    /// system answers.
    pub(super) reader: u64,
    /// True once the watch was dropped.
    pub(super) is_over: bool,
}

/// Mount of which the space is read, with its latest result.
#[derive(Debug)]
pub(super) struct WatchedMount {
    /// Mount point, with the type of the file system.
    pub(super) mount: Arc<MountPoint>,
    /// Latest result; `None` before the first one, and for a file system without blocks.
    pub(super) result: Option<Result<FileSystemSpace, String>>,
    /// Read that has not ended yet: its start on the monotonic clock, and the number of the thread.
    pub(super) pending: Option<(u64, u64)>,
}

impl WatchedMount {
    fn new(mount: MountPoint) -> Self {
        Self {
            mount: Arc::new(mount),
            result: None,
            pending: None,
        }
    }

    /// Returns for how long a read has been pending, in nanoseconds; 0 for at most `patience_ns`.
    pub(super) fn silent_ns(&self, now_ns: u64, patience_ns: u64) -> u64 {
        let waited = self.pending.map(|(since, _)| now_ns.saturating_sub(since));
        waited.filter(|ns| *ns > patience_ns).unwrap_or(0)
    }

    /// Returns the latest reading. Records in `gaps` why there is none.
    pub(super) fn sample(
        &self,
        now_ns: u64,
        patience_ns: u64,
        gaps: &mut Gaps,
    ) -> FileSystemSample {
        let silent_ns = self.silent_ns(now_ns, patience_ns);
        let MountPoint { path, kind, .. } = &*self.mount;
        let mut note = |why: &dyn std::fmt::Display| gaps.note(format!("{GAP} {path}"), &why);
        if silent_ns > 0 {
            let seconds = patience_ns / 1_000_000_000;
            note(&format!("it ({kind}) did not answer within {seconds} s"));
        } else if let Some(Err(error)) = &self.result {
            note(error);
        }
        let space = self.result.as_ref().and_then(|read| read.as_ref().ok());
        FileSystemSample {
            mount: Arc::clone(&self.mount),
            space: space.copied().filter(|_| silent_ns == 0),
            silent_ns,
        }
    }
}

impl WatchState {
    /// Returns true if the thread with the number `reader` is to read on.
    pub(super) fn is_read_by(&self, reader: u64) -> bool {
        !self.is_over && self.reader == reader
    }

    /// Returns the entry of `mount`; `None` if it is no longer mounted.
    pub(super) fn watched(&mut self, mount: &Arc<MountPoint>) -> Option<&mut WatchedMount> {
        let mut mounts = self.mounts.iter_mut();
        mounts.find(|watched| Arc::ptr_eq(&watched.mount, mount))
    }

    /// Replaces the mounts by those that were `chosen`, and keeps the results of those that stay.
    pub(super) fn replace(&mut self, chosen: ChosenMounts) {
        let mut before = std::mem::take(&mut self.mounts);
        self.mounts = chosen
            .mounts
            .into_iter()
            .map(|mount| {
                let place = before.iter().position(|m| *m.mount == mount);
                place.map_or_else(
                    || WatchedMount::new(mount),
                    |place| before.swap_remove(place),
                )
            })
            .collect();
        self.left = chosen.left;
    }
}
