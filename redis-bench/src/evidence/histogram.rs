//! Durations of calls by command, from `LATENCY HISTOGRAM` (since version 7.0). The server counts
//! them from its start on. The calls of a step are the difference between two readings, and nothing
//! is reset.

use std::collections::BTreeMap;

use redis::{Connection, FromRedisValue as _, RedisResult, Value};

/// Cumulative histograms by command: pairs of a bound in microseconds and the number of calls that
/// took no longer than it, in ascending order.
pub(super) type Histograms = BTreeMap<String, Vec<(f64, f64)>>;

/// Reads the histograms of all commands, counted since the start of the server or its last reset.
///
/// # Errors
/// Fails with the error of the server. Servers before version 7.0 always return one.
pub(super) fn read(connection: &mut Connection) -> RedisResult<Histograms> {
    let answer: Value = redis::cmd("LATENCY").arg("HISTOGRAM").query(connection)?;
    Ok(pairs(answer)
        .into_iter()
        .filter_map(|(name, command)| {
            let bounds = pairs(command)
                .into_iter()
                .find(|(field, _)| field == "histogram_usec")?;
            Some((name, cumulative(bounds.1)))
        })
        .collect())
}

fn cumulative(bounds: Value) -> Vec<(f64, f64)> {
    let number = |value: Value| f64::from_redis_value(value).ok();
    let read = pairs(bounds).into_iter();
    read.filter_map(|(bound, calls)| Some((bound.parse().ok()?, number(calls)?)))
        .collect()
}

/// Returns pairs of a name and a value, which RESP2 sends as a flat list and RESP3 as a map. Empty
/// for other values; pairs whose name is no text are left out.
fn pairs(value: Value) -> Vec<(String, Value)> {
    let named = |name: Value, value: Value| Some((String::from_redis_value(name).ok()?, value));
    match value {
        Value::Map(pairs) => pairs.into_iter().filter_map(|(k, v)| named(k, v)).collect(),
        Value::Array(flat) => {
            let mut flat = flat.into_iter();
            let next = || Some((flat.next()?, flat.next()?));
            std::iter::from_fn(next)
                .filter_map(|(k, v)| named(k, v))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Distribution of the durations of one command's calls between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CallSpread {
    /// Upper bound of the duration of the longest call, in microseconds.
    pub(super) longest_us: f64,
    /// Estimated sum of the squares of the calls' durations, in square microseconds.
    pub(super) squares_us2: f64,
}

/// Estimates the distribution of the calls between the readings `before` and `after`, which took
/// `usec` microseconds in total. `None` if there were no calls. Each bound is twice the one before,
/// so the duration of a call is known within a factor of two. The durations are scaled so that they
/// add up to the total that the server counted exactly.
pub(super) fn spread(before: &[(f64, f64)], after: &[(f64, f64)], usec: f64) -> Option<CallSpread> {
    let earlier = |bound: f64| {
        let below = before.iter().take_while(|(b, _)| *b <= bound);
        below.last().map_or(0.0, |(_, calls)| *calls)
    };
    let mut reached = 0.0;
    let mut buckets = Vec::new();
    for (bound, calls) in after {
        let grown = calls - earlier(*bound);
        if grown > reached {
            buckets.push((*bound, grown - reached));
            reached = grown;
        }
    }
    let longest_us = buckets.last()?.0;
    let middle = |bound: f64| 0.75 * bound;
    let sum: f64 = buckets.iter().map(|(bound, n)| middle(*bound) * n).sum();
    let scale = if usec > 0.0 { usec / sum } else { 1.0 };
    let squares = buckets
        .iter()
        .map(|(bound, n)| (scale * middle(*bound)).powi(2) * n);
    Some(CallSpread {
        longest_us,
        squares_us2: squares.sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_say_the_same() {
        let text = |s: &str| Value::BulkString(s.as_bytes().to_vec());
        let bounds = vec![Value::Int(4), Value::Int(7), Value::Int(264), Value::Int(8)];
        let flat = Value::Array(vec![
            text("calls"),
            Value::Int(8),
            text("histogram_usec"),
            Value::Array(bounds),
        ]);
        let of = |command: Value| pairs(command).remove(1).1;
        assert_eq!(cumulative(of(flat)), [(4.0, 7.0), (264.0, 8.0)]);
        let map = Value::Map(vec![
            (Value::Int(4), Value::Int(7)),
            (Value::Int(264), Value::Int(8)),
        ]);
        assert_eq!(cumulative(map), [(4.0, 7.0), (264.0, 8.0)]);
    }

    #[test]
    fn one_slow_call_among_many_is_most_of_the_squares() {
        let before = [(2.0, 1_000.0), (1_024.0, 1_001.0)];
        let after = [(2.0, 11_000.0), (1_024.0, 11_001.0), (131_072.0, 11_002.0)];
        let usec = 10_000.0 * 1.5 + 100_000.0;
        let spread = spread(&before, &after, usec).unwrap();
        assert_eq!(spread.longest_us, 131_072.0);
        assert!((spread.squares_us2 / 1e10 - 1.0).abs() < 0.2, "{spread:?}");
        assert_eq!(super::spread(&after, &after, 0.0), None);
    }
}
