//! Answer of an HTTP/1.1 server to a request after which the connection may belong to another
//! protocol: to an upgrade, or to the demand for a tunnel.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

use crate::connection::shown_text::shown;

/// Largest size of the head of an answer, in bytes, together with what came before it.
const MOST_HEAD_BYTES: usize = 16 * 1024;
/// Largest number of headers of an answer.
const MOST_HEADERS: usize = 128;
/// Largest part of the body of a refusal that is read, in bytes.
const MOST_BODY_BYTES: usize = 512;
/// Longest wait for the body of a refusal, after its head.
const BODY_TIMEOUT: Duration = Duration::from_millis(100);

/// Head of an answer, and the bytes that arrived after it.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    /// HTTP status, such as 101.
    pub(crate) status: u16,
    /// True if the answer has version 1.1 of HTTP.
    pub(crate) is_http_11: bool,
    headers: Vec<(String, String)>,
    /// Bytes that arrived after the head: of the body, or of the other protocol.
    pub(crate) rest: Vec<u8>,
}

/// Answer by which a server refuses what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub(crate) struct Refusal {
    /// HTTP status, such as 403.
    pub(crate) status: u16,
    /// Time after which the server allows another attempt, as it wrote it in `Retry-After`: a number
    /// of seconds, or a date. `None` if it names none.
    pub(crate) retry_after: Option<String>,
    /// Other address to which the server redirects, as it wrote it in `Location`; `None` if it names
    /// none.
    pub(crate) location: Option<String>,
    /// Beginning of the body, as text that can be shown; empty if there was none.
    pub(crate) body: String,
}

/// Reason why no answer could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The connection failed.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// The server ended the connection before the end of the answer's head.
    #[error("the server ended the connection {when}")]
    Ended {
        /// Part of the answer before which it ended.
        when: &'static str,
    },
    /// The first bytes are those of TLS.
    #[error("the answer is one of TLS: the port takes nothing else")]
    WantsTls,
    /// The bytes are no answer of HTTP.
    #[error("the answer is none of HTTP ({reason}): {came}")]
    NotHttp {
        /// Fault in the bytes.
        reason: String,
        /// Bytes that came, as text that can be shown.
        came: String,
    },
    /// The head of the answer is larger than 16 KiB.
    #[error("the head of the answer is larger than 16 KiB: {came}")]
    TooLong {
        /// Bytes that came, as text that can be shown.
        came: String,
    },
}

impl HttpAnswer {
    /// Reads from `stream` until the head of an answer is complete. Interim answers, such as 103, are
    /// skipped; 101 is none of them.
    ///
    /// # Errors
    /// If the connection ends or fails before, or if what comes is no answer or too large.
    pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Self, AnswerError> {
        let mut bytes = Vec::with_capacity(1024);
        loop {
            while let Some((answer, size)) = parse(&bytes)? {
                bytes.drain(..size);
                if answer.status == 101 || answer.status >= 200 {
                    // The bytes become a part of the connection, which is to stay small.
                    bytes.shrink_to_fit();
                    return Ok(Self {
                        rest: bytes,
                        ..answer
                    });
                }
            }
            if bytes.len() >= MOST_HEAD_BYTES {
                let came = shown(&bytes);
                return Err(AnswerError::TooLong { came });
            }
            let read = stream.read_buf(&mut bytes).await.map_err(AnswerError::Io)?;
            if read == 0 {
                let when = if bytes.is_empty() {
                    "without an answer"
                } else {
                    "in the middle of its answer"
                };
                return Err(AnswerError::Ended { when });
            }
        }
    }

    /// Returns the value of the first header called `name`, in any case; `None` if there is none.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(n, _)| is_same(n, name));
        named.next().map(|(_, value)| value.as_str())
    }

    /// Returns the elements of all headers called `name` as one list, which commas separate.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(n, _)| is_same(n, name));
        let elements = named.flat_map(|(_, value)| value.split(','));
        elements
            .map(str::trim)
            .filter(|element| !element.is_empty())
    }

    /// Converts the answer to a refusal, with the beginning of its body as far as that arrives from
    /// `stream` within a tenth of a second.
    pub(crate) async fn refusal<S: AsyncRead + Unpin>(mut self, stream: &mut S) -> Refusal {
        let wanted = self.header("Content-Length").map(str::parse);
        let wanted = match wanted {
            Some(Ok(bytes)) => MOST_BODY_BYTES.min(bytes),
            _ => MOST_BODY_BYTES,
        };
        let whole = async {
            while self.rest.len() < wanted
                && matches!(stream.read_buf(&mut self.rest).await, Ok(1..))
            {}
        };
        // What has arrived by then is shown.
        let _ = timeout(BODY_TIMEOUT, whole).await;
        let mut body = &self.rest[..self.rest.len().min(wanted)];
        if self
            .list("Transfer-Encoding")
            .any(|coding| is_same(coding, "chunked"))
        {
            body = first_chunk(body);
        }
        Refusal {
            status: self.status,
            retry_after: self.header("Retry-After").map(str::to_owned),
            location: self.header("Location").map(str::to_owned),
            body: if body.is_empty() {
                String::new()
            } else {
                shown(body)
            },
        }
    }
}

impl Refusal {
    fn sentence(&self) -> String {
        let mut text = format!("HTTP {}", self.status);
        if let Some(location) = &self.location {
            text += &format!(", Location: {location}");
        }
        if let Some(wait) = &self.retry_after {
            text += &format!(", Retry-After: {wait}");
        }
        if !self.body.is_empty() {
            text += &format!(", {}", self.body);
        }
        text
    }
}

/// Parses the head at the beginning of `bytes`. Returns it with its size in bytes; `None` if it is
/// not complete.
fn parse(bytes: &[u8]) -> Result<Option<(HttpAnswer, usize)>, AnswerError> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let size = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Ok(None),
        // A record of TLS begins with its kind, 21 for an alert and 22 for the handshake, and 3.
        Err(_) if matches!(bytes, [21 | 22, 3, ..]) => return Err(AnswerError::WantsTls),
        Err(error) => {
            return Err(AnswerError::NotHttp {
                reason: error.to_string(),
                came: shown(bytes),
            });
        }
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
    let headers = answer.headers.iter();
    let answer = HttpAnswer {
        status: answer.code.unwrap_or_default(),
        is_http_11: answer.version == Some(1),
        headers: headers
            .map(|h| (h.name.to_owned(), text(h.value)))
            .collect(),
        rest: Vec::new(),
    };
    Ok(Some((answer, size)))
}

/// Returns the content of the first chunk of a chunked body, as far as it is there.
fn first_chunk(body: &[u8]) -> &[u8] {
    let Some(line) = body.windows(2).position(|pair| pair == b"\r\n") else {
        return &[];
    };
    let size = std::str::from_utf8(&body[..line]).ok();
    let size = size.and_then(|size| usize::from_str_radix(size.split(';').next()?.trim(), 16).ok());
    let content = &body[line + 2..];
    &content[..content.len().min(size.unwrap_or_default())]
}

fn is_same(name: &str, other: &str) -> bool {
    name.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Result<HttpAnswer, AnswerError> {
        HttpAnswer::read(&mut bytes).await
    }

    #[tokio::test]
    async fn what_follows_the_head_is_kept_and_interim_answers_are_skipped() {
        let answer = read(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 Switching\r\n\
              Connection: keep-alive\r\nCONNECTION: Upgrade\r\n\r\n\x81\x02hi",
        );
        let answer = answer.await.unwrap();
        assert_eq!((answer.status, answer.is_http_11), (101, true));
        let tokens: Vec<_> = answer.list("connection").collect();
        assert_eq!(tokens, ["keep-alive", "Upgrade"]);
        assert_eq!(answer.rest, b"\x81\x02hi");
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_bounded() {
        let mut endless = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        endless.resize(1 << 20, b'a');
        let error = read(&endless).await.unwrap_err();
        assert!(matches!(error, AnswerError::TooLong { .. }), "{error}");
        let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
        many.extend(b"A: b\r\n".repeat(1_000));
        let error = read(&many).await.unwrap_err();
        assert!(matches!(error, AnswerError::NotHttp { .. }), "{error}");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_shown() {
        let error = read(b"220 mail.example ESMTP\r\n").await.unwrap_err();
        assert!(error.to_string().contains("220 mail.example"), "{error}");
        let error = read(b"\x15\x03\x01\x00\x02\x02\x46").await.unwrap_err();
        assert!(matches!(error, AnswerError::WantsTls), "{error}");
        for (bytes, when) in [("", "without"), ("HTTP/1.1 1", "in the middle")] {
            let error = read(bytes.as_bytes()).await.unwrap_err();
            assert!(error.to_string().contains(when), "{error}");
        }
    }

    #[tokio::test]
    async fn a_refusal_keeps_what_the_server_said() {
        for body in [
            "Content-Length: 9\r\n\r\nslow down",
            "Transfer-Encoding: chunked\r\n\r\n9\r\nslow down\r\n0\r\n\r\n",
            "Connection: close\r\n\r\nslow down",
        ] {
            let head = "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nLocation: /b\r\n";
            let text = format!("{head}{body}");
            let mut bytes = text.as_bytes();
            let answer = HttpAnswer::read(&mut bytes).await.unwrap();
            let refusal = answer.refusal(&mut bytes).await;
            assert_eq!(refusal.retry_after.as_deref(), Some("7"));
            assert_eq!(
                refusal.to_string(),
                "HTTP 429, Location: /b, Retry-After: 7, \"slow down\""
            );
        }
    }
}
