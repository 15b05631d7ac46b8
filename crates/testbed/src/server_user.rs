//! User under which a server runs: not root, because PostgreSQL refuses to run as root.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Gid, Uid, User, chown, geteuid};

/// User who owns the files of a server and under whom the server and its guardian run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ServerUser {
    /// User of this process, whichever it is.
    Ours,
    /// Other user, without privileges, because this process runs as root.
    Other {
        /// Id of the user.
        user: Uid,
        /// Id of the user's main group; the server runs without the user's further groups.
        group: Gid,
    },
}

impl ServerUser {
    /// Returns the user of this process; if that is root, the user `postgres`, or else `nobody`.
    /// Fails if neither exists.
    pub(crate) fn unprivileged() -> io::Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self::Ours);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name)? {
                return Ok(Self::Other {
                    user: user.uid,
                    group: user.gid,
                });
            }
        }
        Err(io::Error::other(
            "run as root, this machine has neither a user `postgres` nor `nobody`",
        ))
    }

    /// Changes the owner of a file or directory to this user; does nothing for
    /// [`ServerUser::Ours`].
    pub(crate) fn chown(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Ours => Ok(()),
            Self::Other { user, group } => Ok(chown(path, Some(user), Some(group))?),
        }
    }

    /// Makes the command run as this user, in its main group alone; does nothing for
    /// [`ServerUser::Ours`]. The standard library drops root's other groups.
    pub(crate) fn apply_to(self, command: &mut Command) {
        if let Self::Other { user, group } = self {
            command.uid(user.as_raw()).gid(group.as_raw());
        }
    }
}
