//! Answers of one connection that are not due yet.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::stream_answer::ChunkSource;

/// Number of answers of one connection that may wait. Beyond it the server reads no further
/// message, so that a client cannot fill the memory.
const MOST_ANSWERS: usize = 16_384;

/// Answers of one connection, in the order in which they are due. Messages keep the order in which
/// they came; the chunks of several streams alternate.
#[derive(Debug, Default)]
pub(crate) struct AnswerQueue {
    waiting: BinaryHeap<Reverse<WaitingAnswer>>,
    numbered: u64,
    last_due: Option<Instant>,
}

#[derive(Debug)]
struct WaitingAnswer {
    due: Instant,
    number: u64,
    source: AnswerSource,
}

#[derive(Debug)]
enum AnswerSource {
    Message(Message),
    Chunks(ChunkSource),
}

impl AnswerQueue {
    /// Returns true if another message may be received at `now`: there is room for its answer, and
    /// no message is overdue, so that a client that closes has the answers that were due before.
    /// Chunks hold up no message, because there may be very many.
    pub(crate) fn may_receive(&self, now: Instant) -> bool {
        let is_overdue = |Reverse(next): &Reverse<WaitingAnswer>| {
            matches!(next.source, AnswerSource::Message(_)) && next.due <= now
        };
        self.waiting.len() < MOST_ANSWERS && !self.waiting.peek().is_some_and(is_overdue)
    }

    /// Returns the instant at which the next answer is due; `None` if none waits.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(answer)| answer.due)
    }

    /// Adds a message that is due at `due`, or later if an earlier message is.
    pub(crate) fn push_message(&mut self, message: Message, due: Instant) {
        let due = self.last_due.map_or(due, |last| last.max(due));
        self.last_due = Some(due);
        self.push(AnswerSource::Message(message), due);
    }

    /// Adds a stream whose first chunk is due at `due`.
    pub(crate) fn push_stream(&mut self, chunks: ChunkSource, due: Instant) {
        self.push(AnswerSource::Chunks(chunks), due);
    }

    /// Takes the answer that is due first, whether its time has come or not; `None` if none waits.
    /// The next chunk of a stream is due one interval after the one before was.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let Reverse(answer) = self.waiting.pop()?;
        match answer.source {
            AnswerSource::Message(message) => Some(message),
            AnswerSource::Chunks(mut chunks) => {
                let interval: Duration = chunks.interval();
                let (chunk, is_last) = chunks.next_chunk();
                if !is_last {
                    self.push(AnswerSource::Chunks(chunks), answer.due + interval);
                }
                Some(chunk)
            }
        }
    }

    fn push(&mut self, source: AnswerSource, due: Instant) {
        self.numbered += 1;
        self.waiting.push(Reverse(WaitingAnswer {
            due,
            number: self.numbered,
            source,
        }));
    }
}

impl Ord for WaitingAnswer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl PartialOrd for WaitingAnswer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WaitingAnswer {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for WaitingAnswer {}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(queue: &mut AnswerQueue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop())
            .map(|message| message.into_text().unwrap().to_string())
            .collect()
    }

    #[test]
    fn a_shorter_delay_does_not_overtake() {
        let (mut queue, now) = (AnswerQueue::default(), Instant::now());
        for (text, ms) in [("a", 30), ("b", 10), ("c", 40)] {
            queue.push_message(Message::text(text), now + Duration::from_millis(ms));
        }
        let due = now + Duration::from_millis(30);
        assert_eq!(queue.next_due(), Some(due));
        assert!(queue.may_receive(now) && !queue.may_receive(due));
        assert_eq!(texts(&mut queue), ["a", "b", "c"]);
        assert_eq!(queue.next_due(), None);
    }

    #[test]
    fn streams_alternate_and_each_chunk_is_due_an_interval_after_the_last() {
        let (mut queue, now) = (AnswerQueue::default(), Instant::now());
        let interval = Duration::from_millis(10);
        for (id, begin_ms) in [(1, 0), (2, 5)] {
            let request = Message::text(format!(r#"{{"id":{id},"count":2}}"#));
            let chunks = ChunkSource::new(&request, 1, interval);
            queue.push_stream(chunks, now + Duration::from_millis(begin_ms));
        }
        assert!(queue.may_receive(now + interval));
        let mut due_ms = Vec::new();
        let mut ids = Vec::new();
        while let Some(due) = queue.next_due() {
            due_ms.push((due - now).as_millis());
            ids.push(queue.pop().unwrap().into_text().unwrap().as_bytes()[6] - b'0');
        }
        assert_eq!(due_ms, [0, 5, 10, 15]);
        assert_eq!(ids, [1, 2, 1, 2]);
    }
}
