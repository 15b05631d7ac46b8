//! Traces for `cachebench`, the load generator of `CacheLib` (`KVReplayGenerator`): text with a header
//! that names the columns, whose order is free.

use super::trace_error::{TraceFault, number};
use super::trace_event::{TraceEvent, TraceOperation, key_number};

/// Places of the columns that are read, as the header of a file gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KvReplayColumns {
    key: usize,
    operation: usize,
    size: usize,
    time: Option<usize>,
    count: Option<usize>,
    key_size: Option<usize>,
    ttl: Option<usize>,
    columns: usize,
}

impl KvReplayColumns {
    /// Parses the header. Columns with other names are not read.
    ///
    /// # Errors
    /// Fails if one of `key`, `op` and `size` is missing.
    pub(crate) fn from_header(line: &str) -> Result<Self, TraceFault> {
        let place = |name: &str| line.split(',').position(|column| column.trim() == name);
        let wanted = |name, missing| place(name).ok_or(TraceFault::Missing(missing));
        Ok(Self {
            key: wanted("key", "the column `key` of the header")?,
            operation: wanted("op", "the column `op` of the header")?,
            size: wanted("size", "the column `size` of the header")?,
            time: place("op_time"),
            count: place("op_count"),
            key_size: place("key_size"),
            ttl: place("ttl"),
            columns: line.split(',').count(),
        })
    }

    /// Parses a line. Returns the event and how often it happened.
    ///
    /// # Errors
    /// Fails if the line does not have the header's columns, or one of them holds something else.
    pub(crate) fn parse(&self, line: &str) -> Result<(TraceEvent, u32), TraceFault> {
        let found = line.split(',').count();
        if found != self.columns {
            return Err(TraceFault::Columns {
                found,
                wanted: self.columns,
            });
        }
        let column = |place: usize| line.split(',').nth(place).unwrap_or_default().trim();
        // An optional column may be empty.
        let optional = |name, place: Option<usize>| -> Result<Option<u32>, TraceFault> {
            let text = place.map(column).filter(|text| !text.is_empty());
            text.map(|text| number(name, text)).transpose()
        };
        let count = optional("op_count", self.count)?.unwrap_or(1);
        if count == 0 {
            return Err(TraceFault::NoNumber {
                column: "op_count",
                text: "0".to_owned(),
            });
        }
        let key = column(self.key);
        let seconds = optional("op_time", self.time)?;
        let key_size = optional("key_size", self.key_size)?;
        let ttl_s = optional("ttl", self.ttl)?.filter(|ttl| *ttl > 0);
        let event = TraceEvent {
            at_us: seconds.map(|seconds| u64::from(seconds) * 1_000_000),
            key: key_number(key.as_bytes()),
            key_bytes: Some(key_size.unwrap_or(0).max(key.len() as u32)),
            value_bytes: Some(number("size", column(self.size))?),
            operation: parse_operation(column(self.operation))?,
            ttl_ms: ttl_s.map(|ttl| u64::from(ttl) * 1_000),
        };
        Ok((event, count))
    }
}

fn parse_operation(text: &str) -> Result<TraceOperation, TraceFault> {
    match text {
        "GET" | "GET_LEASE" => Ok(TraceOperation::Read),
        "SET" | "SET_LEASE" => Ok(TraceOperation::Write),
        "DELETE" => Ok(TraceOperation::Delete),
        _ => Err(TraceFault::unknown_operation(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "op_time,key,key_size,op,op_count,size,cache_hits,ttl";

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let event = TraceEvent {
            at_us: Some(564_726_471_000_000),
            key: key_number(b"1668"),
            key_bytes: Some(7),
            value_bytes: Some(100),
            operation: TraceOperation::Write,
            ttl_ms: Some(50_000),
        };
        let columns = KvReplayColumns::from_header(HEADER).unwrap();
        let parsed = columns.parse("564726471,1668,7,SET,35,100,2,50").unwrap();
        assert_eq!(parsed, (event, 35));
        let columns = KvReplayColumns::from_header("size,ttl,op,key").unwrap();
        let without = TraceEvent {
            at_us: None,
            key_bytes: Some(4),
            ttl_ms: None,
            ..event
        };
        for ttl in ["", "0"] {
            let parsed = columns.parse(&format!("100,{ttl},SET_LEASE,1668"));
            assert_eq!(parsed.unwrap(), (without, 1), "{ttl}");
        }
        let (read, _) = columns.parse("0,,GET_LEASE,1668").unwrap();
        assert_eq!(read.operation, TraceOperation::Read);
        let (removed, _) = columns.parse("0,,DELETE,1668").unwrap();
        assert_eq!(removed.operation, TraceOperation::Delete);
    }

    #[test]
    fn a_header_without_a_needed_column_is_refused() {
        for (header, name) in [
            ("op,size", "`key`"),
            ("key,size", "`op`"),
            ("key,op", "`size`"),
            ("1668,GET,0", "`key`"),
        ] {
            let said = KvReplayColumns::from_header(header)
                .unwrap_err()
                .to_string();
            assert!(said.contains(name), "{header}: {said}");
        }
    }

    #[test]
    fn a_line_with_other_content_is_refused_with_the_reason() {
        let columns = KvReplayColumns::from_header(HEADER).unwrap();
        let cases = [
            ("564726471,1668,7,SET,35,100,2", "7 columns, not 8"),
            ("564726471,1668,7,SAT,35,100,2,", "no operation \"SAT\""),
            (
                "564726471,1668,7,GET,0,100,2,",
                "op_count is no whole number in its range",
            ),
            ("564726471,1668,7,GET,1,big,2,", "size is no whole number"),
            ("564726471,1668,7,GET,1,,2,", "size is no whole number"),
            ("early,1668,7,GET,1,0,2,", "op_time is no whole number"),
        ];
        for (line, part) in cases {
            let said = columns.parse(line).unwrap_err().to_string();
            assert!(said.contains(part), "{line}: {said}");
        }
    }
}
