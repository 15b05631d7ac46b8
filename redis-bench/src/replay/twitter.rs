//! Twitter's traces of its cache servers, in the form of <https://github.com/twitter/cache-trace>: a
//! line for each request, without a header.

use super::trace_error::{TraceFault, number};
use super::trace_event::{TraceEvent, TraceOperation, key_number};

/// Number of columns: time, key, key size, value size, client, operation, time to live.
const COLUMNS: usize = 7;

/// Parses a line. The key is everything between the first column and the last five, because keys
/// may contain commas.
///
/// # Errors
/// Fails if the line is no request of this format.
pub(crate) fn parse(line: &str) -> Result<TraceEvent, TraceFault> {
    let wrong = || TraceFault::Columns {
        found: line.split(',').count(),
        wanted: COLUMNS,
    };
    let (time, rest) = line.split_once(',').ok_or_else(wrong)?;
    let mut last = rest.rsplitn(COLUMNS - 1, ',');
    let mut column = || last.next().ok_or_else(wrong);
    let (ttl, operation, _client) = (column()?, column()?, column()?);
    let (value_size, key_size, key) = (column()?, column()?, column()?);
    let seconds: u32 = number("the time", time)?;
    let ttl_s: u32 = number("the time to live", ttl)?;
    Ok(TraceEvent {
        at_us: Some(u64::from(seconds) * 1_000_000),
        key: key_number(key.as_bytes()),
        key_bytes: Some(number("the key size", key_size)?),
        value_bytes: Some(number("the value size", value_size)?),
        operation: parse_operation(operation)?,
        ttl_ms: (ttl_s > 0).then_some(u64::from(ttl_s) * 1_000),
    })
}

fn parse_operation(text: &str) -> Result<TraceOperation, TraceFault> {
    match text {
        "get" | "gets" => Ok(TraceOperation::Read),
        "set" | "add" | "replace" | "cas" | "append" | "prepend" | "incr" | "decr" => {
            Ok(TraceOperation::Write)
        }
        "delete" => Ok(TraceOperation::Delete),
        _ => Err(TraceFault::unknown_operation(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_time_key_sizes_operation_and_time_to_live() {
        let event = |key: &str, key_bytes, value_bytes, operation, ttl_ms| TraceEvent {
            at_us: Some(12_000_000),
            key: key_number(key.as_bytes()),
            key_bytes: Some(key_bytes),
            value_bytes: Some(value_bytes),
            operation,
            ttl_ms,
        };
        let cases = [
            (
                "12,nz:u:e,6,0,3,get,0",
                event("nz:u:e", 6, 0, TraceOperation::Read, None),
            ),
            (
                "12,a,1,5,3,gets,0",
                event("a", 1, 5, TraceOperation::Read, None),
            ),
            (
                "12,a,1,5,3,set,60",
                event("a", 1, 5, TraceOperation::Write, Some(60_000)),
            ),
            (
                "12,a,1,8,3,incr,0",
                event("a", 1, 8, TraceOperation::Write, None),
            ),
            (
                "12,a,1,0,3,delete,0",
                event("a", 1, 0, TraceOperation::Delete, None),
            ),
            (
                "12,a,b,,c,6,5,3,get,0",
                event("a,b,,c", 6, 5, TraceOperation::Read, None),
            ),
        ];
        for (line, wanted) in cases {
            assert_eq!(parse(line).unwrap(), wanted, "{line}");
        }
    }

    #[test]
    fn all_other_lines_are_refused_with_the_reason() {
        let cases = [
            ("", "1 column, not 7"),
            ("12", "1 column, not 7"),
            ("12,a,1,5,3,get", "6 columns, not 7"),
            ("12,a,1,5,3,get,", "the time to live is no whole number"),
            (
                "noon,a,1,5,3,get,0",
                "the time is no whole number in its range: \"noon\"",
            ),
            ("-1,a,1,5,3,get,0", "the time is no whole number"),
            (
                "12,a,b,5,3,get,0",
                "the key size is no whole number in its range: \"b\"",
            ),
            (
                "12,a,1,4294967296,3,get,0",
                "the value size is no whole number",
            ),
            (
                "12,a,1,5,3,GET,0",
                "there is no operation \"GET\" in this format",
            ),
        ];
        for (line, part) in cases {
            let said = parse(line).unwrap_err().to_string();
            assert!(said.contains(part), "{line}: {said}");
        }
    }
}
