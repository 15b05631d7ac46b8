//! Calls in the Redis server's `SLOWLOG`, which took longer than the server's own threshold.
//! Entries are numbered, so the entries of a step can be distinguished from older ones without a
//! reset. Only the command, the number of its arguments and its duration are stored, never the
//! arguments.

use std::collections::BTreeMap;

use bench_report::EvidenceRow;
use bench_report::names::redis::slow_calls;
use redis::{Connection, FromRedisValue as _, RedisResult, Value};

/// Largest number of entries that are read, which is the number that the server keeps by default.
const ENTRIES: usize = 128;
/// Commands that have subcommands: the second word is part of the command's name.
const CONTAINERS: [&str; 16] = [
    "acl", "client", "cluster", "command", "config", "debug", "function", "latency", "memory",
    "module", "object", "pubsub", "script", "slowlog", "xgroup", "xinfo",
];

/// Entry of the slow log: its number, the duration in microseconds, the command, and the number of
/// arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SlowCall {
    id: u64,
    usec: f64,
    command: String,
    arguments: usize,
}

/// Reads the number of the newest entry of the slow log; `None` if it is empty.
///
/// # Errors
/// Fails with the error of the server.
pub(super) fn newest(connection: &mut Connection) -> RedisResult<Option<u64>> {
    Ok(get(connection, 1)?.first().map(|call| call.id))
}

/// Reads the entries of the slow log with a number above `last`, newest first; all entries for
/// `None`. At most 128 entries are read.
///
/// # Errors
/// Fails with the error of the server.
pub(super) fn since(connection: &mut Connection, last: Option<u64>) -> RedisResult<Vec<SlowCall>> {
    let mut calls = get(connection, ENTRIES)?;
    calls.retain(|call| last.is_none_or(|last| call.id > last));
    Ok(calls)
}

fn get(connection: &mut Connection, count: usize) -> RedisResult<Vec<SlowCall>> {
    let answer: Vec<Value> = redis::cmd("SLOWLOG")
        .arg("GET")
        .arg(count)
        .query(connection)?;
    Ok(answer.into_iter().filter_map(entry).collect())
}

fn entry(value: Value) -> Option<SlowCall> {
    let Value::Array(fields) = value else {
        return None;
    };
    let mut fields = fields.into_iter();
    let id = u64::from_redis_value(fields.next()?).ok()?;
    let usec = f64::from_redis_value(fields.nth(1)?).ok()?;
    let Value::Array(words) = fields.next()? else {
        return None;
    };
    let (all, mut words) = (words.len(), words.into_iter());
    let mut word = || Some(String::from_redis_value(words.next()?).ok()?.to_lowercase());
    let mut command = word()?;
    if CONTAINERS.contains(&command.as_str())
        && let Some(second) = word()
    {
        command = format!("{command}|{second}");
    }
    Some(SlowCall {
        id,
        usec,
        command,
        arguments: all - 1,
    })
}

/// Returns the number of entries that were added after the entry `last`, including those that newer
/// entries have displaced. `calls` are the read entries, newest first. Without `last`, only the
/// read entries are counted.
pub(super) fn entered(last: Option<u64>, calls: &[SlowCall]) -> u64 {
    match (last, calls.first()) {
        (_, None) => 0,
        (Some(last), Some(newest)) => newest.id - last,
        (None, Some(_)) => calls.len() as u64,
    }
}

/// Returns a row for each command with its calls, sorted by the longest call, longest first.
pub(super) fn rows(calls: &[SlowCall]) -> Vec<EvidenceRow> {
    let mut commands: BTreeMap<&str, Vec<&SlowCall>> = BTreeMap::new();
    for call in calls {
        commands.entry(&call.command).or_default().push(call);
    }
    let mut commands: Vec<_> = commands.into_iter().collect();
    let longest = |calls: &[&SlowCall]| calls.iter().map(|c| c.usec).fold(0.0, f64::max);
    commands.sort_by(|a, b| longest(&b.1).total_cmp(&longest(&a.1)));
    let row = |(command, calls): (&str, Vec<&SlowCall>)| {
        let arguments = calls.iter().map(|call| call.arguments).max();
        EvidenceRow::new(
            [(slow_calls::COMMAND, command.to_owned())],
            [
                (slow_calls::CALLS, calls.len() as f64),
                (slow_calls::LONGEST_US, longest(&calls)),
                (slow_calls::USEC, calls.iter().map(|call| call.usec).sum()),
                (slow_calls::ARGUMENTS_MAX, arguments.unwrap_or(0) as f64),
            ],
        )
    };
    commands.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(id: i64, usec: i64, words: &[&str]) -> SlowCall {
        let text = |s: &&str| Value::BulkString(s.as_bytes().to_vec());
        let words = Value::Array(words.iter().map(text).collect());
        entry(Value::Array(vec![
            Value::Int(id),
            Value::Int(1_700_000_000),
            Value::Int(usec),
            words,
        ]))
        .unwrap()
    }

    #[test]
    fn only_command_length_and_number_of_arguments_are_kept() {
        let calls = [
            told(9, 120_000, &["KEYS", "secret:*"]),
            told(8, 30_000, &["CONFIG", "get", "requirepass"]),
            told(7, 20_000, &["keys", "*"]),
        ];
        let rows = rows(&calls);
        assert_eq!(rows[0].labels["command"], "keys");
        assert_eq!(rows[0].figures["calls"], 2.0);
        assert_eq!(rows[0].figures["longest_us"], 120_000.0);
        assert_eq!(rows[1].labels["command"], "config|get");
        assert_eq!(rows[1].figures["arguments_max"], 2.0);
        assert!(!format!("{calls:?}").contains("secret"));
    }

    #[test]
    fn entries_that_were_pushed_out_are_counted_by_their_numbers() {
        let calls = [
            told(300, 20_000, &["KEYS", "*"]),
            told(299, 20_000, &["KEYS", "*"]),
        ];
        assert_eq!(entered(Some(100), &calls), 200);
        assert_eq!(entered(None, &calls), 2);
        assert_eq!(entered(Some(300), &[]), 0);
    }
}
