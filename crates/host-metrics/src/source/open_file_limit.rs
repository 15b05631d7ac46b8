//! Limit of the open files of this program. Keeping files of the kernel open saves opening them at
//! every tick, but five hundred processes have thousands of such files.

use std::io;
use std::sync::OnceLock;

use nix::libc::rlim_t;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Limit that suffices; a limit of millions need not be used up.
const ENOUGH: rlim_t = 32_768;
/// Number of files to keep open if the limit is unknown.
const CAREFUL: usize = 256;

/// Soft and hard limit before this program raised the soft one.
static FOUND: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Raises the limit above the common 1024 and returns half of it. The other half is left for
/// everything else.
pub(super) fn raise_and_halve() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return CAREFUL;
    };
    let wanted = hard.min(ENOUGH);
    let raised = soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    if raised {
        FOUND.get_or_init(|| (soft, hard));
    }
    (if raised { wanted } else { soft } / 2) as usize
}

/// Restores the original limit for a child program, which may rely on a low one. Makes only one
/// system call, so it can be called between fork and exec.
///
/// # Errors
/// Fails if the operating system refuses.
pub fn restore_limit() -> io::Result<()> {
    if let Some((soft, hard)) = FOUND.get() {
        setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard)?;
    }
    Ok(())
}
