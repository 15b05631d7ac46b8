//! Shared memory that outlives the processes that made it.
//!
//! PostgreSQL gives its shared memory back when it is asked to end. Killed, it cannot: a System V
//! segment and some files in `/dev/shm` would stay until the machine restarts. So we look what it
//! has mapped while it lives: somebody else may kill it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Shared memory of a server's processes that the kernel keeps after their end.
#[derive(Debug, Default)]
pub(crate) struct SharedMemory {
    segments: BTreeSet<i32>,
    files: BTreeSet<PathBuf>,
}

impl SharedMemory {
    /// Looks into the processes' memory maps (Linux; elsewhere, or where we may not, finds none).
    pub(crate) fn look_into(&mut self, processes: &[u32]) {
        for pid in processes {
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            maps.lines().for_each(|line| self.note(line));
        }
    }

    /// Reads `range permissions offset device inode path`; a System V segment's inode is its id.
    fn note(&mut self, line: &str) {
        let mut fields = line.split_ascii_whitespace();
        let (Some(inode), Some(path)) = (fields.nth(4), fields.next()) else {
            return;
        };
        if path.starts_with("/SYSV") {
            self.segments.extend(inode.parse::<i32>().ok());
        } else if path.starts_with("/dev/shm/PostgreSQL.") {
            self.files.insert(path.into());
        }
    }

    /// Removes it. The processes must be gone.
    pub(crate) fn remove(&self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        #[cfg(target_os = "linux")]
        for &segment in &self.segments {
            // SAFETY: IPC_RMID takes no buffer; a segment that is gone already is refused.
            unsafe {
                nix::libc::shmctl(segment, nix::libc::IPC_RMID, std::ptr::null_mut());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_outlives_its_process_is_noted() {
        let mut found = SharedMemory::default();
        for line in [
            "7f0000000000-7f0000001000 rw-s 00000000 00:01 32769    /SYSV0052e2c1 (deleted)",
            "7f0000001000-7f0000002000 rw-s 00000000 00:19 7        /dev/shm/PostgreSQL.3841",
            "7f0000002000-7f0000003000 rw-s 00000000 00:01 1026     /dev/zero (deleted)",
            "7f0000003000-7f0000004000 r-xp 00000000 fe:00 99       /usr/lib/libc.so.6",
            "7f0000004000-7f0000005000 rw-p 00000000 00:00 0",
        ] {
            found.note(line);
        }
        assert_eq!(found.segments, BTreeSet::from([32769]));
        assert_eq!(
            found.files,
            BTreeSet::from(["/dev/shm/PostgreSQL.3841".into()])
        );
    }
}
