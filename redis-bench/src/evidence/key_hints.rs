//! Large, much used and slow keys below a prefix, with type, encoding and size, after a step.
//!
//! The sample is bounded in number and time, and each batch takes the server less than a millisecond. What
//! is asked changes neither the keys nor the order in which the server evicts them, but for the number of elements of a few
//! listed keys, which counts as a read of them.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use bench_report::names::{self, redis::key_hints};
use bench_report::{EvidenceRow, ServerEvidence};
use redis::{Connection, ConnectionLike as _, Pipeline, RedisResult, Value, from_redis_value};

use super::key_scope::KeyScope;
use super::slow_log::SlowCall;
use crate::server::failure;

/// Largest number of keys whose size is sampled, and longest time for it.
const SAMPLE_MAX: usize = 20_000;
const SAMPLE_TIME: Duration = Duration::from_millis(200);
/// Number of keys that one scan step looks at.
const BATCH: usize = 100;
/// Largest number of keys that are listed for each reason.
const LISTED: usize = 5;
/// Smallest memory of a key that is listed as big, in bytes: of any key, and of one that is much larger than
/// the median.
const BIG_BYTES: u64 = 1_048_576;
const UNUSUAL_BYTES: u64 = 16_384;
/// Smallest multiple of the median that is much larger.
const UNUSUAL_RATIO: u64 = 10;
/// Smallest counter of accesses of a key that is listed as hot. New keys have 5, and by default about a
/// thousand accesses make 18 of it. Source: `lfu-log-factor` in redis.conf.
const HOT_FREQUENCY: u64 = 18;

/// Why a key is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Big,
    Hot,
    /// It was used by this command in the slow log.
    Slow(String),
}

/// Result of the search.
#[derive(Debug, Default)]
pub(super) struct KeyHints {
    sampled: usize,
    rows: Vec<EvidenceRow>,
}

/// Sampled key: its memory in bytes, and its counter of accesses if the server keeps one.
#[derive(Debug, Clone, PartialEq)]
struct SampledKey {
    name: Vec<u8>,
    bytes: u64,
    frequency: Option<u64>,
}

/// Samples keys of `scope`, and describes those that are big or much used, and those of the slow log's
/// `calls`. `counts_accesses` is true if the server evicts by frequency, and so counts the accesses of a key.
///
/// # Errors
/// Fails with a sentence if the server refuses to list keys or to tell their sizes.
pub(super) fn read(
    connection: &mut Connection,
    scope: &KeyScope,
    calls: &[SlowCall],
    counts_accesses: bool,
) -> Result<KeyHints, String> {
    let read = || -> RedisResult<KeyHints> {
        let sample = sample(connection, scope, counts_accesses)?;
        let mut listed = slow_keys(calls);
        listed.extend(big(&sample).into_iter().map(|name| (name, Reason::Big)));
        listed.extend(hot(&sample).into_iter().map(|name| (name, Reason::Hot)));
        let mut rows = Vec::new();
        for (name, reason) in &listed {
            rows.extend(describe(connection, scope, name, reason, counts_accesses)?);
        }
        Ok(KeyHints {
            sampled: sample.len(),
            rows,
        })
    };
    let mut read = read;
    read().map_err(|error| failure::from_redis(&error).to_string())
}

impl KeyHints {
    pub(super) fn add_to(&self, evidence: &mut ServerEvidence) {
        evidence.figure(names::redis::KEYS_SAMPLED, self.sampled as f64);
        if !self.rows.is_empty() {
            evidence.table(key_hints::TABLE, self.rows.clone());
        }
    }
}

fn sample(
    connection: &mut Connection,
    scope: &KeyScope,
    counts_accesses: bool,
) -> RedisResult<Vec<SampledKey>> {
    let deadline = Instant::now() + SAMPLE_TIME;
    let (mut cursor, mut sample) = (0_u64, Vec::new());
    loop {
        let (next, found): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(scope.pattern())
            .arg("COUNT")
            .arg(BATCH)
            .query(connection)?;
        sample.extend(sizes(connection, found, counts_accesses)?);
        cursor = next;
        if cursor == 0 || sample.len() >= SAMPLE_MAX || Instant::now() >= deadline {
            return Ok(sample);
        }
    }
}

/// Asks for the size of each key. Keys that are gone, or that moved to another node, are left out.
fn sizes(
    connection: &mut Connection,
    found: Vec<Vec<u8>>,
    counts_accesses: bool,
) -> RedisResult<Vec<SampledKey>> {
    let mut asked = redis::pipe();
    for name in &found {
        asked.cmd("MEMORY").arg("USAGE").arg(name);
        if counts_accesses {
            asked.cmd("OBJECT").arg("FREQ").arg(name);
        }
    }
    let each = 1 + usize::from(counts_accesses);
    let answers = answers(connection, &asked, each * found.len())?;
    let keys = found.into_iter().zip(answers.chunks(each));
    let keys = keys.filter_map(|(name, told)| {
        Some(SampledKey {
            name,
            bytes: number(told.first()?)?,
            frequency: told.get(1).and_then(number),
        })
    });
    Ok(keys.collect())
}

/// Sends the commands and returns their answers, in which errors stand for themselves.
///
/// # Errors
/// Fails if the connection fails, or with the first refusal: the user may not ask then.
fn answers(connection: &mut Connection, asked: &Pipeline, count: usize) -> RedisResult<Vec<Value>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let answers = connection.req_packed_commands(&asked.get_packed_pipeline(), 0, count)?;
    for answer in &answers {
        if let Value::ServerError(error) = answer {
            let error = error.clone().into();
            if failure::is_refused(&error) {
                return Err(error);
            }
        }
    }
    Ok(answers)
}

fn number(answer: &Value) -> Option<u64> {
    match answer {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

/// Returns the keys of the longest calls, each once for each command.
fn slow_keys(calls: &[SlowCall]) -> Vec<(Vec<u8>, Reason)> {
    let mut calls: Vec<&SlowCall> = calls.iter().filter(|call| call.key.is_some()).collect();
    calls.sort_by(|a, b| b.usec.total_cmp(&a.usec));
    let mut keys: Vec<(Vec<u8>, Reason)> = Vec::new();
    for call in calls {
        let Some(name) = call.key.clone() else {
            continue;
        };
        let key = (name, Reason::Slow(call.command.clone()));
        if !keys.contains(&key) && keys.len() < LISTED {
            keys.push(key);
        }
    }
    keys
}

/// Returns the largest keys, if they are large or much larger than others.
fn big(sample: &[SampledKey]) -> Vec<Vec<u8>> {
    let mut keys: Vec<&SampledKey> = sample.iter().collect();
    keys.sort_by_key(|key| Reverse(key.bytes));
    let Some(median) = keys.get(keys.len() / 2).map(|key| key.bytes) else {
        return Vec::new();
    };
    let is_big = |key: &&SampledKey| {
        let is_unusual = key.bytes >= UNUSUAL_RATIO * median;
        key.bytes >= BIG_BYTES || key.bytes >= UNUSUAL_BYTES && is_unusual
    };
    let big = keys.into_iter().filter(is_big).take(LISTED);
    big.map(|key| key.name.clone()).collect()
}

/// Returns the keys with most accesses, if there are many.
fn hot(sample: &[SampledKey]) -> Vec<Vec<u8>> {
    let counted = sample.iter().filter_map(|key| Some((key.frequency?, key)));
    let mut hot: Vec<(u64, &SampledKey)> = counted
        .filter(|(frequency, _)| *frequency >= HOT_FREQUENCY)
        .collect();
    hot.sort_by_key(|(frequency, _)| Reverse(*frequency));
    let hot = hot.into_iter().take(LISTED);
    hot.map(|(_, key)| key.name.clone()).collect()
}

/// Returns the row of a key; `None` if it is gone.
fn describe(
    connection: &mut Connection,
    scope: &KeyScope,
    name: &[u8],
    reason: &Reason,
    counts_accesses: bool,
) -> RedisResult<Option<EvidenceRow>> {
    let mut asked = redis::pipe();
    asked.cmd("TYPE").arg(name);
    asked.cmd("OBJECT").arg("ENCODING").arg(name);
    asked.cmd("MEMORY").arg("USAGE").arg(name);
    if counts_accesses {
        asked.cmd("OBJECT").arg("FREQ").arg(name);
    }
    let told = answers(connection, &asked, 3 + usize::from(counts_accesses))?;
    let text = |at: usize| -> Option<String> {
        let answer = told.get(at).cloned()?;
        from_redis_value(answer).ok()
    };
    let Some(kind) = text(0).filter(|kind| kind != "none") else {
        return Ok(None);
    };
    let elements = match length(&kind) {
        Some(command) => {
            let mut asked = redis::pipe();
            asked.cmd(command).arg(name);
            answers(connection, &asked, 1)?.first().and_then(number)
        }
        None => None,
    };
    let figure = |number: Option<u64>| number.map_or(f64::NAN, |number| number as f64);
    let why = match reason {
        Reason::Big => "big",
        Reason::Hot => "hot",
        Reason::Slow(_) => "slow",
    };
    let mut row = EvidenceRow::new(
        [
            (key_hints::KEY, scope.shown(name)),
            (key_hints::WHY, why.to_owned()),
            (key_hints::TYPE, kind),
            (key_hints::ENCODING, text(1).unwrap_or_default()),
        ],
        [
            (key_hints::BYTES, figure(told.get(2).and_then(number))),
            (key_hints::ELEMENTS, figure(elements)),
            (key_hints::FREQUENCY, figure(told.get(3).and_then(number))),
        ],
    );
    if let Reason::Slow(command) = reason {
        let column = key_hints::COMMAND.to_string();
        row.labels.insert(column, command.clone());
    }
    Ok(Some(row))
}

/// Returns the command that tells the number of elements of a type; `None` for strings and for types of
/// modules.
fn length(kind: &str) -> Option<&'static str> {
    match kind {
        "list" => Some("LLEN"),
        "set" => Some("SCARD"),
        "zset" => Some("ZCARD"),
        "hash" => Some("HLEN"),
        "stream" => Some("XLEN"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(sizes: &[u64]) -> Vec<SampledKey> {
        let key = |(index, bytes): (usize, &u64)| SampledKey {
            name: index.to_string().into_bytes(),
            bytes: *bytes,
            frequency: Some(*bytes),
        };
        sizes.iter().enumerate().map(key).collect()
    }

    fn named(names: Vec<Vec<u8>>) -> Vec<String> {
        let names = names.into_iter();
        names.map(|name| String::from_utf8(name).unwrap()).collect()
    }

    #[test]
    fn only_keys_that_are_large_or_much_larger_than_others_are_listed() {
        let none: [&str; 0] = [];
        assert_eq!(named(big(&keys(&[100, 110, 90, 900]))), none, "small");
        assert_eq!(named(big(&keys(&[100, 110, 90, 20_000]))), ["3"]);
        assert_eq!(named(big(&keys(&[20_000, 20_010, 20_020]))), none, "alike");
        assert_eq!(named(big(&keys(&[2_000_000; 7]))).len(), LISTED);
        assert_eq!(named(big(&[])), none);
    }

    #[test]
    fn keys_with_a_thousand_accesses_are_hot_and_new_ones_are_not() {
        assert_eq!(named(hot(&keys(&[5, 30, 17, 200]))), ["3", "1"]);
    }

    #[test]
    fn a_slow_key_is_listed_once_for_each_command() {
        let call = |usec: f64, command: &str, key: Option<&str>| SlowCall {
            id: 1,
            usec,
            command: command.to_owned(),
            arguments: 1,
            key: key.map(|key| key.as_bytes().to_vec()),
            script: None,
        };
        let calls = [
            call(10.0, "get", Some("b")),
            call(90.0, "lrange", Some("a")),
            call(80.0, "lrange", Some("a")),
            call(99.0, "keys", None),
        ];
        let slow = |name: &str, command: &str| {
            let name = name.as_bytes().to_vec();
            (name, Reason::Slow(command.to_owned()))
        };
        assert_eq!(slow_keys(&calls), [slow("a", "lrange"), slow("b", "get")]);
    }
}
