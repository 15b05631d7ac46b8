//! Content of the keys of a step: the type of the values, and the number and length of their elements.

use clap::ValueEnum;
use redis::Cmd;

/// Largest number of elements that one command writes.
const ELEMENTS_AT_ONCE: u64 = 500;
/// Digits of the number in an element.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Type of the values of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataType {
    /// Plain string.
    String,
    /// Hash.
    Hash,
    /// List.
    List,
    /// Set.
    Set,
    /// Sorted set.
    Zset,
}

impl DataType {
    /// Returns the name as `--types` and reports have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::Zset => "zset",
        }
    }
}

/// Content of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// Type of the value.
    pub(crate) data_type: DataType,
    /// Number of elements; 1 for a string.
    pub(crate) elements: u64,
    /// Length of a string, or of each element, in bytes. In a hash, both field and value have it.
    pub(crate) element_bytes: u64,
}

impl Content {
    /// Returns true if elements of this length can differ from each other as often as needed.
    pub(crate) fn is_possible(&self) -> bool {
        let digits = u32::try_from(self.element_bytes - 1).unwrap_or(u32::MAX);
        let different = (DIGITS.len() as u64).checked_pow(digits);
        self.data_type == DataType::String || different.is_none_or(|most| self.elements <= most)
    }

    /// Returns the bytes that the application stores in a value, without the key's name: elements,
    /// fields, and 8 bytes for each score.
    pub(crate) fn payload_bytes(&self) -> u64 {
        let element = match self.data_type {
            DataType::Hash => 2 * self.element_bytes,
            DataType::Zset => self.element_bytes + 8,
            DataType::String | DataType::List | DataType::Set => self.element_bytes,
        };
        element * self.elements
    }

    /// Returns the element with `index`: text of the content's length that no other index has, and
    /// that is not a number, because numbers are stored in a different way.
    fn element(&self, mut index: u64) -> Vec<u8> {
        let mut text = vec![b'0'; self.element_bytes as usize];
        for digit in text.iter_mut().skip(1).rev() {
            *digit = DIGITS[(index % 36) as usize];
            index /= 36;
        }
        if let Some(first) = text.first_mut() {
            *first = b'v';
        }
        text
    }

    /// Returns the commands that write the value to the key `name`, which does not exist yet. The
    /// key then expires after `life_ms` milliseconds, or never.
    pub(crate) fn commands(&self, name: &[u8], life_ms: Option<u64>) -> Vec<Cmd> {
        if self.data_type == DataType::String {
            let mut set = redis::cmd("SET");
            set.arg(name).arg(self.element(0));
            if let Some(life_ms) = life_ms {
                set.arg("PX").arg(life_ms);
            }
            return vec![set];
        }
        let starts = (0..self.elements).step_by(ELEMENTS_AT_ONCE as usize);
        let mut commands: Vec<Cmd> = starts
            .map(|start| self.addition(name, start..(start + ELEMENTS_AT_ONCE).min(self.elements)))
            .collect();
        if let Some(life_ms) = life_ms {
            let mut expire = redis::cmd("PEXPIRE");
            expire.arg(name).arg(life_ms);
            commands.push(expire);
        }
        commands
    }

    /// Returns the command that adds the elements with `indexes` to the key `name`.
    fn addition(&self, name: &[u8], indexes: std::ops::Range<u64>) -> Cmd {
        let mut add = redis::cmd(match self.data_type {
            DataType::String => "APPEND",
            DataType::Hash => "HSET",
            DataType::List => "RPUSH",
            DataType::Set => "SADD",
            DataType::Zset => "ZADD",
        });
        add.arg(name);
        for index in indexes {
            let element = self.element(index);
            match self.data_type {
                DataType::Hash => add.arg(&element).arg(element),
                DataType::Zset => add.arg(index).arg(element),
                DataType::String | DataType::List | DataType::Set => add.arg(element),
            };
        }
        add
    }
}

impl std::fmt::Display for Content {
    /// Writes `string of 44 B` or `hash of 10 × 16 B`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, bytes) = (self.data_type.name(), self.element_bytes);
        match self.data_type {
            DataType::String => write!(f, "{name} of {bytes} B"),
            _ => write!(f, "{name} of {} × {bytes} B", self.elements),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn content(data_type: DataType, elements: u64, element_bytes: u64) -> Content {
        Content {
            data_type,
            elements,
            element_bytes,
        }
    }

    #[test]
    fn elements_differ_have_their_length_and_are_no_numbers() {
        for bytes in [3, 16, 1_000] {
            let set = content(DataType::Set, 1_000, bytes);
            assert!(set.is_possible());
            let all: BTreeSet<Vec<u8>> = (0..1_000).map(|index| set.element(index)).collect();
            assert_eq!(all.len(), 1_000);
            for element in all {
                assert_eq!(element.len() as u64, bytes);
                assert!(String::from_utf8(element).unwrap().parse::<f64>().is_err());
            }
        }
        assert!(!content(DataType::Set, 37, 2).is_possible());
        assert!(!content(DataType::List, 2, 1).is_possible());
        assert!(content(DataType::String, 1, 1).is_possible());
    }

    #[test]
    fn commands_write_all_elements_in_parts_and_the_expiry_last() {
        let text = |cmd: &Cmd| String::from_utf8_lossy(&cmd.get_packed_command()).into_owned();
        let zset = content(DataType::Zset, 501, 3).commands(b"k", Some(60_000));
        assert_eq!(zset.len(), 3);
        assert!(text(&zset[0]).starts_with("*1002\r\n$4\r\nZADD\r\n"));
        assert!(text(&zset[1]).ends_with("$3\r\n500\r\n$3\r\nvdw\r\n"));
        assert!(text(&zset[2]).contains("PEXPIRE"));
        let string = content(DataType::String, 1, 3).commands(b"k", Some(5));
        assert!(text(&string[0]).ends_with("v00\r\n$2\r\nPX\r\n$1\r\n5\r\n"));
        assert_eq!(content(DataType::Hash, 10, 3).commands(b"k", None).len(), 1);
    }

    #[test]
    fn a_payload_is_what_the_application_stores() {
        for (data_type, bytes) in [
            (DataType::String, 16),
            (DataType::Hash, 32),
            (DataType::List, 16),
            (DataType::Zset, 24),
        ] {
            assert_eq!(content(data_type, 1, 16).payload_bytes(), bytes);
        }
        assert_eq!(content(DataType::Hash, 10, 16).payload_bytes(), 320);
    }
}
