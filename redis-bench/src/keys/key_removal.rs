//! Removal of a run's keys, which also works on a node of a cluster and for a user who may use only
//! some of the commands for it.
//!
//! Every command names a single key: a cluster refuses a command with keys of several slots.

use redis::{Connection, RedisResult};

use crate::keys::removal_command::{RemovalCommand, remove};
use crate::keys::run_keys::RunKeys;
use crate::server::failure::is_refused;

/// Number of keys in one pipeline, and number of keys that one scan step looks at.
const BATCH: u64 = 500;

/// Removes all keys whose names begin with the prefix of `keys`. Without permission to scan,
/// removes the keys by their names. Repeats until it finds none, so that keys written by commands
/// still on their way to the server are removed as well. Calls `answered` after each answer of the
/// server; if it returns false, stops at once and returns false with keys remaining.
///
/// # Errors
/// Fails with the error of the connection or the server, such as that for the last command by which
/// a key could be removed.
pub(crate) fn clear(
    connection: &mut Connection,
    keys: &RunKeys,
    mut answered: impl FnMut() -> bool,
) -> RedisResult<bool> {
    let mut command = RemovalCommand::Unlink;
    let (mut cursor, mut found) = (0_u64, false);
    loop {
        let (next, names) = match scan(connection, &keys.prefix, cursor) {
            Err(error) if is_refused(&error) => {
                return clear_by_name(connection, keys, &mut command, &mut answered);
            }
            result => result?,
        };
        if !names.is_empty() {
            found = true;
            remove(connection, &names, &mut command)?;
        }
        if !answered() {
            return Ok(false);
        }
        if next == 0 && !std::mem::take(&mut found) {
            return Ok(true);
        }
        cursor = next;
    }
}

fn scan(
    connection: &mut Connection,
    prefix: &str,
    cursor: u64,
) -> RedisResult<(u64, Vec<Vec<u8>>)> {
    redis::cmd("SCAN")
        .arg(cursor)
        .arg("MATCH")
        .arg(format!("{prefix}*"))
        .arg("COUNT")
        .arg(BATCH)
        .query(connection)
}

/// Removes the keys by the names that the load uses, as [`clear`] does.
fn clear_by_name(
    connection: &mut Connection,
    keys: &RunKeys,
    command: &mut RemovalCommand,
    answered: &mut impl FnMut() -> bool,
) -> RedisResult<bool> {
    loop {
        let (mut next, mut removed) = (0, 0);
        while next < keys.keys {
            let end = (next + BATCH).min(keys.keys);
            let names: Vec<Vec<u8>> = (next..end).map(|index| name(keys, index)).collect();
            removed += remove(connection, &names, command)?;
            if !answered() {
                return Ok(false);
            }
            next = end;
        }
        for names in keys.written.chunks(BATCH as usize) {
            removed += remove(connection, names, command)?;
            if !answered() {
                return Ok(false);
            }
        }
        if removed == 0 {
            return Ok(true);
        }
    }
}

/// Removes the keys with `indexes` by their names, without looking for others. Calls `answered` as
/// [`clear`] does.
///
/// # Errors
/// Fails as [`clear`] does.
pub(crate) fn remove_indexes(
    connection: &mut Connection,
    keys: &RunKeys,
    indexes: impl IntoIterator<Item = u64>,
    mut answered: impl FnMut() -> bool,
) -> RedisResult<bool> {
    let mut command = RemovalCommand::Unlink;
    let mut names = Vec::new();
    let mut indexes = indexes.into_iter();
    loop {
        names.clear();
        names.extend(
            indexes
                .by_ref()
                .take(BATCH as usize)
                .map(|index| name(keys, index)),
        );
        if names.is_empty() {
            return Ok(true);
        }
        remove(connection, &names, &mut command)?;
        if !answered() {
            return Ok(false);
        }
    }
}

fn name(keys: &RunKeys, index: u64) -> Vec<u8> {
    let mut name = Vec::new();
    keys.name_into(index, &mut name);
    name
}

#[cfg(test)]
mod tests;
