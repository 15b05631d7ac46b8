//! Kinds of failures of connections, and the owner of the limit that a failure of each kind
//! reveals.

use std::borrow::Cow;
use std::io;

use bench_report::LimitOwner;
use load_engine::Failure;
use nix::errno::Errno;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::connection::http_answer::AnswerError;
use crate::connection::opening::OpenError;
use crate::connection::shown_text::shown;
use crate::connection::tunnel::TunnelError;
use crate::connection::upgrade::UpgradeError;

/// Kind of failure: no TCP connection within the time-out of the bench or of the system.
pub(crate) const TCP_TIMEOUT: &str = "timeout.tcp";
/// Kind of failure: a server that takes nothing but TLS on its port.
pub(crate) const TLS_SERVER: &str = "tls.tls_server";
/// Kind of failure: no echo within the time-out.
pub(crate) const ECHO_TIMEOUT: &str = "timeout.echo";
/// Kind of failure: an answer that differs from the message that was sent, or only messages that
/// had not been sent.
pub(crate) const WRONG_ECHO: &str = "wrong_echo";

/// Converts an error in connecting by TCP, or of an open TCP connection, to a failure with its
/// kind.
pub(crate) fn from_io(error: &io::Error) -> Failure {
    if let Some(tls) = client_tls::within_io(error) {
        return Failure::new(client_tls::kind(tls), &client_tls::sentence(tls));
    }
    let kind = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE) => "emfile",
        Some(Errno::ENFILE) => "enfile",
        Some(Errno::ENOMEM | Errno::ENOBUFS) => "memory",
        Some(Errno::EADDRNOTAVAIL | Errno::EADDRINUSE) => "ports",
        Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH) => "unreachable",
        Some(Errno::ECONNREFUSED) => "refused",
        Some(Errno::ECONNRESET | Errno::ECONNABORTED | Errno::EPIPE) => "reset",
        Some(Errno::ETIMEDOUT) => TCP_TIMEOUT,
        _ if error.kind() == io::ErrorKind::UnexpectedEof => "closed.1006",
        _ => "io",
    };
    Failure::new(kind, &error.to_string())
}

/// Converts an error in opening a connection to a failure with its kind.
pub(crate) fn from_open(error: &OpenError) -> Failure {
    let kind = match error {
        OpenError::Late { phase, .. } => Cow::Owned(format!("timeout.{phase}")),
        OpenError::Tcp(error) => return from_io(error),
        OpenError::Tls(error) => return from_tls(error),
        OpenError::Tunnel(TunnelError::Refused { refusal, .. }) => {
            Cow::Owned(format!("proxy.{}", refusal.status))
        }
        OpenError::Tunnel(_) => "proxy".into(),
        OpenError::Upgrade(error) => return from_upgrade(error),
    };
    Failure::new(kind, &error.to_string())
}

/// Converts an error of a TLS handshake to a failure with its kind.
fn from_tls(error: &io::Error) -> Failure {
    let is_end = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    );
    if is_end {
        let text = format!("the server ended the connection in the TLS handshake ({error})");
        return Failure::new("tls.closed", &text);
    }
    from_io(error)
}

/// Converts an error of the upgrade to a WebSocket to a failure with its kind.
fn from_upgrade(error: &UpgradeError) -> Failure {
    let kind = match error {
        UpgradeError::Send(error) | UpgradeError::Answer(AnswerError::Io(error)) => {
            return from_io(error);
        }
        UpgradeError::Answer(AnswerError::Ended { .. }) => "handshake.closed".into(),
        UpgradeError::Answer(AnswerError::WantsTls) => TLS_SERVER.into(),
        UpgradeError::Answer(AnswerError::TooLong { .. }) => "handshake.size".into(),
        UpgradeError::Answer(AnswerError::NotHttp { .. }) | UpgradeError::Disagrees { .. } => {
            "handshake.protocol".into()
        }
        UpgradeError::Refused(refusal) => Cow::Owned(format!("http.{}", refusal.status)),
        UpgradeError::AcceptKey => "handshake.accept_key".into(),
        UpgradeError::Subprotocol { .. } => "handshake.subprotocol".into(),
        UpgradeError::Extension { .. } => "handshake.extension".into(),
    };
    Failure::new(kind, &error.to_string())
}

/// Converts an error of an open WebSocket connection to a failure with its kind.
pub(crate) fn from_session(error: &Error) -> Failure {
    let kind = match error {
        Error::Io(error) => return from_io(error),
        Error::ConnectionClosed | Error::AlreadyClosed => "closed.1000",
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => "closed.1006",
        Error::Capacity(_) => "protocol.size",
        Error::Utf8(_) => "protocol.utf8",
        _ => "protocol",
    };
    Failure::new(kind, &error.to_string())
}

/// Creates the failure of a connection that the server closed with this close frame. Its code is
/// 1005 if the frame has none (RFC 6455, 7.1.5).
pub(crate) fn from_close(frame: Option<&CloseFrame>) -> Failure {
    let code = frame.map_or(1005, |frame| u16::from(frame.code));
    let reason = frame.map_or("", |frame| frame.reason.as_str());
    let mut message = format!("the server closed the connection with code {code}");
    if !reason.is_empty() {
        message += &format!(" {}", shown(reason.as_bytes()));
    }
    Failure::new(format!("closed.{code}"), &message)
}

/// Creates the failure of a connection that the server ended without a close frame; its code is
/// 1006.
pub(crate) fn from_end() -> Failure {
    Failure::new(
        "closed.1006",
        "the server ended the connection without a close frame",
    )
}

/// Returns the owner of the limit that a failure of `kind` reveals; it is the target unless the
/// kind is known to be of the generator or the network.
pub(crate) fn owner(kind: &str) -> LimitOwner {
    match kind {
        "emfile" | "enfile" | "memory" => LimitOwner::Generator,
        "ports" | "unreachable" => LimitOwner::Network,
        _ => LimitOwner::Target,
    }
}

/// Returns how far a connection got before a failure of `kind`: 0 not even to the server, 1 to its TCP,
/// 2 past TLS, 3 to its WebSocket.
pub(crate) fn depth(kind: &str) -> u8 {
    let (family, detail) = kind.split_once('.').unwrap_or((kind, ""));
    match (family, detail) {
        ("tls" | "proxy" | "reset", _) | ("timeout", "tls" | "proxy") => 1,
        ("http" | "handshake", _) | ("timeout", "upgrade") => 2,
        ("closed" | "protocol" | "wrong_echo", _) | ("timeout", "echo") => 3,
        _ => 0,
    }
}

/// Returns true if a failure of `kind` is a time-out, which may come from a generator without
/// enough CPU just as well as from a slow server.
pub(crate) fn is_lateness(kind: &str) -> bool {
    kind.starts_with("timeout.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_limits_and_the_networks_are_never_the_servers() {
        let owner_of = |errno: Errno| owner(&from_io(&io::Error::from(errno)).kind);
        for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS] {
            assert_eq!(owner_of(errno), LimitOwner::Generator, "{errno}");
        }
        for errno in [Errno::EADDRNOTAVAIL, Errno::EADDRINUSE, Errno::EHOSTUNREACH] {
            assert_eq!(owner_of(errno), LimitOwner::Network, "{errno}");
        }
        for errno in [Errno::ECONNREFUSED, Errno::ECONNRESET, Errno::ETIMEDOUT] {
            assert_eq!(owner_of(errno), LimitOwner::Target, "{errno}");
        }
        assert_eq!(owner("http.503"), LimitOwner::Target);
    }

    #[test]
    fn a_close_without_a_code_is_told_from_no_close_at_all() {
        assert_eq!(from_close(None).kind, "closed.1005");
        assert_eq!(from_end().kind, "closed.1006");
    }
}
