//! Test whether a port speaks TLS, made after a plain connection to it failed. A server that expects
//! TLS closes a plain connection without a word, which looks like a fault of the network.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// Time-out for connecting, and for the first bytes of the answer.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Types of the TLS records with which a server answers a client's greeting: an alert or a
/// handshake. Source: RFC 8446, section 5.1.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// First byte of the version in every TLS record.
const VERSION_MAJOR: u8 = 3;

/// Returns true if the server at `host` and `port` answers the greeting of a TLS client (a
/// `ClientHello`) with a TLS record, even if that is an alert. Takes at most about two seconds for
/// each address of the host.
pub(super) fn is_at(host: &str, port: u16) -> bool {
    let addresses = (host, port).to_socket_addrs();
    addresses.is_ok_and(|mut addresses| {
        addresses.any(|address| {
            TcpStream::connect_timeout(&address, TIMEOUT)
                .and_then(answers_tls)
                .unwrap_or(false)
        })
    })
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
