//! Memory of a server as it reports it: its use, the sizes of its tables, and the allocator.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use load_engine::Cancel;
use redis::{Connection, ConnectionLike as _, RedisError, RedisResult, Value};

use crate::keys::key_removal;
use crate::keys::run_keys::RunKeys;
use crate::memory::allocator::Allocator;
use crate::memory::prediction::{DatabaseTables, MemoryLayout};
use crate::memory::tables::{TableLayout, TableState};
use crate::server::failure;
use crate::server::info::Info;

/// Size of the head of a value, which servers count with the table of all keys. Source: `struct
/// redisObject` in src/server.h, `getMemoryOverheadData` in src/object.c.
const VALUE_HEAD_BYTES: u64 = 16;
/// Time between two readings while the server is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Number of successive equal readings after which the memory is stable. Together they last longer
/// than five rounds of the server's own housekeeping.
const EQUAL_READINGS: u32 = 6;
/// Difference of the used memory up to which two readings are equal, in bytes.
const EQUAL_BYTES: f64 = 4_096.0;
/// Longest wait for a stable use of memory.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Memory that is neither keys nor tables and that changes by itself: buffers of clients, replicas
/// and the append-only file.
const BUFFERS: [&str; 4] = [
    "mem_clients_normal",
    "mem_clients_slaves",
    "mem_aof_buffer",
    "mem_cluster_links",
];

/// Server of a run as the parts of the scenario use it.
#[derive(Debug, Clone)]
pub(crate) struct MemoryServer {
    /// Names of the run's keys.
    pub(crate) keys: RunKeys,
    /// Number of the database.
    pub(crate) database: i64,
    /// Layout of the server's memory, or the reason for which it is not known.
    pub(crate) layout: Result<MemoryLayout, String>,
}

impl MemoryServer {
    /// Reads the layout of a server's memory. Writes the first of `keys`, with a life of `life_ms`,
    /// and removes it.
    ///
    /// # Errors
    /// Fails if the server does not answer, or if the key cannot be removed.
    pub(crate) fn read(
        connection: &mut Connection,
        keys: RunKeys,
        life_ms: u64,
    ) -> RedisResult<Self> {
        let layout = read_layout(connection, &keys, life_ms)?;
        key_removal::remove_indexes(connection, &keys, 0..1, || true)?;
        Ok(Self {
            database: connection.get_db(),
            keys,
            layout,
        })
    }
}

/// Memory of a server and its keys at one instant.
#[derive(Debug, Clone)]
pub(crate) struct ServerMemory {
    /// Answer to `INFO memory`.
    pub(crate) info: Info,
    /// Used memory without buffers, in bytes.
    pub(crate) used_bytes: f64,
    /// Number of keys of the database.
    pub(crate) keys: u64,
    /// Tables of the database, or the reason for which their sizes are not known. `None` while the
    /// server moves a table to one of another size.
    pub(crate) tables: Result<Option<DatabaseTables>, String>,
    /// True if the memory had stopped changing.
    pub(crate) is_stable: bool,
}

impl ServerMemory {
    /// Reads the memory of a server and the keys of its database `database`. `layout` is that of
    /// the server's tables, if it is known.
    ///
    /// # Errors
    /// Fails if the server does not answer, or does not tell how much memory it uses.
    pub(crate) fn read(
        connection: &mut Connection,
        database: i64,
        layout: &Result<MemoryLayout, String>,
    ) -> RedisResult<Self> {
        let keyspace = Info::section(connection, "keyspace")?;
        let [keys, expires] = ["keys", "expires"].map(|part| {
            let count = keyspace.part(&format!("db{database}"), part);
            count.unwrap_or(0.0) as u64
        });
        let tables = match layout {
            Ok(layout) => read_overheads(connection, database)?.map(|overheads| {
                let (main, expiry) = overheads?;
                let (kind, key_bytes) = (layout.tables, layout.tables.counted_bytes());
                Some(DatabaseTables {
                    main: TableState {
                        slots: kind.slots(main, keys, key_bytes + VALUE_HEAD_BYTES)?,
                        keys,
                    },
                    expires: TableState {
                        slots: kind.slots(expiry, expires, key_bytes)?,
                        keys: expires,
                    },
                })
            }),
            Err(reason) => Err(reason.clone()),
        };
        let info = Info::section(connection, "memory")?;
        let Some(used) = info.number("used_memory") else {
            let what = "INFO memory does not tell the used memory";
            return Err(RedisError::from((redis::ErrorKind::Client, what)));
        };
        let buffers = BUFFERS.iter().filter_map(|name| info.number(name));
        let replication = info
            .number("mem_total_replication_buffers")
            .or_else(|| info.number("mem_replication_backlog"));
        Ok(Self {
            used_bytes: used - buffers.sum::<f64>() - replication.unwrap_or(0.0),
            info,
            keys,
            tables,
            is_stable: false,
        })
    }

    /// Reads the memory until it has stopped changing, for up to 20 s. Returns `None` if `stop` is
    /// set meanwhile.
    ///
    /// # Errors
    /// Fails as [`read`](Self::read) does.
    pub(crate) fn read_stable(
        connection: &mut Connection,
        database: i64,
        layout: &Result<MemoryLayout, String>,
        stop: &Cancel,
    ) -> RedisResult<Option<Self>> {
        let started = Instant::now();
        let mut latest = Self::read(connection, database, layout)?;
        let mut equal = 1;
        while started.elapsed() < SETTLE_TIMEOUT {
            std::thread::sleep(LOOK_INTERVAL);
            if stop.is_cancelled() {
                return Ok(None);
            }
            let next = Self::read(connection, database, layout)?;
            let is_moving = next.tables == Ok(None);
            if is_moving || !next.is_as(&latest) {
                equal = 0;
            }
            equal += 1;
            latest = next;
            if equal >= EQUAL_READINGS {
                latest.is_stable = true;
                break;
            }
        }
        Ok(Some(latest))
    }

    fn is_as(&self, other: &Self) -> bool {
        let pending = |memory: &Self| memory.info.number("lazyfree_pending_objects");
        (self.used_bytes - other.used_bytes).abs() <= EQUAL_BYTES
            && self.keys == other.keys
            && self.tables == other.tables
            && pending(self).is_none_or(|objects| objects == 0.0)
    }
}

/// Reads the layout of the server's tables and its allocator. Writes the first of `keys`, which lives
/// for `life_ms`, and leaves it.
///
/// # Errors
/// Fails if the server does not answer. If it does not tell enough, or the layout is not known, the
/// reason is the inner error.
fn read_layout(
    connection: &mut Connection,
    keys: &RunKeys,
    life_ms: u64,
) -> RedisResult<Result<MemoryLayout, String>> {
    let info = Info::section(connection, "all")?;
    let (family, version) = version_of(&info);
    let Some(version) = version else {
        return Ok(Err("the server does not tell its version".to_owned()));
    };
    let tables = match TableLayout::of(family, version) {
        Ok(tables) => tables,
        Err(reason) => return Ok(Err(reason)),
    };
    let told = info.text("mem_allocator").unwrap_or_default();
    let is_mac = info.text("os").is_some_and(|os| os.starts_with("Darwin"));
    let allocator = match told {
        "libc" if is_mac => Ok(Allocator::Jemalloc { quantum: 16 }),
        "libc" => Ok(Allocator::Glibc),
        told if told.starts_with("jemalloc") => {
            quantum(connection, keys, life_ms)?.map(|quantum| Allocator::Jemalloc { quantum })
        }
        told => Err(format!(
            "the allocator {told:?} is not known to this version"
        )),
    };
    Ok(allocator.map(|allocator| MemoryLayout { tables, allocator }))
}

/// Returns the kind of the server, and its version; `None` if it tells none.
fn version_of(info: &Info) -> (&'static str, Option<(u32, u32)>) {
    let fields = [
        ("dragonfly", "dragonfly_version"),
        ("valkey", "valkey_version"),
        ("redis", "redis_version"),
    ];
    for (family, field) in fields {
        if let Some(text) = info.text(field) {
            let mut parts = text.trim_start_matches("df-v").split('.');
            let mut next = || parts.next()?.parse().ok();
            return (family, next().zip(next()));
        }
    }
    ("redis", None)
}

/// Finds the distance between jemalloc's smallest sizes. A string of 4 bytes and its head are an
/// allocation of 24 bytes, one of 12 bytes an allocation of 32 bytes.
///
/// # Errors
/// Fails if the server does not answer. If the user may not use `SET` or `MEMORY USAGE`, the reason is
/// the inner error.
fn quantum(
    connection: &mut Connection,
    keys: &RunKeys,
    life_ms: u64,
) -> RedisResult<Result<u64, String>> {
    let mut name = Vec::new();
    keys.name_into(0, &mut name);
    let mut usages = [0; 2];
    for (usage, length) in usages.iter_mut().zip([4, 12]) {
        let value = vec![b'v'; length];
        let mut set = redis::cmd("SET");
        set.arg(&name).arg(value).arg("PX").arg(life_ms);
        if let Err(reason) = or_reason(set.exec(connection))? {
            return Ok(Err(reason));
        }
        match usage_of(connection, &name)? {
            Ok(bytes) => *usage = bytes,
            Err(reason) => return Ok(Err(reason)),
        }
    }
    Ok(Ok(if usages[0] == usages[1] { 16 } else { 8 }))
}

/// Returns the `MEMORY USAGE` of the key `name` with all its elements, in bytes.
///
/// # Errors
/// Fails if the server does not answer. If it refuses, the reason is the inner error.
pub(crate) fn usage_of(
    connection: &mut Connection,
    name: &[u8],
) -> RedisResult<Result<u64, String>> {
    let mut usage = redis::cmd("MEMORY");
    usage.arg("USAGE").arg(name).arg("SAMPLES").arg(0);
    or_reason(usage.query(connection))
}

/// Returns the memory of the tables of all keys and of those that expire in `database`, as the
/// server counts it; `None` while the server moves a table to one of another size, if it tells.
///
/// # Errors
/// Fails if the server does not answer. If it refuses, the reason is the inner error.
fn read_overheads(
    connection: &mut Connection,
    database: i64,
) -> RedisResult<Result<Option<(u64, u64)>, String>> {
    let answer: RedisResult<BTreeMap<String, Value>> =
        redis::cmd("MEMORY").arg("STATS").query(connection);
    let stats = match or_reason(answer)? {
        Ok(stats) => stats,
        Err(reason) => return Ok(Err(reason)),
    };
    let moving = stats.get("overhead.db.hashtable.rehashing");
    if moving.is_some_and(|bytes| *bytes != Value::Int(0)) {
        return Ok(Ok(None));
    }
    let Some(tables) = stats.get(&format!("db.{database}")) else {
        // A database without keys has no entry.
        return Ok(Ok(Some((0, 0))));
    };
    let tables: BTreeMap<String, u64> = redis::from_redis_value(tables.clone())?;
    let bytes = |name: &str| tables.get(name).copied().unwrap_or(0);
    let (main, expires) = ("overhead.hashtable.main", "overhead.hashtable.expires");
    Ok(Ok(Some((bytes(main), bytes(expires)))))
}

/// Splits an answer: an error answer of the server becomes the inner error, as a sentence.
///
/// # Errors
/// Fails with errors of the connection.
pub(crate) fn or_reason<T>(answer: RedisResult<T>) -> RedisResult<Result<T, String>> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error) if failure::breaks_connection(&error) || error.is_timeout() => Err(error),
        Err(error) => Ok(Err(failure::from_redis(&error).to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_own_version() {
        for (text, wanted) in [
            ("redis_version:7.0.15\n", ("redis", Some((7, 0)))),
            (
                "redis_version:7.2.4\nvalkey_version:9.1.2\n",
                ("valkey", Some((9, 1))),
            ),
            (
                "redis_version:7.4.0\ndragonfly_version:df-v1.27.1\n",
                ("dragonfly", Some((1, 27))),
            ),
            ("redis_version:unstable\n", ("redis", None)),
            ("", ("redis", None)),
        ] {
            assert_eq!(version_of(&Info::parse(text)), wanted);
        }
    }

    #[test]
    fn readings_are_equal_only_if_nothing_moves() {
        let memory = |used_bytes: f64, keys: u64, info: &str| ServerMemory {
            info: Info::parse(info),
            used_bytes,
            keys,
            tables: Err("denied".to_owned()),
            is_stable: false,
        };
        let first = memory(1e6, 10, "");
        assert!(memory(1e6 + 4_000.0, 10, "lazyfree_pending_objects:0\n").is_as(&first));
        assert!(!memory(1e6 + 5_000.0, 10, "").is_as(&first));
        assert!(!memory(1e6, 11, "").is_as(&first));
        assert!(!memory(1e6, 10, "lazyfree_pending_objects:3\n").is_as(&first));
    }
}
