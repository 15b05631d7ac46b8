//! Traces of libCacheSim in its format `oracleGeneral`: records of 24 bytes, least significant byte
//! first and without gaps. A record has the time in seconds (`u32`), the object's number (`u64`) and
//! size (`u32`), and the number of the object's next request (`i64`), which only a cache that knows
//! the future needs.

use super::trace_event::{TraceEvent, TraceOperation};

/// Length of a record, in bytes.
pub(crate) const RECORD: usize = 24;

/// Converts a record. All requests of this format are reads.
pub(crate) fn parse(record: &[u8; RECORD]) -> TraceEvent {
    TraceEvent {
        at_us: Some(unsigned(&record[..4]) * 1_000_000),
        key: unsigned(&record[4..12]),
        key_bytes: None,
        // Four bytes are a whole u32.
        value_bytes: Some(unsigned(&record[12..16]) as u32),
        operation: TraceOperation::Read,
        ttl_ms: None,
    }
}

/// Returns the number in at most 8 bytes.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_byte_by_byte() {
        let mut record = [0; RECORD];
        record[..4].copy_from_slice(&[0x02, 0x01, 0, 0]);
        record[4..12].copy_from_slice(&0xfedc_ba98_7654_3210_u64.to_le_bytes());
        record[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        record[16..].copy_from_slice(&(-1_i64).to_le_bytes());
        let wanted = TraceEvent {
            at_us: Some(258_000_000),
            key: 0xfedc_ba98_7654_3210,
            key_bytes: None,
            value_bytes: Some(u32::MAX),
            operation: TraceOperation::Read,
            ttl_ms: None,
        };
        assert_eq!(parse(&record), wanted);
    }
}
