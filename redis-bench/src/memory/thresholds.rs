//! Limits at which the server stores a value in another encoding, found by writing values of different
//! sizes and asking for their encoding.

use bench_report::EvidenceRow;
use bench_report::names::redis::encoding_limits;
use load_engine::Cancel;
use redis::{Cmd, Connection};

use crate::keys::key_removal;
use crate::keys::run_keys::RunKeys;
use crate::memory::content::DataType;
use crate::memory::server_memory::{MemoryServer, or_reason};
use crate::memory::sizes::encoding_of;
use crate::memory::unloaded_step::UnloadedStep;
use crate::server::failure::BatchFailure;

/// Name of this part of the scenario, in the parameters of its steps.
pub(crate) const PART: &str = "thresholds";
/// Encodings in one block of memory, which a value leaves when it becomes too large.
const COMPACT: [&str; 4] = ["listpack", "ziplist", "intset", "embstr"];
/// Largest size that is tried.
const LARGEST: u64 = 1 << 16;

/// Size of a value that decides on its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LimitedSize {
    /// Length of a string.
    Length,
    /// Number of short elements that are text.
    Elements,
    /// Number of elements that are whole numbers.
    Integers,
    /// Length of a single element.
    ElementLength,
}

/// Limit of an encoding, with the settings that state it, the newest name first.
#[derive(Debug, Clone, Copy)]
struct EncodingLimit {
    data_type: DataType,
    size: LimitedSize,
    settings: &'static [&'static str],
}

const LIMITS: [EncodingLimit; 8] = [
    EncodingLimit {
        data_type: DataType::String,
        size: LimitedSize::Length,
        settings: &[],
    },
    EncodingLimit {
        data_type: DataType::Hash,
        size: LimitedSize::Elements,
        settings: &["hash-max-listpack-entries", "hash-max-ziplist-entries"],
    },
    EncodingLimit {
        data_type: DataType::Hash,
        size: LimitedSize::ElementLength,
        settings: &["hash-max-listpack-value", "hash-max-ziplist-value"],
    },
    EncodingLimit {
        data_type: DataType::Zset,
        size: LimitedSize::Elements,
        settings: &["zset-max-listpack-entries", "zset-max-ziplist-entries"],
    },
    EncodingLimit {
        data_type: DataType::Zset,
        size: LimitedSize::ElementLength,
        settings: &["zset-max-listpack-value", "zset-max-ziplist-value"],
    },
    EncodingLimit {
        data_type: DataType::Set,
        size: LimitedSize::Integers,
        settings: &["set-max-intset-entries"],
    },
    EncodingLimit {
        data_type: DataType::Set,
        size: LimitedSize::Elements,
        settings: &["set-max-listpack-entries"],
    },
    EncodingLimit {
        data_type: DataType::Set,
        size: LimitedSize::ElementLength,
        settings: &["set-max-listpack-value"],
    },
];

/// Finds the limits of all encodings. Uses the run's first keys, which must not exist, and removes
/// them. Returns `None` if `stop` is set.
///
/// # Errors
/// Fails with the error of the connection, or with the server's error for a value.
pub(crate) fn run(
    connection: &mut Connection,
    server: &MemoryServer,
    life_ms: u64,
    stop: &Cancel,
) -> Result<Option<UnloadedStep>, BatchFailure> {
    let mut unloaded = UnloadedStep::begin("limits of encodings".to_owned(), PART);
    let mut probe = EncodingProbe {
        connection,
        keys: &server.keys,
        life_ms,
        next: 0,
    };
    let mut rows = Vec::new();
    for limit in LIMITS {
        if stop.is_cancelled() {
            return Ok(None);
        }
        match probe.find(limit)? {
            Ok(Some(found)) => {
                let configured = probe.configured(limit)?;
                if let Err(reason) = &configured {
                    unloaded.unavailable("settings", reason);
                }
                let configured = configured.ok().flatten();
                // Without a setting of the name, the server has no such limit.
                if found.most > 0 || configured.is_some() {
                    rows.push(row(limit, found, configured));
                }
            }
            Ok(None) => {}
            Err(reason) => {
                unloaded.unavailable("encodings", &reason);
                break;
            }
        }
    }
    let EncodingProbe {
        connection, next, ..
    } = probe;
    let goes_on = || !stop.is_cancelled();
    if !key_removal::remove_indexes(connection, &server.keys, 0..next, goes_on)? {
        return Ok(None);
    }
    unloaded.server().table(encoding_limits::TABLE, rows);
    Ok(Some(unloaded.finish()))
}

/// Limit that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FoundLimit {
    /// Largest size in the compact encoding; 0 if none is stored in it.
    most: u64,
    compact: String,
    /// Encoding of larger values.
    larger: String,
}

fn row(limit: EncodingLimit, found: FoundLimit, configured: Option<f64>) -> EvidenceRow {
    let what = limit.settings.first().copied().unwrap_or("string length");
    let mut row = EvidenceRow::new(
        [
            (encoding_limits::LIMIT, what.to_owned()),
            (encoding_limits::COMPACT, found.compact),
            (encoding_limits::LARGER, found.larger),
        ],
        [(encoding_limits::FOUND, found.most as f64)],
    );
    if let Some(configured) = configured {
        let name = encoding_limits::CONFIGURED.to_string();
        row.figures.insert(name, configured);
    }
    row
}

/// Values of different sizes on a server, each in a key of its own.
struct EncodingProbe<'a> {
    connection: &'a mut Connection,
    keys: &'a RunKeys,
    life_ms: u64,
    /// Index of the next key.
    next: u64,
}

impl EncodingProbe<'_> {
    /// Finds the largest size with a compact encoding, by doubling and then by halving the interval.
    /// `None` if values of all sizes that are tried have it.
    ///
    /// # Errors
    /// Fails if a value cannot be written. If the user may not ask for the encoding, the reason is
    /// the inner error.
    fn find(
        &mut self,
        limit: EncodingLimit,
    ) -> Result<Result<Option<FoundLimit>, String>, BatchFailure> {
        let (mut least, mut most) = (0, 1);
        let (mut compact, mut larger) = (String::new(), String::new());
        while most <= LARGEST {
            match self.encoding(limit, most)? {
                Ok(name) if is_compact(&name) => (least, most, compact) = (most, most * 2, name),
                Ok(name) => {
                    larger = name;
                    break;
                }
                Err(reason) => return Ok(Err(reason)),
            }
        }
        if larger.is_empty() {
            return Ok(Ok(None));
        }
        while most - least > 1 {
            let middle = least + (most - least) / 2;
            match self.encoding(limit, middle)? {
                Ok(name) if is_compact(&name) => least = middle,
                Ok(_) => most = middle,
                Err(reason) => return Ok(Err(reason)),
            }
        }
        Ok(Ok(Some(FoundLimit {
            most: least,
            compact,
            larger,
        })))
    }

    /// Writes a value of `size` to a new key, and returns its encoding.
    ///
    /// # Errors
    /// Fails if it cannot be written. If the user may not ask for the encoding, the reason is the
    /// inner error.
    fn encoding(
        &mut self,
        limit: EncodingLimit,
        size: u64,
    ) -> Result<Result<String, String>, BatchFailure> {
        let mut name = Vec::new();
        self.keys.name_into(self.next, &mut name);
        self.next += 1;
        let mut batch = redis::pipe();
        batch.atomic().add_command(value(limit, size, &name));
        batch.cmd("PEXPIRE").arg(&name).arg(self.life_ms);
        batch
            .exec(self.connection)
            .map_err(|error| BatchFailure::new(&error, batch.len()))?;
        encoding_of(self.connection, &name)
    }

    /// Returns the value of the limit's setting; `None` if there is no such setting.
    ///
    /// # Errors
    /// Fails if the server does not answer. If the user may not read settings, the reason is the
    /// inner error.
    fn configured(
        &mut self,
        limit: EncodingLimit,
    ) -> Result<Result<Option<f64>, String>, BatchFailure> {
        for setting in limit.settings {
            let answer = redis::cmd("CONFIG")
                .arg("GET")
                .arg(*setting)
                .query(self.connection);
            let pairs: Vec<(String, String)> = match or_reason(answer)? {
                Ok(pairs) => pairs,
                Err(reason) => return Ok(Err(reason)),
            };
            if let Some((_, value)) = pairs.first() {
                return Ok(Ok(value.parse().ok()));
            }
        }
        Ok(Ok(None))
    }
}

fn is_compact(encoding: &str) -> bool {
    COMPACT.contains(&encoding)
}

/// Returns the command that writes a value of `size` to the key `name`.
fn value(limit: EncodingLimit, size: u64, name: &[u8]) -> Cmd {
    let mut command = redis::cmd(match limit.data_type {
        DataType::String => "SET",
        DataType::Hash => "HSET",
        DataType::List => "RPUSH",
        DataType::Set => "SADD",
        DataType::Zset => "ZADD",
    });
    command.arg(name);
    let elements: Vec<String> = match limit.size {
        LimitedSize::Length | LimitedSize::ElementLength => vec!["v".repeat(size as usize)],
        LimitedSize::Elements => (0..size).map(|index| format!("v{index}")).collect(),
        LimitedSize::Integers => (0..size).map(|index| index.to_string()).collect(),
    };
    for element in elements {
        match limit.data_type {
            DataType::Hash => command.arg(element).arg("v"),
            DataType::Zset => command.arg(1).arg(element),
            DataType::String | DataType::List | DataType::Set => command.arg(element),
        };
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_size_that_is_tried() {
        let packed = |index: usize, size: u64| {
            let command = value(LIMITS[index], size, b"k");
            String::from_utf8(command.get_packed_command()).unwrap()
        };
        assert!(packed(0, 3).ends_with("$3\r\nvvv\r\n"));
        assert!(packed(1, 2).starts_with("*6\r\n$4\r\nHSET"));
        assert!(packed(2, 65).contains("$65\r\n"));
        assert!(packed(3, 2).starts_with("*6\r\n$4\r\nZADD"));
        assert!(packed(5, 3).ends_with("$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n"));
    }

    #[test]
    fn a_row_has_the_setting_only_if_it_is_known() {
        let found = FoundLimit {
            most: 44,
            compact: "embstr".to_owned(),
            larger: "raw".to_owned(),
        };
        let string = row(LIMITS[0], found.clone(), None);
        assert_eq!(string.label(encoding_limits::LIMIT), Some("string length"));
        assert_eq!(string.value(encoding_limits::CONFIGURED), None);
        let hash = row(LIMITS[1], found, Some(128.0));
        assert_eq!(hash.value(encoding_limits::CONFIGURED), Some(128.0));
        assert_eq!(hash.value(encoding_limits::FOUND), Some(44.0));
    }
}
