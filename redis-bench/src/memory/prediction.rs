//! Prediction of the memory that keys take, from `MEMORY USAGE` of a few of them and the sizes of the
//! server's tables.

use crate::memory::allocator::Allocator;
use crate::memory::tables::{ENTRY_BYTES, TableLayout, TableState};

/// Size of the head of a list. Source: `struct quicklist` in src/quicklist.h.
const LIST_HEAD_BYTES: u64 = 40;
/// Size of a node of a list. Source: `struct quicklistNode` in src/quicklist.h, from version 7.0 on.
const LIST_NODE_BYTES: u64 = 40;
/// Size up to which a node of a list takes elements, by the default of `list-max-listpack-size`.
const LIST_NODE_ELEMENTS_BYTES: f64 = 8_192.0;
/// Size of the head of a chained table. Source: `struct dict` in src/dict.h, from version 7.0 on.
const TABLE_HEAD_BYTES: u64 = 56;

/// Version of a server, as far as its use of memory depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryLayout {
    /// Layout of the hash tables.
    pub(crate) tables: TableLayout,
    /// Memory allocator.
    pub(crate) allocator: Allocator,
}

/// `MEMORY USAGE` of samples of the keys, and the number of keys that they stand for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SampleUsage {
    /// Encoding of the values, as `OBJECT ENCODING` names it.
    pub(crate) encoding: String,
    /// True if the values are sets.
    pub(crate) is_set: bool,
    /// Number of elements of each value; 1 for a string.
    pub(crate) elements: u64,
    /// Number of keys to be written, and the mean usage of samples of them, for each length of the
    /// keys' names.
    pub(crate) lengths: Vec<(u64, f64)>,
}

impl SampleUsage {
    /// Returns the same samples for the first `keys` keys to be written only.
    pub(crate) fn first(&self, mut keys: u64) -> Self {
        let lengths = self.lengths.iter().map(|(count, usage)| {
            let taken = keys.min(*count);
            keys -= taken;
            (taken, *usage)
        });
        Self {
            lengths: lengths.collect(),
            ..self.clone()
        }
    }

    /// Returns the usage of all keys to be written, in bytes.
    fn usage(&self) -> f64 {
        let lengths = self.lengths.iter();
        lengths.map(|(keys, usage)| *keys as f64 * usage).sum()
    }

    /// Returns the number of keys to be written.
    pub(crate) fn keys(&self) -> u64 {
        self.lengths.iter().map(|(keys, _)| keys).sum()
    }
}

/// Tables of a database before the keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DatabaseTables {
    /// Table of all keys.
    pub(crate) main: TableState,
    /// Table of the keys that expire.
    pub(crate) expires: TableState,
}

/// Predicted memory of all keys to be written, in bytes, and its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MemoryPrediction {
    /// Memory by `MEMORY USAGE`.
    pub(crate) usage: f64,
    /// Memory that the allocator takes beyond that, by rounding.
    pub(crate) rounding: f64,
    /// Memory of the keys' expiry, without the growth of its table.
    pub(crate) expiry: f64,
    /// Growth of the tables of keys and of expiry.
    pub(crate) tables: f64,
}

impl MemoryPrediction {
    /// Returns the sum of all parts.
    pub(crate) fn total(&self) -> f64 {
        self.usage + self.rounding + self.expiry + self.tables
    }
}

/// Predicts the memory of keys that are written to a database with `tables`. With `expires`, each of
/// them has a time to live.
pub(crate) fn predict(
    layout: MemoryLayout,
    samples: &SampleUsage,
    tables: DatabaseTables,
    expires: bool,
) -> MemoryPrediction {
    let MemoryLayout {
        tables: kind,
        allocator,
    } = layout;
    let keys = samples.keys();
    let growth = |table: TableState, added: u64| {
        let after = kind.grown(table, table.keys + added);
        kind.bytes(after, allocator) - kind.bytes(table, allocator)
    };
    let expiring = if expires { keys } else { 0 };
    MemoryPrediction {
        usage: samples.usage(),
        rounding: keys as f64 * rounding(layout, samples),
        expiry: (expiring * kind.expiry_bytes(allocator)) as f64,
        tables: growth(tables.main, keys) + growth(tables.expires, expiring),
    }
}

/// Returns the bytes that the allocator takes for a key and its value beyond those that `MEMORY
/// USAGE` counts: it counts entries and heads with the size of their structure, and all strings
/// with the size that the allocator took. Source: `objectComputeSize` and `memoryCommand` in
/// src/object.c.
fn rounding(layout: MemoryLayout, samples: &SampleUsage) -> f64 {
    let MemoryLayout { tables, allocator } = layout;
    if tables == TableLayout::Buckets {
        return 0.0;
    }
    let entry = allocator.rounding(ENTRY_BYTES);
    let within = match samples.encoding.as_str() {
        "quicklist" => {
            let usage = samples.usage() / samples.keys().max(1) as f64;
            let nodes = (usage / LIST_NODE_ELEMENTS_BYTES).floor() + 1.0;
            let node = allocator.rounding(LIST_NODE_BYTES) as f64;
            allocator.rounding(LIST_HEAD_BYTES) as f64 + nodes * node
        }
        "hashtable" if samples.is_set => {
            let head = allocator.rounding(TABLE_HEAD_BYTES) as f64;
            let surplus = tables.set_surplus(samples.elements, allocator);
            if surplus > 0.0 {
                head - surplus
            } else {
                head + (samples.elements * entry) as f64
            }
        }
        "hashtable" | "skiplist" => {
            (allocator.rounding(TABLE_HEAD_BYTES) + samples.elements * entry) as f64
        }
        _ => 0.0,
    };
    entry as f64 + within
}

#[cfg(test)]
mod tests {
    use super::*;

    const COARSE: MemoryLayout = MemoryLayout {
        tables: TableLayout::Chained { bare_sets: false },
        allocator: Allocator::Jemalloc { quantum: 16 },
    };
    const FINE: MemoryLayout = MemoryLayout {
        allocator: Allocator::Jemalloc { quantum: 8 },
        ..COARSE
    };
    const EMPTY: DatabaseTables = DatabaseTables {
        main: TableState { slots: 0, keys: 0 },
        expires: TableState { slots: 0, keys: 0 },
    };

    fn samples(encoding: &str, elements: u64, lengths: &[(u64, f64)]) -> SampleUsage {
        SampleUsage {
            encoding: encoding.to_owned(),
            is_set: false,
            elements,
            lengths: lengths.to_vec(),
        }
    }

    /// The measured growth of `used_memory` of Redis 7.0.15 with jemalloc of the system, for keys
    /// `plimsoll:20260314-091500-7f3a:k:N`: keys, value bytes by `MEMORY USAGE`, expiry, growth.
    #[test]
    fn predictions_are_what_a_real_server_took() {
        for (keys, usage, expires, measured) in [
            (100_000, 136.0, true, 19_697_152.0),
            (150_000, 136.0, false, 23_697_152.0),
            (150_000, 136.0, true, 30_594_304.0),
            (100_000, 1_112.0, true, 117_297_152.0),
        ] {
            let sampled = samples("embstr", 1, &[(keys, usage)]);
            let predicted = predict(COARSE, &sampled, EMPTY, expires).total();
            assert!(
                (predicted / measured - 1.0).abs() < 1e-4,
                "{keys} keys of {usage}: {predicted}, not {measured}"
            );
        }
    }

    #[test]
    fn each_part_of_a_prediction_is_told() {
        let sampled = samples("embstr", 1, &[(10, 64.0), (90, 80.0)]);
        let tables = DatabaseTables {
            main: TableState {
                slots: 64,
                keys: 50,
            },
            ..EMPTY
        };
        let told = predict(COARSE, &sampled, tables, true);
        assert_eq!(sampled.keys(), 100);
        assert_eq!(sampled.first(15).lengths, [(10, 64.0), (5, 80.0)]);
        assert_eq!(told.usage, 640.0 + 7_200.0);
        assert_eq!(told.rounding, 800.0);
        assert_eq!(told.expiry, 3_200.0);
        // 150 keys need 256 slots where there were 64; 100 that expire need 128.
        assert_eq!(told.tables, 8.0 * (256.0 - 64.0 + 128.0));
        let exact = predict(FINE, &sampled, tables, false);
        assert_eq!((exact.rounding, exact.expiry), (0.0, 0.0));
        assert_eq!(exact.tables, 8.0 * (256.0 - 64.0));
    }

    #[test]
    fn what_the_allocator_rounds_within_a_value_is_added() {
        for (encoding, elements, coarse, fine) in [
            ("embstr", 1, 8.0, 0.0),
            ("listpack", 10, 8.0, 0.0),
            ("quicklist", 10, 24.0, 0.0),
            ("hashtable", 1_000, 8.0 + 8.0 + 8_000.0, 0.0),
            ("skiplist", 200, 8.0 + 8.0 + 1_600.0, 0.0),
        ] {
            let sampled = samples(encoding, elements, &[(1, 1.0)]);
            assert_eq!(rounding(COARSE, &sampled), coarse, "{encoding}");
            assert_eq!(rounding(FINE, &sampled), fine, "{encoding}");
        }
        let buckets = MemoryLayout {
            tables: TableLayout::Buckets,
            allocator: Allocator::Glibc,
        };
        let sampled = samples("hashtable", 1_000, &[(1, 1.0)]);
        assert_eq!(rounding(buckets, &sampled), 0.0);
    }

    #[test]
    fn a_set_of_later_versions_is_counted_as_it_is() {
        let later = MemoryLayout {
            tables: TableLayout::Chained { bare_sets: true },
            ..FINE
        };
        let mut sampled = samples("hashtable", 1_000, &[(1, 50_000.0)]);
        let hash = predict(later, &sampled, EMPTY, false).total();
        sampled.is_set = true;
        let set = predict(later, &sampled, EMPTY, false).total();
        assert!(hash - set > 17_000.0 && hash - set < 24_000.0);
    }
}
