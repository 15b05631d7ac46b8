//! Keys of a trace: a small number for each, and what the trace tells of its values.

use std::collections::HashMap;

use super::trace_event::TraceEvent;

/// Largest number of different keys that a replay takes (210 MB here, and above a gigabyte on the
/// server).
pub(crate) const MOST_KEYS: usize = 7_000_000;

/// Key of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceKey {
    /// Number of the key, from 0, in the order of the first requests.
    pub(crate) index: u32,
    /// Largest size of a value of the key in the trace, in bytes; 0 if the trace tells none.
    pub(crate) value_bytes: u32,
    /// First time to live that the trace gives to the key, in milliseconds; 0 if it gives none.
    pub(crate) ttl_ms: u64,
}

/// Keys of a trace.
#[derive(Debug, Default)]
pub(crate) struct TraceKeys {
    keys: HashMap<u64, TraceKey>,
}

impl TraceKeys {
    /// Takes in the key of `event`. Returns false if there would be too many.
    pub(super) fn add(&mut self, event: &TraceEvent) -> bool {
        let next = self.keys.len();
        if next == MOST_KEYS && !self.keys.contains_key(&event.key) {
            return false;
        }
        let key = self.keys.entry(event.key).or_insert(TraceKey {
            // There are fewer keys than a u32 counts.
            index: next as u32,
            value_bytes: 0,
            ttl_ms: 0,
        });
        key.value_bytes = key.value_bytes.max(event.value_bytes.unwrap_or(0));
        if key.ttl_ms == 0 {
            key.ttl_ms = event.ttl_ms.unwrap_or(0);
        }
        true
    }

    /// Returns the key of an event; `None` if it was not taken in.
    pub(super) fn of(&self, event: &TraceEvent) -> Option<TraceKey> {
        self.keys.get(&event.key).copied()
    }

    /// Returns the number of keys.
    pub(crate) fn count(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Returns the number of keys of which the trace tells no size of a value.
    pub(crate) fn without_size(&self) -> u64 {
        let unsized_keys = self.keys.values().filter(|key| key.value_bytes == 0);
        unsized_keys.count() as u64
    }

    /// Returns the largest size of a value in the trace, in bytes; 0 if it tells none.
    pub(crate) fn longest(&self) -> u64 {
        let sizes = self.keys.values().map(|key| u64::from(key.value_bytes));
        sizes.max().unwrap_or(0)
    }

    /// Returns the sum of the sizes of all keys' values in bytes, where `length` gives that of a key.
    pub(crate) fn value_bytes(&self, length: impl Fn(TraceKey) -> u64) -> u64 {
        let sizes = self.keys.values().map(|key| length(*key));
        sizes.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::super::trace_event::TraceOperation;
    use super::*;

    #[test]
    fn a_key_has_one_number_its_largest_size_and_its_first_time_to_live() {
        let event = |key, value_bytes, ttl_ms| TraceEvent {
            at_us: Some(1),
            key,
            key_bytes: None,
            value_bytes,
            operation: TraceOperation::Read,
            ttl_ms,
        };
        let mut keys = TraceKeys::default();
        for added in [
            event(77, None, None),
            event(5, Some(10), None),
            event(77, Some(30), Some(2_000)),
            event(77, Some(20), Some(9_000)),
        ] {
            assert!(keys.add(&added));
        }
        let known = keys.of(&event(77, None, None)).unwrap();
        assert_eq!(
            (known.index, known.value_bytes, known.ttl_ms),
            (0, 30, 2_000)
        );
        assert_eq!(keys.of(&event(5, None, None)).unwrap().index, 1);
        assert_eq!(keys.of(&event(6, None, None)), None);
        assert_eq!((keys.count(), keys.longest()), (2, 30));
        assert_eq!(
            (
                keys.without_size(),
                keys.value_bytes(|key| key.value_bytes.into())
            ),
            (0, 40)
        );
    }
}
