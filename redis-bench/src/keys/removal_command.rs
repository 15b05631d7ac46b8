//! Commands that remove a key, for a user who may use only some of them.

use redis::{Cmd, RedisResult, Value};

use crate::keys::key_connection::KeyConnection;
use crate::server::failure::is_refused;

/// Way to remove one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemovalCommand {
    /// `UNLINK`, which frees the memory in the background; since version 4.0.
    Unlink,
    /// `DEL`.
    Del,
    /// `PEXPIRE` with a life of 1 ms.
    Expire,
    /// `SET` of an empty value that lives 1 ms, for users who may only write.
    Overwrite,
}

impl RemovalCommand {
    /// Returns the way to try if the server refuses this one; `None` after the last one.
    fn fallback(self) -> Option<Self> {
        match self {
            Self::Unlink => Some(Self::Del),
            Self::Del => Some(Self::Expire),
            Self::Expire => Some(Self::Overwrite),
            Self::Overwrite => None,
        }
    }

    /// Returns the command that removes the key `name`.
    pub(crate) fn for_key(self, name: &[u8]) -> Cmd {
        let mut command = redis::cmd(match self {
            Self::Unlink => "UNLINK",
            Self::Del => "DEL",
            Self::Expire => "PEXPIRE",
            Self::Overwrite => "SET",
        });
        command.arg(name);
        match self {
            Self::Unlink | Self::Del => {}
            Self::Expire => {
                command.arg(1);
            }
            Self::Overwrite => {
                command.arg("").arg("PX").arg(1);
            }
        }
        command
    }
}

/// Removes the keys `names` by `command`, or by the first one after it that the server accepts,
/// which then replaces it. Returns the number of keys that existed; 0 if the command does not tell.
///
/// # Errors
/// Fails with the error of the connection or the server, such as that for the last command.
pub(crate) fn remove<C: KeyConnection>(
    connection: &mut C,
    names: &[Vec<u8>],
    command: &mut RemovalCommand,
) -> RedisResult<u64> {
    loop {
        let removals = names.iter().map(|name| command.for_key(name));
        match (connection.batch(removals.collect()), command.fallback()) {
            (Err(error), Some(next)) if is_refused(&error) => *command = next,
            (answers, _) => return Ok(answers?.iter().map(existed).sum()),
        }
    }
}

/// Returns the number of keys that a command says it removed; 0 if it does not tell.
fn existed(answer: &Value) -> u64 {
    match answer {
        Value::Int(count) => u64::try_from(*count).unwrap_or(0),
        _ => 0,
    }
}
