//! Calls in the Redis server's `SLOWLOG`, which took longer than the server's own threshold.
//! Entries are numbered, so the entries of a step can be distinguished from older ones without a
//! reset. Only the command, the number of its arguments, its duration, the name of a script and a key
//! below the prefix of the run are stored, never other arguments.

use std::collections::BTreeMap;

use bench_report::EvidenceRow;
use bench_report::names::redis::slow_calls;
use redis::{Connection, FromRedisValue as _, RedisResult, Value};

use super::key_scope::KeyScope;
use super::slow_script::script_name;
use crate::server::failure;
use crate::server::info::Info;

/// Largest number of entries that are read, which is the number that the server keeps by default.
const ENTRIES: usize = 128;
/// Commands that have subcommands: the second word is part of the command's name.
const CONTAINERS: [&str; 16] = [
    "acl", "client", "cluster", "command", "config", "debug", "function", "latency", "memory",
    "module", "object", "pubsub", "script", "slowlog", "xgroup", "xinfo",
];

/// Note of the server at the end of an argument that it cut.
const CUT: &[u8] = b" more bytes)";

/// Entry of the slow log.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SlowCall {
    pub(super) id: u64,
    /// Duration in microseconds.
    pub(super) usec: f64,
    pub(super) command: String,
    /// Number of arguments.
    pub(super) arguments: usize,
    /// First argument that is a key of the scope that was read; `None` for other keys.
    pub(super) key: Option<Vec<u8>>,
    /// Name of the script that it called; `None` if it is no call of a script.
    pub(super) script: Option<String>,
}

/// Reads the number of the newest entry of the slow log; `None` if it is empty.
///
/// # Errors
/// Fails with the error of the server.
pub(super) fn newest(connection: &mut Connection) -> RedisResult<Option<u64>> {
    Ok(get(connection, 1, None)?.first().map(|call| call.id))
}

/// Reads the entries of the slow log with a number above `last`, newest first; all entries for
/// `None`. At most 128 entries are read. Only keys of `scope` are kept.
///
/// # Errors
/// Fails with a sentence: the error of the server, or that somebody emptied the log meanwhile.
pub(super) fn since(
    connection: &mut Connection,
    last: Option<u64>,
    scope: Option<&KeyScope>,
) -> Result<Vec<SlowCall>, String> {
    let calls = get(connection, ENTRIES, scope);
    newer(
        last,
        calls.map_err(|error| failure::from_redis(&error).to_string())?,
    )
}

/// Returns those of the entries `calls`, newest first, that have a number above `last`.
///
/// # Errors
/// Fails with a sentence if the log has neither the entry `last` nor a newer one: it was emptied,
/// and it is not known how many entries were added before.
fn newer(last: Option<u64>, mut calls: Vec<SlowCall>) -> Result<Vec<SlowCall>, String> {
    let Some(last) = last else { return Ok(calls) };
    if calls.first().is_none_or(|newest| newest.id < last) {
        return Err(format!("was reset meanwhile (entry {last} is gone)"));
    }
    calls.retain(|call| call.id > last);
    Ok(calls)
}

/// Returns true if somebody called `SLOWLOG RESET` between the readings `before` and `after` of
/// `INFO`. Before version 7.0 servers do not count it by itself, and the result is false.
pub(super) fn was_reset(before: &Info, after: &Info) -> bool {
    let resets = |info: &Info| {
        let used = info.commands().get("slowlog|reset").copied();
        used.unwrap_or_default().calls
    };
    resets(after) > resets(before)
}

fn get(
    connection: &mut Connection,
    count: usize,
    scope: Option<&KeyScope>,
) -> RedisResult<Vec<SlowCall>> {
    let answer: Vec<Value> = redis::cmd("SLOWLOG")
        .arg("GET")
        .arg(count)
        .query(connection)?;
    let entries = answer.into_iter();
    Ok(entries.filter_map(|value| entry(value, scope)).collect())
}

fn entry(value: Value, scope: Option<&KeyScope>) -> Option<SlowCall> {
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
    let mut word = || String::from_redis_value(words.next()?).ok();
    let mut command = word()?.to_lowercase();
    if CONTAINERS.contains(&command.as_str())
        && let Some(second) = word()
    {
        command = format!("{command}|{}", second.to_lowercase());
    }
    let arguments = words.filter_map(|word| Vec::<u8>::from_redis_value(word).ok());
    let arguments: Vec<Vec<u8>> = arguments.collect();
    let first = arguments
        .first()
        .map(|first| String::from_utf8_lossy(first));
    let script = first.and_then(|first| script_name(&command, &first));
    let is_key =
        |word: &Vec<u8>| scope.is_some_and(|scope| scope.contains(word)) && !word.ends_with(CUT);
    Some(SlowCall {
        id,
        usec,
        arguments: all - 1,
        key: arguments.into_iter().find(is_key),
        script,
        command,
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
        let figures = [
            (slow_calls::CALLS, calls.len() as f64),
            (slow_calls::LONGEST_US, longest(&calls)),
            (slow_calls::USEC, calls.iter().map(|call| call.usec).sum()),
            (slow_calls::ARGUMENTS_MAX, arguments.unwrap_or(0) as f64),
        ];
        let command = (slow_calls::COMMAND, command.to_owned());
        let slowest = calls.iter().max_by(|a, b| a.usec.total_cmp(&b.usec));
        match slowest.and_then(|call| call.script.clone()) {
            Some(script) => EvidenceRow::new([command, (slow_calls::SCRIPT, script)], figures),
            None => EvidenceRow::new([command], figures),
        }
    };
    commands.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(id: i64, usec: i64, words: &[&str]) -> SlowCall {
        told_within(None, id, usec, words)
    }

    fn told_within(scope: Option<&KeyScope>, id: i64, usec: i64, words: &[&str]) -> SlowCall {
        let text = |s: &&str| Value::BulkString(s.as_bytes().to_vec());
        let words = Value::Array(words.iter().map(text).collect());
        let entry_of = Value::Array(vec![
            Value::Int(id),
            Value::Int(1_700_000_000),
            Value::Int(usec),
            words,
        ]);
        entry(entry_of, scope).unwrap()
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
    fn only_keys_of_the_scope_are_kept_and_no_cut_one() {
        let scope = KeyScope::own("run:");
        let key = |words: &[&str]| told_within(Some(&scope), 1, 20_000, words).key;
        assert_eq!(
            key(&["lrange", "run:a", "0", "-1"]),
            Some(b"run:a".to_vec())
        );
        assert_eq!(key(&["get", "others:a"]), None);
        assert_eq!(key(&["get", "run:aaa... (12 more bytes)"]), None);
        assert_eq!(
            told(1, 20_000, &["get", "run:a"]).key,
            None,
            "without a scope"
        );
    }

    #[test]
    fn the_script_of_the_longest_call_is_named() {
        let calls = [
            told(3, 15_000, &["EVALSHA", "77aa", "1", "user:ann"]),
            told(2, 12_000, &["EVAL", "return 1", "0"]),
            told(1, 90_000, &["EVAL", "while true do end", "0", "user:ann"]),
        ];
        let rows = rows(&calls);
        assert_eq!(rows[0].labels["script"], "694a5fe1ddb9");
        assert_eq!(rows[1].labels["script"], "77aa");
        assert!(!format!("{calls:?}").contains("ann"));
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

    #[test]
    fn a_log_that_was_emptied_meanwhile_is_not_a_log_without_slow_calls() {
        let calls = |ids: &[i64]| -> Vec<SlowCall> {
            ids.iter()
                .map(|id| told(*id, 20_000, &["KEYS", "*"]))
                .collect()
        };
        let gone: Result<Vec<SlowCall>, String> =
            Err("was reset meanwhile (entry 9 is gone)".to_owned());
        assert_eq!(newer(Some(9), calls(&[])), gone);
        assert_eq!(newer(Some(9), calls(&[2, 1])), gone);
        assert_eq!(newer(Some(9), calls(&[9, 8])), Ok(Vec::new()));
        assert_eq!(newer(Some(9), calls(&[10, 9])), Ok(calls(&[10])));
        assert_eq!(newer(None, calls(&[])), Ok(Vec::new()));
        let at =
            |resets: u64| Info::parse(&format!("cmdstat_slowlog|reset:calls={resets},usec=3\n"));
        assert!(was_reset(&at(1), &at(2)) && was_reset(&Info::default(), &at(1)));
        assert!(!was_reset(&at(1), &at(1)) && !was_reset(&at(1), &Info::default()));
    }
}
