//! Limit of open files of this program. Files of the kernel stay open, which saves opening them at
//! every tick; five hundred processes have thousands.

use std::io;
use std::sync::OnceLock;

use nix::libc::rlim_t;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Limit that is enough; a limit of millions need not be used up.
const ENOUGH: rlim_t = 32_768;
/// Number of files to keep open if the system does not tell the limit.
const CAREFUL: usize = 256;

/// Soft and hard limit before they were raised.
static FOUND: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Raises the limit above the common 1024 and returns half of it: the other half is for everything
/// else.
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

/// Restores the limit for a child program, which may rely on a low one. Makes one system call and
/// nothing else, so it can be called between fork and exec.
///
/// # Errors
/// Fails if the system refuses.
pub fn restore_limit() -> io::Result<()> {
    if let Some((soft, hard)) = FOUND.get() {
        setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard)?;
    }
    Ok(())
}
