//! Answer of a port to a connection that sends no command. A server that refuses a client writes the
//! reason and closes the connection at once; the client, which has sent its login meanwhile, then
//! often sees a reset instead. A server that expects TLS closes a plain connection without a word.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use redis::{ConnectionAddr, RedisError, Value};

/// Time-out for connecting, and for the first bytes of an answer.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for a reason, which a server writes as soon as it has accepted the connection.
const REFUSAL_TIMEOUT: Duration = Duration::from_millis(300);
/// Largest length of a reason, in bytes. That about the protected mode of Redis 7 has some 1,200.
const LONGEST_REFUSAL: u64 = 4_096;
/// Length of a reason from which on only its first sentence is kept, in bytes.
const LONG_REFUSAL: usize = 200;
/// Types of the TLS records with which a server answers a client's greeting: an alert or a
/// handshake. Source: RFC 8446, section 5.1.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// First byte of the version in every TLS record.
const VERSION_MAJOR: u8 = 3;

/// Returns the error with which the server at `address` refuses a new connection before any command,
/// as at its largest number of clients or in its protected mode. `None` if it says nothing, or has
/// no port.
pub(super) fn refusal(address: &ConnectionAddr) -> Option<RedisError> {
    connect(address).find_map(|stream| {
        let mut line = Vec::new();
        stream.set_read_timeout(Some(REFUSAL_TIMEOUT)).ok()?;
        // Whatever came before a time-out or a reset is the answer.
        let _ = stream.take(LONGEST_REFUSAL).read_to_end(&mut line);
        error_in(&line)
    })
}

/// Parses an error answer of the server; `None` if `line` is none.
fn error_in(line: &[u8]) -> Option<RedisError> {
    let text = std::str::from_utf8(line).ok()?;
    let text = text.strip_prefix('-')?.trim_end();
    let sentence = match text.split_once(". ") {
        Some((first, _)) if text.len() > LONG_REFUSAL => first,
        _ => text,
    };
    match redis::parse_redis_value(format!("-{sentence}\r\n").as_bytes()) {
        Ok(Value::ServerError(error)) => Some(error.into()),
        _ => None,
    }
}

/// Returns true if the server at `address` answers the greeting of a TLS client (a `ClientHello`)
/// with a TLS record, even if that is an alert. False if it has no port.
pub(super) fn speaks_tls(address: &ConnectionAddr) -> bool {
    connect(address).any(|stream| answers_tls(stream).unwrap_or(false))
}

/// Connects to each address of the host, one after the other.
fn connect(address: &ConnectionAddr) -> impl Iterator<Item = TcpStream> {
    let addresses = match address {
        ConnectionAddr::Tcp(host, port) => (host.as_str(), *port).to_socket_addrs().ok(),
        _ => None,
    };
    let addresses = addresses.into_iter().flatten();
    addresses.filter_map(|address| TcpStream::connect_timeout(&address, TIMEOUT).ok())
}

fn answers_tls(mut stream: TcpStream) -> std::io::Result<bool> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(&client_hello())?;
    let mut start = [0; 2];
    stream.read_exact(&mut start)?;
    Ok(matches!(start, [ALERT | HANDSHAKE, VERSION_MAJOR]))
}

/// Returns a `ClientHello` of TLS 1.2 without extensions. Servers that want more answer it with an
/// alert. Source: RFC 5246, section 7.4.1.2.
fn client_hello() -> Vec<u8> {
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`, the same with RSA, and
    /// `TLS_RSA_WITH_AES_128_GCM_SHA256`.
    const CIPHERS: [u8; 6] = [0xc0, 0x2b, 0xc0, 0x2f, 0x00, 0x9c];
    let mut hello = vec![VERSION_MAJOR, 3];
    // Nothing is encrypted, so that the random bytes need not be random.
    hello.extend([0; 32]);
    // No session is resumed.
    hello.push(0);
    hello.extend([0, CIPHERS.len() as u8]);
    hello.extend(CIPHERS);
    // One method of compression: none.
    hello.extend([1, 0]);
    let length = hello.len() as u8;
    let mut record = vec![HANDSHAKE, VERSION_MAJOR, 1, 0, length + 4];
    record.extend([1, 0, 0, length]);
    record.extend(hello);
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::failure;

    #[test]
    fn a_reason_is_read_as_an_error_and_a_long_one_by_its_first_sentence() {
        let full = error_in(b"-ERR max number of clients reached\r\n").unwrap();
        assert_eq!(failure::kind(&full), "response.maxclients");
        let long = format!(
            "-DENIED Redis is in protected mode. {}\r\n",
            "Do this. ".repeat(99)
        );
        let denied = failure::from_redis(&error_in(long.as_bytes()).unwrap());
        assert_eq!(denied.kind, "response.DENIED");
        assert_eq!(denied.to_string(), "DENIED Redis is in protected mode");
        for other in [
            &b""[..],
            b"+OK\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x15\x03",
        ] {
            assert!(error_in(other).is_none());
        }
    }
}
