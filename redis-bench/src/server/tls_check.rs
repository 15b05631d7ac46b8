//! Second look at a server for TLS that gave no clear answer.
//!
//! A server without TLS waits for the end of a line in the bytes of a handshake. A server that wants
//! a certificate closes the connection, and if a login was on its way the operating system may
//! discard the server's reason. A connection on which the client says nothing else shows both.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use client_tls::PLAIN_SERVER;
use load_engine::Failure;
use redis::{ConnectionAddr, RedisError};
use rustls::{ClientConnection, Stream};

use crate::server::address::RedisAddress;
use crate::server::failure;
use crate::server::tls::{RedisTls, server_name};
use crate::server::tls_failure;

/// Time-out of each of the two attempts.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Kinds of failures that do not tell their cause.
const UNCLEAR: [&str; 4] = ["reset", "closed", "timeout", "io.other"];

/// Returns the cause of `seen`, the failure to connect to `address`, if a second look shows it;
/// otherwise `seen`. Takes at most a few seconds. Does nothing without TLS, or if the cause is clear.
pub(crate) fn explained(seen: Failure, address: &RedisAddress) -> Failure {
    let (ConnectionAddr::TcpTls { host, port, .. }, Some(tls)) =
        (address.info().addr(), address.tls())
    else {
        return seen;
    };
    if !UNCLEAR.contains(&&*seen.kind) {
        return seen;
    }
    match listen(tls, host, *port) {
        Err(error) if tls_failure::kind(&error).is_some() => failure::from_redis(&error),
        Err(error) if error.is_timeout() && answers_plainly(host, *port) => {
            Failure::new(PLAIN_SERVER, &client_tls::plain_server())
        }
        _ => seen,
    }
}

/// Returns the version and the cipher suite that a handshake with the server agrees on, such as
/// `TLSv1.3 TLS_AES_256_GCM_SHA384`; `None` without TLS or if the handshake fails.
pub(crate) fn encryption(address: &RedisAddress) -> Option<String> {
    let (ConnectionAddr::TcpTls { host, port, .. }, Some(tls)) =
        (address.info().addr(), address.tls())
    else {
        return None;
    };
    let mut socket = connect(host, *port).ok()?;
    let mut client = ClientConnection::new(tls.config(), server_name(host).ok()?).ok()?;
    while client.is_handshaking() {
        client.complete_io(&mut socket).ok()?;
    }
    let version = client.protocol_version()?.as_str()?.replace('_', ".");
    let suite = client.negotiated_cipher_suite()?.suite().as_str()?;
    // The names of RFC 8446 do not have the version, which the library puts into them.
    Some(format!("{version} {}", suite.replace("TLS13_", "TLS_")))
}

/// Performs the handshake and waits for a second for the server's objection to it.
///
/// # Errors
/// Fails with the objection, or if the handshake does not end within a second.
fn listen(tls: &RedisTls, host: &str, port: u16) -> Result<(), RedisError> {
    let mut socket = connect(host, port)?;
    let client = ClientConnection::new(tls.config(), server_name(host)?);
    let mut client = client.map_err(io::Error::other)?;
    let answer = Stream::new(&mut client, &mut socket).read(&mut [0]);
    match answer {
        Err(error) if client.is_handshaking() || !is_late(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Returns true if the server answers a command without TLS, if only with an error.
fn answers_plainly(host: &str, port: u16) -> bool {
    let ask = || {
        let mut socket = connect(host, port)?;
        socket.write_all(b"PING\r\n")?;
        let mut first = [0];
        socket.read_exact(&mut first)?;
        Ok::<_, io::Error>(matches!(first, [b'+' | b'-']))
    };
    ask().unwrap_or(false)
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut addresses = (host, port).to_socket_addrs()?;
    let address = addresses.next().ok_or(io::ErrorKind::NotFound)?;
    let socket = TcpStream::connect_timeout(&address, TIMEOUT)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    Ok(socket)
}
