//! List of the ids of all processes, read from the directory `/proc`, which stays open.

use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::words::number;
use crate::source::SourceError;

/// Reader of the list of process ids, which lists again only if a process may have started.
#[derive(Debug)]
pub(super) struct ProcessListing {
    proc: PathBuf,
    directory: Option<Dir>,
    forks: Option<u64>,
}

impl ProcessListing {
    pub(super) fn new(proc: &Path) -> Self {
        Self {
            proc: proc.to_owned(),
            directory: None,
            forks: None,
        }
    }

    /// Calls `each` with the id of every process and returns true. Returns false without a call if
    /// no process can have started since the last successful update. `forks` is the number of
    /// processes and threads started since boot; with `None` or zero every update lists. Fails if
    /// the directory cannot be read.
    pub(super) fn update(
        &mut self,
        forks: Option<u64>,
        mut each: impl FnMut(u32),
    ) -> Result<bool, SourceError> {
        let forks = forks.filter(|forks| *forks > 0);
        if forks.is_some() && forks == self.forks {
            return Ok(false);
        }
        self.forks = None;
        self.list(&mut each).map_err(|errno| SourceError::Read {
            path: self.proc.clone(),
            source: errno.into(),
        })?;
        self.forks = forks;
        Ok(true)
    }

    /// Makes the next update list the processes even if none has started.
    pub(super) fn forget(&mut self) {
        self.forks = None;
    }

    fn list(&mut self, each: &mut impl FnMut(u32)) -> Result<(), Errno> {
        let mut directory = match self.directory.take() {
            Some(directory) => directory,
            None => Dir::open(
                &self.proc,
                OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
                Mode::empty(),
            )?,
        };
        for entry in directory.iter() {
            let pid = number(entry?.file_name().to_bytes());
            if let Some(pid) = pid.and_then(|pid| u32::try_from(pid).ok()) {
                each(pid);
            }
        }
        self.directory = Some(directory);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(listing: &mut ProcessListing, forks: Option<u64>) -> Vec<u32> {
        let mut found = Vec::new();
        listing.update(forks, |pid| found.push(pid)).unwrap();
        found.sort_unstable();
        found
    }

    #[test]
    fn who_came_is_found_once_somebody_can_have_come() {
        let root = tempfile::tempdir().unwrap();
        let born = |pid: u32| std::fs::create_dir(root.path().join(pid.to_string())).unwrap();
        std::fs::create_dir(root.path().join("self")).unwrap();
        born(7);
        let mut listing = ProcessListing::new(root.path());
        assert_eq!(seen(&mut listing, Some(3)), [7]);
        born(9);
        assert!(seen(&mut listing, Some(3)).is_empty());
        assert_eq!(seen(&mut listing, Some(4)), [7, 9]);
        assert!(seen(&mut listing, Some(4)).is_empty());
        listing.forget();
        assert_eq!(seen(&mut listing, Some(4)), [7, 9]);
        // If the kernel does not count, the processes are listed every time.
        for forks in [None, Some(0), Some(0)] {
            assert_eq!(seen(&mut listing, forks), [7, 9]);
        }
    }

    #[test]
    fn a_look_that_failed_is_made_again() {
        let root = tempfile::tempdir().unwrap();
        let proc = root.path().join("proc");
        let mut listing = ProcessListing::new(&proc);
        assert!(listing.update(Some(3), |_| ()).is_err());
        std::fs::create_dir_all(proc.join("5")).unwrap();
        assert_eq!(seen(&mut listing, Some(3)), [5]);
    }
}
