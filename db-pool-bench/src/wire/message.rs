//! Messages of the server in the read buffer, still encoded. Only tag and length of each are
//! parsed; the rest is parsed only if it is used.

use std::io;
use std::ops::Range;

use bytes::BytesMut;
use postgres_protocol::message::backend::{
    COMMAND_COMPLETE_TAG, DATA_ROW_TAG, Header, Message, ROW_DESCRIPTION_TAG,
};
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use pgbench_script::StatementResult;

const HEADER_BYTES: usize = 5;

/// Message of the server that was received completely, still encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawMessage<'a> {
    /// Type of the message as an ASCII letter, as the protocol defines it.
    pub(super) tag: u8,
    /// All bytes of the message, tag and length included.
    pub(super) whole: &'a [u8],
}

impl<'a> RawMessage<'a> {
    /// Returns the first message in `bytes`; `None` if it has not been received completely.
    ///
    /// # Errors
    /// Fails if the first bytes are no header of a message.
    pub(super) fn parse_first(bytes: &'a [u8]) -> io::Result<Option<Self>> {
        let Some(header) = Header::parse(bytes)? else {
            return Ok(None);
        };
        // The length in the header does not include the byte of the tag.
        let whole = bytes.get(..=header.len() as usize);
        Ok(whole.map(|whole| Self {
            tag: header.tag(),
            whole,
        }))
    }

    /// Adds the content of the message to `result`, the result of the current statement. When the
    /// statement is complete, moves `result` to the end of `results` and empties it. Ignores
    /// messages that do not belong to a result.
    ///
    /// # Errors
    /// Fails if the message is malformed.
    pub(super) fn add_to(
        self,
        result: &mut StatementResult,
        results: &mut Vec<StatementResult>,
    ) -> io::Result<()> {
        let rows = [ROW_DESCRIPTION_TAG, DATA_ROW_TAG, COMMAND_COMPLETE_TAG];
        if !rows.contains(&self.tag) {
            return Ok(());
        }
        match Message::parse(&mut BytesMut::from(self.whole))? {
            Some(Message::RowDescription(body)) => {
                result.columns = body
                    .fields()
                    .map(|field| Ok(field.name().to_owned()))
                    .collect()?;
            }
            Some(Message::DataRow(body)) => {
                result.rows += 1;
                let text = |range: Option<Range<usize>>| {
                    let bytes = range.map(|range| &body.buffer()[range]);
                    Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
                };
                result.last_row = body.ranges().map(text).collect()?;
            }
            _ => results.push(std::mem::take(result)),
        }
        Ok(())
    }

    /// Returns the first column of a `DataRow` message as an integer, if its value has four bytes;
    /// else `None`. It must be such a message.
    pub(super) fn first_int4(self) -> Option<i32> {
        let [_, _, 0, 0, 0, 4, value @ ..] = &self.whole[HEADER_BYTES..] else {
            return None;
        };
        let (value, _) = value.split_first_chunk()?;
        Some(i32::from_be_bytes(*value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn a_message_is_taken_when_its_last_byte_has_come() {
        let (first, second) = (message(b'2', &[]), message(b'C', b"SELECT 1\0"));
        let both = [first.clone(), second.clone()].concat();
        for length in 0..both.len() {
            let got = RawMessage::parse_first(&both[..length]).unwrap();
            let whole = (length >= first.len()).then_some(&first[..]);
            assert_eq!(got.map(|message| message.whole), whole, "{length} bytes");
        }
        let got = RawMessage::parse_first(&both[first.len()..])
            .unwrap()
            .unwrap();
        assert_eq!((got.tag, got.whole), (b'C', &second[..]));
        assert!(
            RawMessage::parse_first(&[b'C', 0, 0, 0, 3]).is_err(),
            "too short"
        );
    }

    #[test]
    fn the_first_column_is_read_where_it_is_an_int4() {
        let row = |body: &[u8]| {
            let bytes = message(DATA_ROW_TAG, body);
            RawMessage::parse_first(&bytes)
                .unwrap()
                .unwrap()
                .first_int4()
        };
        assert_eq!(row(&[0, 1, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xfe]), Some(-2));
        assert_eq!(row(&[0, 2, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0]), Some(7));
        for other in [
            &[0, 0][..],
            &[0, 1, 0xff, 0xff, 0xff, 0xff],
            &[0, 1, 0, 0, 0, 1, b'x'],
            &[0, 1, 0, 0, 0, 4, 0],
        ] {
            assert_eq!(row(other), None, "{other:?}");
        }
    }
}
