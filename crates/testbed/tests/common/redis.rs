//! Inline commands to a throwaway Redis server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use testbed::Redis;

use super::connect;

/// Sends an inline command and returns the first line of the answer, without its line break.
pub(crate) fn ask(stream: &mut (impl Read + Write), command: &str) -> String {
    try_ask(stream, command).unwrap()
}

/// Asks as [`ask`] does. Fails if the connection breaks.
pub(crate) fn try_ask(stream: &mut (impl Read + Write), command: &str) -> io::Result<String> {
    write!(stream, "{command}\r\n")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}

/// Reads a key whose value has no line break; `None` if there is none, or the server answers with an
/// error.
pub(crate) fn value(stream: &mut TcpStream, key: &str) -> Option<String> {
    write!(stream, "GET {key}\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let length = lines.next().unwrap();
    (length.starts_with('$') && length != "$-1").then(|| lines.next().unwrap())
}

pub(crate) fn on_port(redis: &Redis) -> TcpStream {
    connect(([127, 0, 0, 1], redis.port()))
}
