//! Answer of many chunks to one request.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

/// Chunks of one answer that have still to be sent.
#[derive(Debug)]
pub(crate) struct ChunkSource {
    id: Option<Value>,
    sequence: u64,
    count: u64,
    interval: Duration,
}

/// Request of a stream as JSON. Further fields are ignored.
#[derive(Debug, Deserialize)]
struct StreamRequest {
    id: Option<Value>,
    count: Option<u64>,
}

/// One chunk as JSON.
#[derive(Debug, Serialize)]
struct ChunkText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Value>,
    sequence: u64,
    last: bool,
}

impl ChunkSource {
    /// Creates the answer to a request. The request may say how many chunks it wants, as a number
    /// (`20`) or as JSON (`{"id": 7, "count": 20}`); an `id` is repeated in every chunk. Any other
    /// request is answered by `chunks` chunks.
    pub(crate) fn new(request: &Message, chunks: u64, interval: Duration) -> Self {
        let text = request.to_text().unwrap_or_default().trim();
        let request = match text.parse() {
            Ok(count) => StreamRequest {
                id: None,
                count: Some(count),
            },
            Err(_) => serde_json::from_str(text).unwrap_or(StreamRequest {
                id: None,
                count: None,
            }),
        };
        Self {
            id: request.id,
            sequence: 0,
            count: request.count.filter(|count| *count > 0).unwrap_or(chunks),
            interval,
        }
    }

    /// Time from one chunk to the next.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns the next chunk, and true if it is the last one.
    pub(crate) fn next_chunk(&mut self) -> (Message, bool) {
        let last = self.sequence + 1 >= self.count;
        let chunk = ChunkText {
            id: self.id.as_ref(),
            sequence: self.sequence,
            last,
        };
        // Numbers, a flag and what was JSON before can always be written.
        let text = serde_json::to_string(&chunk).unwrap_or_default();
        self.sequence += 1;
        (Message::text(text), last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(request: &Message) -> Vec<String> {
        let mut source = ChunkSource::new(request, 3, Duration::ZERO);
        let mut all = Vec::new();
        loop {
            let (chunk, last) = source.next_chunk();
            all.push(chunk.into_text().unwrap().to_string());
            if last {
                return all;
            }
        }
    }

    #[test]
    fn chunks_are_numbered_and_the_last_one_is_marked() {
        assert_eq!(
            chunks(&Message::text("2")),
            [
                r#"{"sequence":0,"last":false}"#,
                r#"{"sequence":1,"last":true}"#
            ]
        );
        assert_eq!(
            chunks(&Message::binary(r#"{"id":"a","count":1,"more":[]}"#)),
            [r#"{"id":"a","sequence":0,"last":true}"#]
        );
    }

    #[test]
    fn a_request_without_a_count_gets_as_many_as_the_flag_says() {
        for request in ["", "hello", "0", "-1", "{}", r#"{"count":0}"#, "[1]", "1.5"] {
            assert_eq!(chunks(&Message::text(request)).len(), 3, "{request}");
        }
        assert_eq!(chunks(&Message::binary(vec![0xff, 0xfe])).len(), 3);
        assert_eq!(
            chunks(&Message::text(r#"{"id":7}"#))[0],
            r#"{"id":7,"sequence":0,"last":false}"#
        );
    }
}
