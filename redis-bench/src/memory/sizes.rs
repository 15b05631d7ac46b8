//! Memory of keys of one content: predicted from samples, and measured after all were written.

use std::ops::Range;

use bench_cli::table;
use bench_report::WarningCode;
use bench_report::names::steps;
use load_engine::Cancel;
use redis::Connection;

use crate::keys::key_removal;
use crate::keys::run_keys::RunKeys;
use crate::memory::content::{Content, DataType};
use crate::memory::filling;
use crate::memory::prediction::{MemoryLayout, MemoryPrediction, SampleUsage, predict};
use crate::memory::server_memory::{MemoryServer, ServerMemory, or_reason, usage_of};
use crate::memory::unloaded_step::UnloadedStep;
use crate::server::failure::BatchFailure;

/// Name of this part of the scenario, in the parameters of its steps.
pub(crate) const PART: &str = "sizes";
/// Number of samples of the keys with names of one length.
const SAMPLES: u64 = 16;

/// Step that measures the memory of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SizeStep {
    /// Content of all keys.
    pub(crate) content: Content,
    /// Number of keys.
    pub(crate) keys: u64,
    /// Time to live of the keys in milliseconds; `None` if they have no expiry.
    pub(crate) life_ms: Option<u64>,
}

impl std::fmt::Display for SizeStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let expiry = if self.life_ms.is_some() {
            " + expiry"
        } else {
            ""
        };
        write!(f, "{}{expiry}", self.content)
    }
}

impl SizeStep {
    /// Runs the step: writes samples, predicts, writes all other keys, measures, and removes them.
    /// Returns `None` if `stop` is set; keys then remain.
    ///
    /// # Errors
    /// Fails with the error of the connection, or with the server's first error of a batch.
    pub(crate) fn run(
        self,
        connection: &mut Connection,
        server: &MemoryServer,
        stop: &Cancel,
    ) -> Result<Option<UnloadedStep>, BatchFailure> {
        let MemoryServer {
            keys,
            database,
            layout,
        } = server;
        let mut unloaded = self.begin();
        let written = (self.content, self.life_ms);
        let others = (0..self.keys).filter(|index| !is_sample(*index));
        if !filling::write(connection, keys, written, self.samples(), stop)? {
            return Ok(None);
        }
        let samples = self.sample(connection, keys)?;
        let Some(before) = ServerMemory::read_stable(connection, *database, layout, stop)? else {
            return Ok(None);
        };
        let count = self.keys - self.samples().count() as u64;
        let prediction = self.prediction(samples.as_ref(), &before, layout);
        if !filling::write(connection, keys, written, others, stop)? {
            return Ok(None);
        }
        let Some(after) = ServerMemory::read_stable(connection, *database, layout, stop)? else {
            return Ok(None);
        };
        let goes_on = || !stop.is_cancelled();
        if !key_removal::remove_indexes(connection, keys, 0..self.keys, goes_on)? {
            return Ok(None);
        }
        if let Ok(samples) = &samples {
            unloaded.parameter("encoding", samples.encoding.as_str());
        }
        let payload = self.name_bytes(keys) + self.content.payload_bytes() as f64;
        unloaded.step.figure(steps::MEMORY_PAYLOAD_BYTES, payload);
        conclude(&mut unloaded, count, prediction);
        compare(&mut unloaded, count, (&before, &after));
        Ok(Some(unloaded.finish()))
    }

    /// Returns the indexes of the samples.
    pub(crate) fn samples(&self) -> impl Iterator<Item = u64> {
        name_lengths(self.keys)
            .into_iter()
            .flat_map(|range| range.start..range.end.min(range.start + SAMPLES))
    }

    fn begin(&self) -> UnloadedStep {
        let content = self.content;
        let mut unloaded = UnloadedStep::begin(self.to_string(), PART);
        unloaded.parameter("type", content.data_type.name());
        unloaded.parameter("elements", content.elements);
        unloaded.parameter("element_bytes", content.element_bytes);
        unloaded.parameter("keys", self.keys);
        let expiry = if self.life_ms.is_some() { "yes" } else { "no" };
        unloaded.parameter("expiry", expiry);
        unloaded
    }

    /// Returns the `MEMORY USAGE` of the samples, for the keys that are still to be written.
    ///
    /// # Errors
    /// Fails if the server does not answer. If it refuses, the reason is the inner error.
    pub(crate) fn sample(
        &self,
        connection: &mut Connection,
        keys: &RunKeys,
    ) -> Result<Result<SampleUsage, String>, BatchFailure> {
        let mut name = Vec::new();
        let mut lengths = Vec::new();
        let mut encoding = String::new();
        for range in name_lengths(self.keys) {
            let samples = SAMPLES.min(range.end - range.start);
            let mut usages = Vec::new();
            for index in range.start..range.start + samples {
                keys.name_into(index, &mut name);
                match usage_of(connection, &name)? {
                    Ok(bytes) => usages.push(bytes as f64),
                    Err(reason) => return Ok(Err(reason)),
                }
            }
            let usage = if self.content.data_type == DataType::String {
                // All are equal, but an allocator may have given some of them a larger block that
                // was left over.
                usages.iter().copied().fold(f64::INFINITY, f64::min)
            } else {
                usages.iter().sum::<f64>() / samples as f64
            };
            lengths.push((range.end - range.start - samples, usage));
            match encoding_of(connection, &name)? {
                Ok(name) => encoding = name,
                Err(reason) => return Ok(Err(reason)),
            }
        }
        Ok(Ok(SampleUsage {
            encoding,
            is_set: self.content.data_type == DataType::Set,
            elements: self.content.elements,
            lengths,
        }))
    }

    fn prediction(
        &self,
        samples: Result<&SampleUsage, &String>,
        before: &ServerMemory,
        layout: &Result<MemoryLayout, String>,
    ) -> Result<MemoryPrediction, String> {
        let layout = layout.clone()?;
        let samples = samples.map_err(Clone::clone)?;
        let moving = || "the server was moving a table to one of another size".to_owned();
        let tables = before.tables.clone()?.ok_or_else(moving)?;
        Ok(predict(layout, samples, tables, self.life_ms.is_some()))
    }

    /// Returns the mean length of the keys' names, in bytes.
    fn name_bytes(&self, keys: &RunKeys) -> f64 {
        let mut name = Vec::new();
        let bytes = name_lengths(self.keys).into_iter().map(|range| {
            keys.name_into(range.start, &mut name);
            name.len() as u64 * (range.end - range.start)
        });
        bytes.sum::<u64>() as f64 / self.keys as f64
    }
}

/// Adds the figures of the prediction for `count` keys, or the reason for which there is none.
fn conclude(unloaded: &mut UnloadedStep, count: u64, prediction: Result<MemoryPrediction, String>) {
    let each = |bytes: f64| bytes / count as f64;
    let step = &mut unloaded.step;
    match prediction {
        Ok(parts) => {
            step.figure(steps::MEMORY_PREDICTED_BYTES, each(parts.total()));
            step.figure(steps::MEMORY_USAGE_BYTES, each(parts.usage));
            step.figure(steps::MEMORY_ROUNDING_BYTES, each(parts.rounding));
            step.figure(steps::MEMORY_EXPIRY_BYTES, each(parts.expiry));
            step.figure(steps::MEMORY_TABLES_BYTES, each(parts.tables));
        }
        Err(reason) => unloaded.unavailable("prediction", &reason),
    }
}

/// Adds the figures that were measured by writing `count` keys between two readings.
fn compare(
    unloaded: &mut UnloadedStep,
    count: u64,
    (before, after): (&ServerMemory, &ServerMemory),
) {
    let measured = (after.used_bytes - before.used_bytes) / count as f64;
    let step = &mut unloaded.step;
    step.figure(steps::MEMORY_MEASURED_KEYS, count as f64);
    step.figure(steps::MEMORY_KEY_BYTES, measured);
    if let Some(payload) = step.value(steps::MEMORY_PAYLOAD_BYTES) {
        step.figure(steps::MEMORY_OVERHEAD_BYTES, measured - payload);
    }
    if let Some(predicted) = step.value(steps::MEMORY_PREDICTED_BYTES) {
        let error = predicted / measured - 1.0;
        step.figure(steps::MEMORY_PREDICTION_ERROR_RATIO, error);
    }
    let expected = before.keys + count;
    if after.keys != expected {
        let told = format!(
            "the database has {} in place of {expected}: others wrote or removed keys meanwhile, \
             and their memory is part of what was measured",
            table::counted(after.keys, "key")
        );
        unloaded.doubt(WarningCode::ServerDiffers, told);
    }
    if !before.is_stable || !after.is_stable {
        let told = "the server's memory did not stop changing within 20 s, before or after the \
                    keys were written; others may be using it";
        unloaded.doubt(WarningCode::NotSteady, told.to_owned());
    }
}

/// Returns the encoding of the value of the key `name`.
///
/// # Errors
/// Fails if the server does not answer. If it refuses, the reason is the inner error.
pub(crate) fn encoding_of(
    connection: &mut Connection,
    name: &[u8],
) -> Result<Result<String, String>, BatchFailure> {
    let answer = redis::cmd("OBJECT")
        .arg("ENCODING")
        .arg(name)
        .query(connection);
    Ok(or_reason(answer)?)
}

/// Returns the indexes of `keys` keys by the length of their names: 0 to 9, 10 to 99 and so on.
fn name_lengths(keys: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let (mut start, mut end) = (0, 10);
    while start < keys {
        ranges.push(start..end.min(keys));
        (start, end) = (end, end * 10);
    }
    ranges
}

/// Returns true if the key with `index` is a sample: one of the first of its name's length.
fn is_sample(index: u64) -> bool {
    let first = match index.checked_ilog10() {
        None | Some(0) => 0,
        Some(digits) => 10_u64.pow(digits),
    };
    index - first < SAMPLES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(keys: u64) -> SizeStep {
        SizeStep {
            content: Content {
                data_type: DataType::Hash,
                elements: 10,
                element_bytes: 16,
            },
            keys,
            life_ms: Some(1),
        }
    }

    #[test]
    fn samples_are_the_first_names_of_each_length() {
        assert_eq!(name_lengths(7), vec![0..7]);
        assert_eq!(name_lengths(100), [0..10, 10..100]);
        assert_eq!(name_lengths(101), [0..10, 10..100, 100..101]);
        for keys in [7, 100, 101, 150_000] {
            let samples: Vec<u64> = step(keys).samples().collect();
            let others = (0..keys).filter(|index| is_sample(*index));
            assert_eq!(samples, others.collect::<Vec<_>>(), "{keys}");
        }
        assert!(is_sample(9) && is_sample(25) && !is_sample(26) && is_sample(1_015));
    }

    #[test]
    fn a_step_is_named_by_its_content() {
        let mut step = step(100);
        assert_eq!(step.to_string(), "hash of 10 × 16 B + expiry");
        step.content.data_type = DataType::String;
        step.life_ms = None;
        assert_eq!(step.to_string(), "string of 16 B");
    }
}
