//! Growth of a throwaway server to its memory limit: the number of keys that fit, and the effect on
//! clients beyond it.

use bench_report::clock::monotonic_ns;
use bench_report::names::steps;
use bench_report::{FailureSample, Step};
use load_engine::Cancel;
use redis::{Connection, Pipeline};

use crate::keys::run_keys::RunKeys;
use crate::memory::content::{Content, DataType};
use crate::memory::filling;
use crate::memory::prediction::predict;
use crate::memory::server_memory::{MemoryServer, ServerMemory};
use crate::memory::sizes::SizeStep;
use crate::memory::unloaded_step::UnloadedStep;
use crate::server::failure::{self, BatchFailure};
use crate::server::info::Info;

/// Name of this part of the scenario, in the parameters of its steps.
pub(crate) const PART: &str = "limit";
/// Limit of the throwaway server's memory, in bytes.
pub(crate) const MAXMEMORY_BYTES: u64 = 16 << 20;
/// Policies that are tried. The keys have no expiry, so that `volatile-lru` finds none to evict.
pub(crate) const POLICIES: [&str; 3] = ["noeviction", "allkeys-lru", "volatile-lru"];
/// Length of the values, in bytes. The limit is then reached far from the numbers of keys at which a
/// table doubles, because the server keeps the old table for a while.
const VALUE_BYTES: u64 = 44;
/// Number of keys that are written at once; the first event is known with this precision.
const BATCH: u64 = 100;
/// Largest number of keys that are written until the limit must have been reached.
const MOST_KEYS: u64 = 400_000;
/// Share of the keys that are written on top after the first event.
const BEYOND_RATIO: f64 = 0.1;

/// Effect of the writes of one batch or of several.
#[derive(Debug, Default)]
struct LimitEffects {
    /// Number of keys that the server took.
    accepted: u64,
    /// Number of keys that it refused.
    refused: u64,
    /// First error answer, if there is one.
    failure: Option<FailureSample>,
}

impl LimitEffects {
    /// Adds the effects to `step`: `first` is the number of keys that the server kept at the
    /// first effect, `written` the number of all writes, and `present` that of the keys that clients
    /// find afterwards.
    fn record(
        self,
        step: &mut Step,
        (first, written, present): (Option<u64>, u64, u64),
        info: &Info,
    ) {
        if let Some(first) = first {
            step.figure(steps::LIMIT_KEYS, first as f64);
        }
        step.figure(steps::LIMIT_WRITES, written as f64);
        step.figure(steps::LIMIT_REFUSED_WRITES, self.refused as f64);
        let lost = self.accepted.saturating_sub(present);
        step.figure(steps::LIMIT_LOST_KEYS, lost as f64);
        if let Some(evicted) = info.number("evicted_keys") {
            step.figure(steps::LIMIT_EVICTED_KEYS, evicted);
        }
        step.failures.extend(self.failure);
    }
}

/// Writes keys until the server refuses or evicts some, then a tenth more, and reads all back.
/// Returns `None` if `stop` is set.
///
/// # Errors
/// Fails with the error of the connection.
pub(crate) fn run(
    connection: &mut Connection,
    server: &MemoryServer,
    policy: &str,
    stop: &Cancel,
) -> Result<Option<UnloadedStep>, BatchFailure> {
    let mut unloaded = UnloadedStep::begin(format!("limit with {policy}"), PART);
    unloaded.parameter("policy", policy);
    unloaded.parameter("maxmemory_bytes", MAXMEMORY_BYTES);
    unloaded.parameter("element_bytes", VALUE_BYTES);
    match predicted_keys(connection, server, stop)? {
        Ok(keys) => unloaded
            .step
            .figure(steps::LIMIT_PREDICTED_KEYS, keys as f64),
        Err(reason) => unloaded.unavailable("prediction", &reason),
    }
    let mut effects = LimitEffects::default();
    let (mut written, mut end) = (0, MOST_KEYS);
    let mut first = None;
    while written < end {
        if stop.is_cancelled() {
            return Ok(None);
        }
        write(connection, &server.keys, written, &mut effects)?;
        written += BATCH;
        if first.is_none() {
            let info = Info::section(connection, "all")?;
            let evicted = info.number("evicted_keys").unwrap_or(0.0);
            if evicted > 0.0 || effects.refused > 0 {
                first = Some(effects.accepted.saturating_sub(evicted as u64));
                end = written + (written as f64 * BEYOND_RATIO) as u64;
                let used = info.number("used_memory").unwrap_or(f64::NAN);
                unloaded.step.figure(steps::LIMIT_USED_BYTES, used);
            }
        }
    }
    let present = present(connection, &server.keys, written)?;
    let info = Info::section(connection, "stats")?;
    effects.record(&mut unloaded.step, (first, written, present), &info);
    Ok(Some(unloaded.finish()))
}

/// Writes a batch of keys from the index `start` on, and adds its effects.
///
/// # Errors
/// Fails with the error of the connection.
fn write(
    connection: &mut Connection,
    keys: &RunKeys,
    start: u64,
    effects: &mut LimitEffects,
) -> Result<(), BatchFailure> {
    let mut name = Vec::new();
    let mut batch = Pipeline::with_capacity(BATCH as usize);
    for index in start..start + BATCH {
        keys.name_into(index, &mut name);
        for command in content().commands(&name, None) {
            batch.add_command(command).ignore();
        }
    }
    let Err(error) = batch.exec(connection) else {
        effects.accepted += BATCH;
        return Ok(());
    };
    let Some(answers) = error.clone().into_server_errors() else {
        return Err(BatchFailure::new(&error, batch.len()));
    };
    let refused = answers.len() as u64;
    effects.refused += refused;
    effects.accepted += BATCH.saturating_sub(refused);
    effects.failure.get_or_insert_with(|| {
        let failure = failure::from_redis(&error);
        FailureSample {
            at_ns: monotonic_ns(),
            operation: "set".to_owned(),
            phase: "service".to_owned(),
            kind: failure.kind.to_string(),
            message: failure.to_string(),
            detail: None,
            statement: Some("SET".to_owned()),
        }
    });
    Ok(())
}

fn content() -> Content {
    Content {
        data_type: DataType::String,
        elements: 1,
        element_bytes: VALUE_BYTES,
    }
}

/// Returns the number of the first `count` keys that exist.
///
/// # Errors
/// Fails with the error of the connection.
fn present(connection: &mut Connection, keys: &RunKeys, count: u64) -> Result<u64, BatchFailure> {
    let mut name = Vec::new();
    let mut present = 0;
    for start in (0..count).step_by(BATCH as usize) {
        let mut batch = Pipeline::with_capacity(BATCH as usize);
        for index in start..(start + BATCH).min(count) {
            keys.name_into(index, &mut name);
            batch.cmd("EXISTS").arg(&name);
        }
        let found: Vec<u64> = batch
            .query(connection)
            .map_err(|error| BatchFailure::new(&error, batch.len()))?;
        present += found.into_iter().sum::<u64>();
    }
    Ok(present)
}

/// Predicts the number of keys at which the server's memory reaches its limit.
///
/// # Errors
/// Fails with the error of the connection. If the memory cannot be predicted, the reason is the inner
/// error.
fn predicted_keys(
    connection: &mut Connection,
    server: &MemoryServer,
    stop: &Cancel,
) -> Result<Result<u64, String>, BatchFailure> {
    let layout = match &server.layout {
        Ok(layout) => *layout,
        Err(reason) => return Ok(Err(reason.clone())),
    };
    let all = SizeStep {
        content: content(),
        keys: MOST_KEYS,
        life_ms: None,
    };
    let written = (content(), None);
    filling::write(connection, &server.keys, written, all.samples(), stop)?;
    let samples = match all.sample(connection, &server.keys)? {
        Ok(samples) => samples,
        Err(reason) => return Ok(Err(reason)),
    };
    let memory = ServerMemory::read_stable(connection, server.database, &server.layout, stop)?;
    let tables = memory.as_ref().map(|memory| memory.tables.clone());
    let (Some(Ok(Some(tables))), Some(memory)) = (tables, memory) else {
        return Ok(Err("the sizes of the tables are not known".to_owned()));
    };
    let free = MAXMEMORY_BYTES as f64 - memory.info.number("used_memory").unwrap_or(0.0);
    let fits = |keys: u64| predict(layout, &samples.first(keys), tables, false).total() <= free;
    let (mut least, mut most) = (0, MOST_KEYS);
    while most - least > 1 {
        let middle = least + (most - least) / 2;
        if fits(middle) {
            least = middle;
        } else {
            most = middle;
        }
    }
    Ok(Ok(least))
}
