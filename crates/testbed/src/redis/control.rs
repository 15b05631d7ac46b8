//! Connection by which the testbed itself speaks to a throwaway Redis server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Time-out of a question about the server's state.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Address and login by which the testbed asks a server.
#[derive(Clone, Debug)]
pub(super) struct RedisControl {
    pub(super) address: ControlAddress,
    pub(super) password: Option<String>,
}

/// Address at which a server takes plain connections.
#[derive(Clone, Debug)]
pub(super) enum ControlAddress {
    /// Port of 127.0.0.1.
    Port(u16),
    /// Unix socket, for a server whose port speaks TLS.
    Socket(PathBuf),
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

impl RedisControl {
    /// Sends one command on a connection of its own, after the login, and returns all texts of the
    /// answer in their order: that of an answer without parts, or those of an array's parts.
    ///
    /// # Errors
    /// Fails if the server cannot be reached, does not answer within `timeout`, or answers with an
    /// error.
    pub(super) fn ask(&self, command: &[&str], timeout: Duration) -> io::Result<Vec<String>> {
        let mut stream = BufReader::new(self.connect(timeout)?);
        if let Some(password) = &self.password {
            exchange(&mut stream, &["AUTH", password])?;
        }
        exchange(&mut stream, command)
    }

    /// Returns the value of `field` in the answer to `command`, which consists of lines
    /// `field:value`. `None` if it has no such line, or if there is no answer within 500 ms.
    pub(super) fn field(&self, command: &[&str], field: &str) -> Option<String> {
        let answer = self.ask(command, ANSWER_TIMEOUT).ok()?;
        let mut lines = answer.iter().flat_map(|text| text.lines());
        lines.find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(':')?.to_owned()))
    }

    fn connect(&self, timeout: Duration) -> io::Result<Box<dyn Stream>> {
        match &self.address {
            ControlAddress::Port(port) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                let stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
                stream.set_read_timeout(Some(timeout))?;
                Ok(Box::new(stream))
            }
            ControlAddress::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(timeout))?;
                Ok(Box::new(stream))
            }
        }
    }
}

fn exchange(stream: &mut BufReader<Box<dyn Stream>>, command: &[&str]) -> io::Result<Vec<String>> {
    let mut bytes = format!("*{}\r\n", command.len());
    for word in command {
        bytes += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.get_mut().write_all(bytes.as_bytes())?;
    let mut texts = Vec::new();
    read_answer(stream, &mut texts)?;
    Ok(texts)
}

/// Reads one answer in RESP2 and appends its texts to `texts`; a missing value is an empty one.
///
/// # Errors
/// Fails if the answer is an error, is no RESP2, or ends early.
fn read_answer(stream: &mut impl BufRead, texts: &mut Vec<String>) -> io::Result<()> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let line = line.trim_end();
    let Some((kind, rest)) = line.split_at_checked(1) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let length = || rest.parse::<i64>().map_err(io::Error::other);
    match kind {
        "-" => return Err(io::Error::other(rest.to_owned())),
        "$" => {
            let mut bytes = Vec::new();
            if let Ok(length) = u64::try_from(length()?) {
                stream.by_ref().take(length + 2).read_to_end(&mut bytes)?;
                bytes.truncate(length as usize);
            }
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        "*" => {
            for _ in 0..length()? {
                read_answer(stream, texts)?;
            }
        }
        _ => texts.push(rest.to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> io::Result<Vec<String>> {
        let mut rest = answer.as_bytes();
        let mut texts = Vec::new();
        read_answer(&mut rest, &mut texts)?;
        assert_eq!(rest, b"", "read to its end");
        Ok(texts)
    }

    #[test]
    fn an_answer_becomes_its_texts() {
        assert_eq!(read("+OK\r\n").unwrap(), ["OK"]);
        assert_eq!(read(":7\r\n").unwrap(), ["7"]);
        assert_eq!(read("$4\r\na\r\nb\r\n").unwrap(), ["a\r\nb"]);
        let nested = "*3\r\n$-1\r\n*1\r\n$2\r\nab\r\n:7\r\n";
        assert_eq!(read(nested).unwrap(), ["", "ab", "7"]);
        assert_eq!(read("*-1\r\n").unwrap(), [""; 0]);
    }

    #[test]
    fn an_error_or_an_early_end_is_an_error() {
        let error = read("-NOAUTH Authentication required.\r\n").unwrap_err();
        assert_eq!(error.to_string(), "NOAUTH Authentication required.");
        assert!(read("").is_err());
        assert!(read("*2\r\n+OK\r\n").is_err());
    }
}
