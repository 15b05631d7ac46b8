//! Fragmentation of a server's memory after churn: half of the keys are removed, and keys of another
//! size are written instead.

use bench_report::names::steps;
use load_engine::Cancel;
use redis::Connection;

use crate::keys::key_removal;
use crate::memory::content::{Content, DataType};
use crate::memory::filling;
use crate::memory::server_memory::{MemoryServer, ServerMemory};
use crate::memory::unloaded_step::UnloadedStep;
use crate::server::failure::BatchFailure;

/// Name of this part of the scenario, in the parameters of its steps.
pub(crate) const PART: &str = "churn";
/// Length of the values that are written first, in bytes.
const FIRST_BYTES: u64 = 100;
/// Length of the values that are written in place of the removed ones, in bytes. They do not fit the
/// gaps that the first ones leave.
const SECOND_BYTES: u64 = 300;

/// States of the memory, in their order.
pub(crate) const STATES: [&str; 4] = ["before", "filled", "halved", "refilled"];

/// Writes `count` strings, removes every second one, writes as many longer ones instead, and reads the
/// fragmentation each time. Removes all keys. Returns `None` if `stop` is set.
///
/// # Errors
/// Fails with the error of the connection, or with the server's first error of a batch.
pub(crate) fn run(
    connection: &mut Connection,
    server: &MemoryServer,
    (count, life_ms): (u64, u64),
    stop: &Cancel,
) -> Result<Option<UnloadedStep>, BatchFailure> {
    let MemoryServer {
        keys,
        database,
        layout,
    } = server;
    let mut unloaded = UnloadedStep::begin("churn".to_owned(), PART);
    unloaded.parameter("keys", count);
    unloaded.parameter("first_bytes", FIRST_BYTES);
    unloaded.parameter("second_bytes", SECOND_BYTES);
    let odd = || (0..count).filter(|index| index % 2 == 1);
    let content = |element_bytes| Content {
        data_type: DataType::String,
        elements: 1,
        element_bytes,
    };
    let goes_on = || !stop.is_cancelled();
    for state in STATES {
        let done = match state {
            "filled" => {
                let written = (content(FIRST_BYTES), Some(life_ms));
                filling::write(connection, keys, written, 0..count, stop)?
            }
            "halved" => key_removal::remove_indexes(connection, keys, odd(), goes_on)?,
            "refilled" => {
                let written = (content(SECOND_BYTES), Some(life_ms));
                filling::write(connection, keys, written, odd(), stop)?
            }
            _ => true,
        };
        let memory = ServerMemory::read_stable(connection, *database, layout, stop)?;
        let (true, Some(memory)) = (done, memory) else {
            return Ok(None);
        };
        record(&mut unloaded, state, &memory);
    }
    if !key_removal::remove_indexes(connection, keys, 0..count, goes_on)? {
        return Ok(None);
    }
    Ok(Some(unloaded.finish()))
}

/// Adds the memory in `state`, as far as the server tells it.
fn record(unloaded: &mut UnloadedStep, state: &str, memory: &ServerMemory) {
    for (family, field) in [
        (steps::CHURN_USED_BYTES, "used_memory"),
        (steps::CHURN_RSS_BYTES, "used_memory_rss"),
        (steps::CHURN_FRAGMENTATION_RATIO, "allocator_frag_ratio"),
    ] {
        if let Some(value) = memory.info.number(field) {
            unloaded.step.member(family, state, value);
        } else {
            unloaded.unavailable(field, "INFO memory does not have it");
        }
    }
}
