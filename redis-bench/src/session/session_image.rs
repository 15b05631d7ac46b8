//! Content of a session as it is stored: JSON in a string, or the fields of a hash.

use redis::{ErrorKind, RedisError, RedisResult, Value};
use serde::{Deserialize, Serialize};

use crate::cli::MOST_PARALLEL;

/// Numbers of a session's changes: one for each of the requests that a page view makes at once.
/// Each request only increases its own.
pub(super) type ChangeNumbers = [u64; MOST_PARALLEL];

/// Content of a session without its data, which never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionImage {
    /// Number of times that the whole content was written; `None` in a hash, whose fields are
    /// written by themselves.
    pub(super) version: Option<u64>,
    /// Number of the last change of each request.
    pub(super) changes: ChangeNumbers,
    /// True if user and data are there. They are not in a hash of which only a field was written
    /// again after its removal.
    pub(super) is_whole: bool,
}

/// Session as a JSON document. The version stands first, where the script of `string-cas` finds it.
#[derive(Serialize, Deserialize)]
struct SessionDocument<'a> {
    version: u64,
    user: u64,
    changes: ChangeNumbers,
    #[serde(borrow)]
    data: &'a str,
}

impl SessionImage {
    /// Creates the content of a new session. `version` is 1 for a document, and `None` for a hash.
    pub(super) fn new(version: Option<u64>) -> Self {
        Self {
            version,
            changes: [0; MOST_PARALLEL],
            is_whole: true,
        }
    }

    /// Returns the content after the request with number `slot` has made its change `number`.
    pub(super) fn changed(mut self, slot: usize, number: u64) -> Self {
        self.version = self.version.map(|version| version + 1);
        if let Some(change) = self.changes.get_mut(slot) {
            *change = number;
        }
        self
    }

    /// Writes the content with its user and data as JSON into `buffer`, replacing what it contains.
    ///
    /// # Errors
    /// Fails never in practice, because writing to memory cannot fail.
    pub(super) fn write_json(
        &self,
        (user, data): (u64, &str),
        buffer: &mut Vec<u8>,
    ) -> RedisResult<()> {
        buffer.clear();
        let document = SessionDocument {
            version: self.version.unwrap_or(0),
            user,
            changes: self.changes,
            data,
        };
        serde_json::to_writer(buffer, &document).map_err(|_| unexpected())
    }

    /// Reads the answer of `GET`; `None` if there is no session. `owner` is the user and the length
    /// of the data that the session must have.
    ///
    /// # Errors
    /// Fails if the value is no session, or that of somebody else.
    pub(super) fn from_string(answer: &Value, owner: (u64, usize)) -> RedisResult<Option<Self>> {
        let text = match answer {
            Value::Nil => return Ok(None),
            Value::BulkString(text) => text,
            _ => return Err(unexpected()),
        };
        let document: SessionDocument<'_> =
            serde_json::from_slice(text).map_err(|_| unexpected())?;
        if (document.user, document.data.len()) != owner {
            return Err(unexpected());
        }
        Ok(Some(Self {
            version: Some(document.version),
            changes: document.changes,
            is_whole: true,
        }))
    }

    /// Reads the answer of `HGETALL`; `None` if there is no session. `owner` is the user and the
    /// length of the data that the session must have.
    ///
    /// # Errors
    /// Fails if the fields are not those of a session, or are those of somebody else's.
    pub(super) fn from_hash(answer: &Value, owner: (u64, usize)) -> RedisResult<Option<Self>> {
        let fields = match answer {
            Value::Array(fields) => FieldPairs::List(fields),
            Value::Map(fields) => FieldPairs::Map(fields),
            _ => return Err(unexpected()),
        };
        if fields.is_empty() {
            return Ok(None);
        }
        let (mut image, mut user, mut data) = (Self::new(None), None, None);
        for index in 0..fields.len() {
            let (name, value) = fields.pair(index).ok_or_else(unexpected)?;
            match name {
                b"user" => user = Some(number(value)?),
                b"data" => data = Some(value.len()),
                _ => *slot(&mut image.changes, name)? = number(value)?,
            }
        }
        image.is_whole = user.is_some() && data.is_some();
        let is_owners = user.is_none_or(|user| user == owner.0);
        if !is_owners || data.is_some_and(|length| length != owner.1) {
            return Err(unexpected());
        }
        Ok(Some(image))
    }
}

/// Fields of a hash, in the form of either version of the protocol.
enum FieldPairs<'a> {
    List(&'a [Value]),
    Map(&'a [(Value, Value)]),
}

impl<'a> FieldPairs<'a> {
    fn len(&self) -> usize {
        match self {
            Self::List(values) => values.len() / 2,
            Self::Map(pairs) => pairs.len(),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the name and the value of the field with `index`; `None` if one of them is no text.
    fn pair(&self, index: usize) -> Option<(&'a [u8], &'a [u8])> {
        let (name, value) = match self {
            Self::List(values) => (values.get(2 * index)?, values.get(2 * index + 1)?),
            Self::Map(pairs) => pairs.get(index).map(|(name, value)| (name, value))?,
        };
        match (name, value) {
            (Value::BulkString(name), Value::BulkString(value)) => Some((name, value)),
            _ => None,
        }
    }
}

/// Names of the fields of a hash that have the numbers of changes.
pub(super) const CHANGE_FIELDS: [&str; MOST_PARALLEL] =
    ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];

fn slot<'a>(changes: &'a mut ChangeNumbers, name: &[u8]) -> RedisResult<&'a mut u64> {
    let mut fields = CHANGE_FIELDS.iter().zip(changes);
    let found = fields.find(|(field, _)| field.as_bytes() == name);
    found.map(|(_, change)| change).ok_or_else(unexpected)
}

fn number(text: &[u8]) -> RedisResult<u64> {
    let text = str::from_utf8(text).map_err(|_| unexpected())?;
    text.parse().map_err(|_| unexpected())
}

/// Returns the error for an answer that no command of the load can have.
pub(super) fn unexpected() -> RedisError {
    RedisError::from((
        ErrorKind::UnexpectedReturnType,
        "a key of ours holds what we never wrote",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: (u64, usize) = (7, 4);

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn a_session_reads_as_it_was_written_and_the_version_stands_first() {
        let image = SessionImage::new(Some(1)).changed(0, 3).changed(7, 9);
        let mut text = Vec::new();
        image.write_json((7, "abcd"), &mut text).unwrap();
        assert!(text.starts_with(br#"{"version":3,"#));
        let answer = Value::BulkString(text);
        assert_eq!(SessionImage::from_string(&answer, OWNER), Ok(Some(image)));
        assert!(SessionImage::from_string(&answer, (8, 4)).is_err());
        assert!(SessionImage::from_string(&answer, (7, 5)).is_err());
        assert!(SessionImage::from_string(&bulk("{}"), OWNER).is_err());
        assert_eq!(SessionImage::from_string(&Value::Nil, OWNER), Ok(None));
    }

    #[test]
    fn a_hash_is_read_in_both_forms_of_the_protocol() {
        let fields = [("user", "7"), ("c0", "2"), ("c1", "0"), ("data", "abcd")];
        let list = fields.iter().flat_map(|(n, v)| [bulk(n), bulk(v)]);
        let map = fields.iter().map(|(n, v)| (bulk(n), bulk(v)));
        let wanted = SessionImage::new(None).changed(0, 2);
        for answer in [Value::Array(list.collect()), Value::Map(map.collect())] {
            assert_eq!(SessionImage::from_hash(&answer, OWNER), Ok(Some(wanted)));
            assert!(SessionImage::from_hash(&answer, (7, 5)).is_err());
        }
        assert_eq!(
            SessionImage::from_hash(&Value::Array(vec![]), OWNER),
            Ok(None)
        );
    }

    #[test]
    fn a_field_that_was_written_after_the_removal_makes_no_whole_session() {
        let answer = Value::Array(vec![bulk("c1"), bulk("5")]);
        let image = SessionImage::from_hash(&answer, OWNER).unwrap().unwrap();
        assert!(!image.is_whole);
        assert_eq!(image.changes[1], 5);
        let strange = Value::Array(vec![bulk("other"), bulk("5")]);
        assert!(SessionImage::from_hash(&strange, OWNER).is_err());
    }
}
