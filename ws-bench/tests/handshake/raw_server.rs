//! Server that answers upgrades as a test wants it, remembers the requests, and then echoes.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio_tungstenite::tungstenite::WebSocket;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Request that the server has read.
#[derive(Debug, Clone)]
pub(crate) struct SeenRequest {
    pub(crate) head: String,
    pub(crate) from: IpAddr,
}

pub(crate) struct RawServer {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<SeenRequest>>>,
}

impl RawServer {
    /// Starts a server that answers a request with `answer` of its head and of the key that proves
    /// that it was read. If that begins with status 101, messages are echoed afterwards.
    pub(crate) fn start<A: Into<Vec<u8>>>(
        answer: impl Fn(&str, &str) -> A + Send + Sync + 'static,
    ) -> Self {
        Self::serving(move |head, accept| answer(head, accept).into(), echo)
    }

    /// Starts a server as [`RawServer::start`] does, which never sends anything after its answer.
    pub(crate) fn mute<A: Into<Vec<u8>>>(
        answer: impl Fn(&str, &str) -> A + Send + Sync + 'static,
    ) -> Self {
        let swallow = |mut stream: TcpStream| drop(stream.read_to_end(&mut Vec::new()));
        Self::serving(move |head, accept| answer(head, accept).into(), swallow)
    }

    fn serving(
        answer: impl Fn(&str, &str) -> Vec<u8> + Send + Sync + 'static,
        afterwards: fn(TcpStream),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let requests = Arc::clone(&seen);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
                thread::spawn(move || {
                    let head = read_head(&mut stream);
                    let from = stream.peer_addr().unwrap().ip();
                    let key = header(&head, "Sec-WebSocket-Key").unwrap_or_default();
                    let bytes = answer(&head, &derive_accept_key(key.as_bytes()));
                    requests.lock().unwrap().push(SeenRequest { head, from });
                    let agrees = bytes.windows(12).any(|part| part == b"HTTP/1.1 101");
                    if stream.write_all(&bytes).is_ok() && agrees {
                        afterwards(stream);
                    }
                });
            }
        });
        Self { url, seen }
    }

    /// Returns the requests so far, in the order in which they came.
    pub(crate) fn seen(&self) -> Vec<SeenRequest> {
        self.seen.lock().unwrap().clone()
    }
}

/// Echoes the messages of a stream that was upgraded.
pub(crate) fn echo<S: Read + Write>(stream: S) {
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    while let Ok(message) = socket.read() {
        if message.is_binary() && socket.send(message).is_err() {
            return;
        }
    }
}

/// Reads a request up to its empty line, or the first byte if that is not the beginning of one.
pub(crate) fn read_head(stream: &mut impl Read) -> String {
    let mut byte = [0];
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        seen.push(byte[0]);
        if !seen[0].is_ascii_alphabetic() {
            break;
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// Returns the value of the header `name` in the head of a request.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// Returns an answer that agrees to the upgrade, with further headers, each with its line's end.
pub(crate) fn agrees(accept: &str, headers: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
    )
}
