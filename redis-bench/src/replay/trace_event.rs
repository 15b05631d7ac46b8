//! Event of a trace: one request for one key, in the same form for all formats.

use std::hash::{DefaultHasher, Hasher as _};

/// Request for a key, as a trace has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceEvent {
    /// Time in microseconds, from where the trace counts; `None` if the trace has no times. Most
    /// formats have whole seconds only.
    pub(crate) at_us: Option<u64>,
    /// Number that stands for the key.
    pub(crate) key: u64,
    /// Length of the key's name, in bytes; `None` if the format does not have it.
    pub(crate) key_bytes: Option<u32>,
    /// Size of the value, in bytes; `None` if the trace does not have it.
    pub(crate) value_bytes: Option<u32>,
    /// Kind of the request.
    pub(crate) operation: TraceOperation,
    /// Time to live that a write gives to the key, in milliseconds; `None` for no expiry.
    pub(crate) ttl_ms: Option<u64>,
}

/// Kind of the request of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TraceOperation {
    /// Reads the value of the key.
    Read,
    /// Writes a value, or changes the present one.
    Write,
    /// Removes the key.
    Delete,
}

/// Returns the number that stands for the key `name`: a hash of 64 bits. Among a hundred million
/// names, two share a number with a probability of 0.03 %. No name of a trace reaches a server.
pub(crate) fn key_number(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_other_names_have_others() {
        let names = ["", "a", "b", "ab", "nz:u:eeW511W3dcH3de3d15ec"];
        let mut numbers = names.map(|name| key_number(name.as_bytes())).to_vec();
        assert_eq!(numbers[3], key_number(b"ab"));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), names.len());
    }
}
