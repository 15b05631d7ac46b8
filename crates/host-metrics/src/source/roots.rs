//! Mount points of `/proc` and `/sys`, and units of the kernel's counters.

use std::path::{Path, PathBuf};

/// Directories of the kernel's file trees.
#[derive(Debug, Clone)]
pub struct Roots {
    /// Mount point of `/proc`, or a made-up file tree in tests.
    pub proc: PathBuf,
    /// Mount point of `/sys`, or a made-up file tree in tests.
    pub sys: PathBuf,
}

impl Roots {
    /// Returns `/proc` and `/sys`.
    pub fn host() -> Self {
        Self::under(Path::new("/"))
    }

    /// Returns the directories `proc` and `sys` in the directory `root`.
    pub fn under(root: &Path) -> Self {
        Self {
            proc: root.join("proc"),
            sys: root.join("sys"),
        }
    }
}

/// Units in which the kernel counts CPU time and memory.
#[derive(Debug, Clone, Copy)]
pub struct KernelUnits {
    /// Length of a clock tick, the unit of CPU time, in nanoseconds; 10 ms on common systems.
    pub tick_ns: u64,
    /// Size of a memory page in bytes.
    pub page_bytes: u64,
}

impl KernelUnits {
    /// Returns the units of this host; 10 ms and 4096 bytes where the host does not report them.
    pub fn host() -> Self {
        use nix::unistd::{SysconfVar, sysconf};
        let ask = |variable| sysconf(variable).ok().flatten().filter(|v| *v > 0);
        let ticks_per_s = ask(SysconfVar::CLK_TCK).unwrap_or(100);
        Self {
            tick_ns: 1_000_000_000 / ticks_per_s as u64,
            page_bytes: ask(SysconfVar::PAGE_SIZE).unwrap_or(4096) as u64,
        }
    }
}
