//! Hash tables in which a server keeps its keys and their expiry: their size for a number of keys, by
//! the layout of the server's version.

use crate::memory::allocator::Allocator;

/// Size of an entry of a chained table: key, value and next entry. Source: `struct dictEntry` in
/// src/dict.c.
pub(crate) const ENTRY_BYTES: u64 = 24;
/// Size of an entry that has a key and a next entry only. Source: `dictEntryNoValue` in src/dict.c.
const BARE_ENTRY_BYTES: u64 = 16;
/// Size of a slot of a chained table: the address of its first entry.
const SLOT_BYTES: u64 = 8;
/// Smallest number of slots of a chained table.
const LEAST_SLOTS: u64 = 4;
/// Size of a bucket. Source: src/hashtable.c of Valkey.
const BUCKET_BYTES: u64 = 64;
/// Number of keys that one bucket takes; one less if another bucket follows it.
const BUCKET_KEYS: u64 = 7;

/// Layout of a server's hash tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableLayout {
    /// Slots with a chain of entries (Redis up to 8.1, Valkey up to 8.0).
    Chained {
        /// True if a set stores its members in the slots, and an entry only for those that share a
        /// slot, but `MEMORY USAGE` counts a whole entry for each member (Redis 7.2 to 8.1).
        bare_sets: bool,
    },
    /// Buckets of seven keys, which can be followed by further buckets (Valkey from 8.1 on). A key
    /// is a part of its value, and so is its expiry.
    Buckets,
}

/// Table of a server, as far as its size depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableState {
    /// Number of slots or of buckets, without those that follow others.
    pub(crate) slots: u64,
    /// Number of keys in the table.
    pub(crate) keys: u64,
}

impl TableLayout {
    /// Returns the layout of the tables of a server: `version` is 8.1 of Redis as `(8, 1)`.
    ///
    /// # Errors
    /// Fails with the reason if the layout is not known.
    pub(crate) fn of(family: &str, version: (u32, u32)) -> Result<Self, String> {
        match (family, version) {
            ("redis", version) if version < (8, 2) => Ok(Self::Chained {
                bare_sets: version >= (7, 2),
            }),
            ("valkey", version) if version < (8, 1) => Ok(Self::Chained { bare_sets: false }),
            ("valkey", _) => Ok(Self::Buckets),
            (family, (major, minor)) => Err(format!(
                "the tables of {family} {major}.{minor} are not known to this version"
            )),
        }
    }

    /// Returns the slots of a table after keys were added to it, until it had `keys`. Tables double
    /// when they are full, and do not shrink meanwhile.
    pub(crate) fn grown(self, before: TableState, keys: u64) -> TableState {
        let needed = match self {
            Self::Chained { .. } => keys.max(LEAST_SLOTS).next_power_of_two(),
            Self::Buckets => keys.div_ceil(BUCKET_KEYS).max(1).next_power_of_two(),
        };
        let slots = if keys == 0 { 0 } else { needed };
        TableState {
            slots: before.slots.max(slots),
            keys,
        }
    }

    /// Returns the size of a table in bytes, without entries of its keys.
    pub(crate) fn bytes(self, table: TableState, allocator: Allocator) -> f64 {
        match self {
            Self::Chained { .. } => (SLOT_BYTES * table.slots) as f64,
            Self::Buckets => {
                let following = following_buckets(table) * allocator.taken(BUCKET_BYTES) as f64;
                (BUCKET_BYTES * table.slots) as f64 + following
            }
        }
    }

    /// Returns the memory that the expiry of a key takes beside the table, in bytes.
    pub(crate) fn expiry_bytes(self, allocator: Allocator) -> u64 {
        match self {
            Self::Chained { .. } => allocator.taken(ENTRY_BYTES),
            Self::Buckets => 0,
        }
    }

    /// Returns the bytes that the server counts for each key of a table beside the table itself.
    pub(crate) fn counted_bytes(self) -> u64 {
        match self {
            Self::Chained { .. } => ENTRY_BYTES,
            Self::Buckets => 0,
        }
    }

    /// Returns the number of slots or buckets of a table of which the server says that it takes
    /// `overhead` bytes with its `keys` keys, each of which it counts with `key_bytes`. `None` if it
    /// is being moved to a larger or a smaller table, or has changed since its keys were counted.
    pub(crate) fn slots(self, overhead: u64, keys: u64, key_bytes: u64) -> Option<u64> {
        let table = overhead.checked_sub(keys * key_bytes)?;
        let whole = |count: u64| 1 << count.checked_ilog2().unwrap_or(0);
        match self {
            Self::Chained { .. } => {
                let count = table / SLOT_BYTES;
                if count < LEAST_SLOTS {
                    return Some(0);
                }
                let slots: u64 = whole(count);
                // Some versions add the table's own structures, of a few hundred bytes.
                (count - slots <= 64).then_some(slots)
            }
            // Following buckets are counted as well, of which there are fewer.
            Self::Buckets => Some(whole(table / BUCKET_BYTES)),
        }
    }

    /// Returns the bytes that `MEMORY USAGE` counts too much for a set in a hash table with
    /// `members` members.
    pub(crate) fn set_surplus(self, members: u64, allocator: Allocator) -> f64 {
        let Self::Chained { bare_sets: true } = self else {
            return 0.0;
        };
        let slots = members.max(LEAST_SLOTS).next_power_of_two() as f64;
        let members = members as f64;
        // Each slot that has a member saves one entry.
        let taken_slots = slots * (1.0 - (-members / slots).exp());
        let entries = members - taken_slots;
        ENTRY_BYTES as f64 * members - allocator.taken(BARE_ENTRY_BYTES) as f64 * entries
    }
}

/// Returns the expected number of buckets that follow others in a table whose keys are spread at
/// random: the number of keys of a slot has a Poisson distribution.
fn following_buckets(table: TableState) -> f64 {
    if table.slots == 0 {
        return 0.0;
    }
    let mean = table.keys as f64 / table.slots as f64;
    let mut probability = (-mean).exp();
    let mut expected = 0.0;
    for keys in 1..=(4.0 * mean) as u64 + 40 {
        probability *= mean / keys as f64;
        // The last place of a bucket holds the address of the one that follows it.
        let following = keys.saturating_sub(BUCKET_KEYS).div_ceil(BUCKET_KEYS - 1);
        expected += probability * following as f64;
    }
    expected * table.slots as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAINED: TableLayout = TableLayout::Chained { bare_sets: false };
    const FINE: Allocator = Allocator::Jemalloc { quantum: 8 };
    const EMPTY: TableState = TableState { slots: 0, keys: 0 };

    #[test]
    fn a_version_has_its_layout_and_an_unknown_one_is_told() {
        for (family, version, layout) in [
            ("redis", (6, 2), CHAINED),
            ("redis", (7, 0), CHAINED),
            ("redis", (7, 2), TableLayout::Chained { bare_sets: true }),
            ("redis", (8, 0), TableLayout::Chained { bare_sets: true }),
            ("valkey", (8, 0), CHAINED),
            ("valkey", (8, 1), TableLayout::Buckets),
            ("valkey", (9, 1), TableLayout::Buckets),
        ] {
            assert_eq!(TableLayout::of(family, version), Ok(layout));
        }
        let unknown = TableLayout::of("redis", (8, 2)).unwrap_err();
        assert!(unknown.contains("redis 8.2"), "{unknown}");
    }

    #[test]
    fn tables_double_when_they_are_full() {
        for (keys, slots, buckets) in [
            (0, 0, 0),
            (1, 4, 1),
            (5, 8, 1),
            (8, 8, 2),
            (100_000, 131_072, 16_384),
            (131_072, 131_072, 32_768),
            (131_073, 262_144, 32_768),
            (150_000, 262_144, 32_768),
        ] {
            assert_eq!(CHAINED.grown(EMPTY, keys).slots, slots, "{keys}");
            assert_eq!(
                TableLayout::Buckets.grown(EMPTY, keys).slots,
                buckets,
                "{keys}"
            );
        }
        let large = TableState {
            slots: 1 << 20,
            keys: 600_000,
        };
        assert_eq!(CHAINED.grown(large, 700_000).slots, 1 << 20);
    }

    #[test]
    fn buckets_that_follow_others_are_counted() {
        // Measured with Valkey 9.1.2 and GNU malloc: tables of 100,000 keys took 1,402,392 bytes.
        let table = TableLayout::Buckets.grown(EMPTY, 100_000);
        let bytes = TableLayout::Buckets.bytes(table, Allocator::Glibc);
        assert!((bytes / 1_402_392.0 - 1.0).abs() < 0.03, "{bytes}");
        // Seven keys fill a bucket, and the eighth needs a second one.
        let sparse = TableState {
            slots: 1 << 20,
            keys: 1 << 10,
        };
        assert!(following_buckets(sparse) < 1e-3);
    }

    #[test]
    fn slots_are_those_that_the_server_tells_unless_it_moves_the_table() {
        let key_bytes = ENTRY_BYTES + 16;
        let told = |slots: u64, keys: u64| 8 * slots + keys * key_bytes;
        assert_eq!(CHAINED.slots(told(4, 1), 1, key_bytes), Some(4));
        assert_eq!(CHAINED.slots(told(0, 0), 0, key_bytes), Some(0));
        let full = told(131_072, 100_000);
        assert_eq!(CHAINED.slots(full, 100_000, key_bytes), Some(131_072));
        assert_eq!(CHAINED.slots(full + 300, 100_000, key_bytes), Some(131_072));
        let moving = told(131_072 + 262_144, 131_073);
        assert_eq!(CHAINED.slots(moving, 131_073, key_bytes), None);
        assert_eq!(CHAINED.slots(10, 5, key_bytes), None);
        let buckets = 64 * (16_384 + 4_900) + 400;
        assert_eq!(
            TableLayout::Buckets.slots(buckets, 100_000, 0),
            Some(16_384)
        );
    }

    #[test]
    fn a_set_without_entries_is_counted_as_what_it_takes() {
        assert_eq!(CHAINED.set_surplus(1_000, FINE), 0.0);
        let bare = TableLayout::Chained { bare_sets: true };
        // 1,000 members in 1,024 slots: 638 slots are taken, so that 362 members have an entry.
        let surplus = bare.set_surplus(1_000, FINE);
        assert!((surplus - (24_000.0 - 16.0 * 362.0)).abs() < 50.0);
    }
}
