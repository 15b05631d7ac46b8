//! Mount points and units of the kernel.

use std::path::{Path, PathBuf};

/// Mount points of the kernel's file trees.
#[derive(Debug, Clone)]
pub struct Roots {
    /// Mount point of `/proc`, or a made-up file tree in tests.
    pub proc: PathBuf,
    /// Mount point of `/sys`, or a made-up file tree in tests.
    pub sys: PathBuf,
}

impl Roots {
    /// Returns the mount points of this host.
    pub fn host() -> Self {
        Self::under(Path::new("/"))
    }

    /// Returns `proc` and `sys` below a directory.
    pub fn under(root: &Path) -> Self {
        Self {
            proc: root.join("proc"),
            sys: root.join("sys"),
        }
    }
}

/// Units of the kernel's counters.
#[derive(Debug, Clone, Copy)]
pub struct KernelUnits {
    /// Length of a clock tick, the unit of CPU time, in nanoseconds; 10 ms on common systems.
    pub tick_ns: u64,
    /// Size of a memory page in bytes.
    pub page_bytes: u64,
}

impl KernelUnits {
    /// Returns the units of this host; the common ones if the host does not report them.
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
