//! Writing of the keys of a step, a batch of commands at a time.

use load_engine::Cancel;
use redis::{Connection, Pipeline};

use crate::keys::run_keys::RunKeys;
use crate::memory::content::{Content, DataType};
use crate::server::failure::BatchFailure;

/// Largest number of commands in a batch.
const BATCH: usize = 500;
/// Size of the values in a batch, in bytes, after which it is sent.
const BATCH_BYTES: u64 = 256 << 10;

/// Writes the keys with `indexes`, which do not exist yet. With `life_ms`, each of them expires after
/// that many milliseconds; it is never there without expiry, so that it does not stay if the run is
/// killed. Returns false if `stop` ended the writing early.
///
/// # Errors
/// Fails with the error of the connection, or with the server's first error of a batch.
pub(super) fn write(
    connection: &mut Connection,
    keys: &RunKeys,
    (content, life_ms): (Content, Option<u64>),
    indexes: impl IntoIterator<Item = u64>,
    stop: &Cancel,
) -> Result<bool, BatchFailure> {
    let mut name = Vec::new();
    let mut batch = Pipeline::new();
    if life_ms.is_some() && content.data_type != DataType::String {
        batch.atomic();
    }
    let mut bytes = 0;
    for index in indexes {
        keys.name_into(index, &mut name);
        for command in content.commands(&name, life_ms) {
            batch.add_command(command).ignore();
        }
        bytes += content.payload_bytes();
        if batch.len() >= BATCH || bytes >= BATCH_BYTES {
            send(connection, &mut batch)?;
            bytes = 0;
            if stop.is_cancelled() {
                return Ok(false);
            }
        }
    }
    if !batch.is_empty() {
        send(connection, &mut batch)?;
    }
    Ok(!stop.is_cancelled())
}

fn send(connection: &mut Connection, batch: &mut Pipeline) -> Result<(), BatchFailure> {
    let sent = batch.exec(connection);
    let failed = sent.map_err(|error| BatchFailure::new(&error, batch.len()));
    batch.clear();
    failed
}
