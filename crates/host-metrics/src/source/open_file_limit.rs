//! Limit on the number of files that this program may have open. Files of `/proc` stay open to save
//! opening them at every tick, and five hundred processes have thousands of such files.

use std::io;
use std::sync::OnceLock;

use nix::libc::rlim_t;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Largest soft limit of open files to which this program raises its own. More is not needed, even
/// where the hard limit is in millions.
const ENOUGH: rlim_t = 32_768;
/// Number of files of `/proc` that may stay open if the limit of this program cannot be read.
const CAREFUL: usize = 256;

/// Soft and hard limit of open files as they were before this program raised the soft one; empty if
/// it was not raised.
static FOUND: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Raises the soft limit of open files to 32,768, or to the hard limit if that is lower, and
/// returns half of the limit then in force: the number of files that may stay open. The other half
/// is for the rest of the program. Returns 256 if the limit cannot be read.
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

/// Restores the limit of open files that this program found at its start, for a child program that
/// may rely on a low one. Does nothing if the limit was not raised. Makes only one system call, so
/// it can be called between fork and exec.
///
/// # Errors
/// Fails if the operating system refuses to set the limit.
pub fn restore_limit() -> io::Result<()> {
    if let Some((soft, hard)) = FOUND.get() {
        setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard)?;
    }
    Ok(())
}
