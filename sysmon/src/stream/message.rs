//! Reader of the messages of an Arrow stream. Each message is checked before it is decoded, because
//! the decoder trusts the lengths in it and would panic on a damaged file.

use std::io::{self, Read};

use arrow_ipc::{Message, MessageHeader, RecordBatch, root_as_message};

use super::ending::Ending;

/// First bytes of each message in an Arrow stream. If a length of 0 follows them, the stream is
/// closed.
const MARK: [u8; 4] = [0xff; 4];
/// Largest header of a message that is accepted, in bytes: far larger than any that is written.
const MOST_HEADER_BYTES: usize = 1 << 20;
/// Largest accepted body of a message, and largest accepted decompressed column, in bytes. Messages
/// that this program writes are far smaller.
const MOST_BODY_BYTES: usize = 1 << 28;
/// Largest accepted number of rows in a batch. Batches that this program writes are far smaller.
const MOST_ROWS: i64 = 1 << 24;
/// Value that a compressed column has instead of its uncompressed length if it is stored
/// uncompressed.
const NOT_COMPRESSED: i64 = -1;

/// Result of reading from a stream: its next message, or the end of the stream.
pub(super) enum NextMessage {
    /// Complete message: first bytes, length, header and body.
    Message(Vec<u8>),
    /// The stream ends without another complete message; contains how it ends.
    Ending(Ending),
}

/// Reads the next message from `from` and checks that it can be decoded safely.
///
/// # Errors
/// If the file cannot be read. An end, an incomplete or an invalid message is no error, but an
/// [`Ending`].
pub(super) fn next(from: &mut impl Read) -> io::Result<NextMessage> {
    let mut bytes = Vec::new();
    match read_up_to(from, &mut bytes, MARK.len() + 4)? {
        ReadAmount::Nothing => return Ok(NextMessage::Ending(Ending::Open)),
        ReadAmount::Part => return Ok(NextMessage::Ending(Ending::Torn)),
        ReadAmount::All => {}
    }
    let (mark, length) = bytes.split_at(MARK.len());
    let length = length
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if mark != MARK || length > MOST_HEADER_BYTES {
        return Ok(damaged("no message begins where one should"));
    }
    if length == 0 {
        return Ok(NextMessage::Ending(Ending::Closed));
    }
    if read_up_to(from, &mut bytes, length)? != ReadAmount::All {
        return Ok(NextMessage::Ending(Ending::Torn));
    }
    let body = bytes.len();
    let Ok(message) = root_as_message(&bytes[MARK.len() + 4..]) else {
        return Ok(damaged("a message has no valid header"));
    };
    let length = usize::try_from(message.bodyLength()).ok();
    let Some(length) = length.filter(|length| *length <= MOST_BODY_BYTES) else {
        return Ok(damaged("a message has an impossible length"));
    };
    if read_up_to(from, &mut bytes, length)? != ReadAmount::All {
        return Ok(NextMessage::Ending(Ending::Torn));
    }
    let (header, columns) = bytes.split_at(body);
    let sound = root_as_message(&header[MARK.len() + 4..]).is_ok_and(|m| is_sound(m, columns));
    if sound {
        Ok(NextMessage::Message(bytes))
    } else {
        Ok(damaged("a message says of itself what cannot be"))
    }
}

fn damaged(reason: &str) -> NextMessage {
    NextMessage::Ending(Ending::Damaged(reason.to_owned()))
}

#[derive(PartialEq)]
enum ReadAmount {
    All,
    Part,
    Nothing,
}

/// Reads `count` bytes from `from` and appends them to `into`, or fewer if the file ends before.
/// Returns whether all, a part or none could be read.
fn read_up_to(from: &mut impl Read, into: &mut Vec<u8>, count: usize) -> io::Result<ReadAmount> {
    match from.take(count as u64).read_to_end(into)? {
        taken if taken == count => Ok(ReadAmount::All),
        0 => Ok(ReadAmount::Nothing),
        _ => Ok(ReadAmount::Part),
    }
}

fn is_sound(message: Message<'_>, body: &[u8]) -> bool {
    match message.header_type() {
        MessageHeader::Schema => message.header_as_schema().is_some(),
        MessageHeader::RecordBatch => message
            .header_as_record_batch()
            .is_some_and(|batch| is_sound_batch(batch, body)),
        MessageHeader::DictionaryBatch => message
            .header_as_dictionary_batch()
            .and_then(|dictionary| dictionary.data())
            .is_some_and(|batch| is_sound_batch(batch, body)),
        _ => false,
    }
}

/// Returns true if decoding the batch is safe: its body is not empty, every buffer lies within the
/// body, and the numbers of rows and nulls and the decompressed lengths are below fixed bounds.
/// Lengths are not compared with the number of rows.
fn is_sound_batch(batch: RecordBatch<'_>, body: &[u8]) -> bool {
    let lengths = batch.nodes().into_iter().flatten();
    let mut lengths = lengths.map(|node| (node.length(), node.null_count()));
    let compressed = batch.compression().is_some();
    let buffers = batch.buffers().into_iter().flatten();
    let mut buffers = buffers.map(|buffer| {
        let from = usize::try_from(buffer.offset()).ok()?;
        let length = usize::try_from(buffer.length()).ok()?;
        let bytes = body.get(from..from.checked_add(length)?)?;
        plain_length(bytes, compressed)
    });
    // The decoder would combine a batch without a body with the next batch.
    !body.is_empty()
        && (0..=MOST_ROWS).contains(&batch.length())
        && lengths.all(|(rows, nulls)| rows <= MOST_ROWS && (0..=rows).contains(&nulls))
        && (0..).zip(&mut buffers).all(|(place, length)| {
            // Every column and every dictionary has a buffer of nulls first, and then one of numbers with 4
            // or 8 bytes each.
            length.is_some_and(|length| place % 2 == 0 || length % 4 == 0)
        })
}

/// Returns the length of a buffer of a column after decompression, in bytes, as the buffer states
/// it; `None` if that length is invalid or too large.
fn plain_length(bytes: &[u8], compressed: bool) -> Option<usize> {
    if !compressed || bytes.is_empty() {
        return Some(bytes.len());
    }
    let (length, rest) = bytes.split_first_chunk()?;
    match i64::from_le_bytes(*length) {
        NOT_COMPRESSED => Some(rest.len()),
        length => usize::try_from(length)
            .ok()
            .filter(|length| *length <= MOST_BODY_BYTES),
    }
}
