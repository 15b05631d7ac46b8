//! Removal of shared memory that outlives the processes that created it.
//!
//! PostgreSQL releases its shared memory when it ends in order. If it is killed it cannot: a System
//! V segment and some files in `/dev/shm` would remain until the machine restarts. Its mappings are
//! therefore read while it is alive, because it may be killed at any time.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Shared memory of a server's processes that the kernel keeps after they have ended: ids of System
/// V segments, and files in `/dev/shm`.
#[derive(Debug, Default)]
pub(crate) struct SharedMemory {
    segments: BTreeSet<i32>,
    files: BTreeSet<PathBuf>,
}

impl SharedMemory {
    /// Reads the memory maps of the processes with these pids, and adds their shared memory to the
    /// known one. Finds nothing on systems other than Linux, or without permission.
    pub(crate) fn look_into(&mut self, processes: &[u32]) {
        for pid in processes {
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            maps.lines().for_each(|line| self.note(line));
        }
    }

    /// Adds the shared memory of one line of `/proc/PID/maps`, `range permissions offset device
    /// inode path`; ignores other memory. The inode of a System V segment is its id.
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

    /// Removes all known shared memory from the system; what no longer exists is ignored. The
    /// processes must have ended.
    pub(crate) fn remove(&self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        #[cfg(target_os = "linux")]
        for &segment in &self.segments {
            // SAFETY: IPC_RMID uses no buffer; the kernel refuses a segment that no longer exists.
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
