//! How many files of the kernel are kept open. Each spares its opening at every tick, and of five
//! hundred processes there are thousands.

use std::io;
use std::sync::OnceLock;

use nix::libc::rlim_t;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// As many as this are enough; a limit of millions need not be used up.
const ENOUGH: rlim_t = 32_768;
/// Where the system tells no limit.
const CAREFUL: usize = 256;

/// The limit as it was found, once it was raised.
static FOUND: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Half of the files that this program may open, after it has asked for more than the common 1024:
/// the other half is for everything else.
pub(super) fn most() -> usize {
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

/// Raises the soft limit of open files to the hard one and returns the limit that holds now; `None`
/// where the system does not tell.
pub fn raise_limit() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        return Some(hard);
    }
    Some(soft)
}

/// Sets the limit back, for a program that is not ours: it may have reasons for a low one. Makes a
/// system call and no more, so it can be called between fork and exec.
///
/// # Errors
/// When the system refuses.
pub fn restore_limit() -> io::Result<()> {
    if let Some((soft, hard)) = FOUND.get() {
        setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard)?;
    }
    Ok(())
}
