//! Kinds of failures of connections, and the owner of the limit that a failure of each kind
//! reveals.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use bench_report::LimitOwner;
use load_engine::Failure;
use nix::errno::Errno;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::connection::close_frame;
use crate::connection::http_answer::AnswerError;
use crate::connection::opening::OpenError;
use crate::connection::shown_text::shown;
use crate::connection::tunnel::TunnelError;
use crate::connection::upgrade::UpgradeError;

/// Kind of failure: no TCP connection within the time-out of the bench or of the system.
pub(crate) const TCP_TIMEOUT: &str = "timeout.tcp";
/// Kind of failure: a server that takes nothing but TLS on its port.
pub(crate) const TLS_SERVER: &str = "tls.tls_server";
/// Kind of failure: a message that could not be sent within the time-out of its echo.
pub(crate) const SEND_TIMEOUT: &str = "timeout.send";
/// Kind of failure: an error of the WebSocket library that no server can cause.
pub(crate) const LIBRARY: &str = "library";
/// Kind of failure: a close frame with a code that may not be sent.
const FORBIDDEN_CODE: &str = "protocol.close_code";
/// Kind of failure: no echo within the time-out.
pub(crate) const ECHO_TIMEOUT: &str = "timeout.echo";
/// Kind of failure: an answer that differs from the message that was sent, or only messages that
/// had not been sent.
pub(crate) const WRONG_ECHO: &str = "wrong_echo";

/// Length of the longest frame that the protocol has, in bytes (RFC 6455, 5.2).
const LONGEST_FRAME_BYTES: u64 = (1 << 63) - 1;
/// Code and reason that the library puts in the place of a close frame whose code may not be sent.
const REPLACED_CLOSE: (u16, &str) = (1002, "Protocol violation");

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

/// Converts an error of an open WebSocket connection to a failure with its kind. Each way in which
/// a server can break the protocol has a kind of its own.
pub(crate) fn from_session(error: &Error) -> Failure {
    match error {
        Error::Io(error) => from_io(error),
        Error::ConnectionClosed | Error::AlreadyClosed => from_end(),
        Error::Capacity(error) => from_capacity(error),
        Error::Protocol(error) => from_protocol(error),
        Error::Utf8(detail) => broken(
            "protocol.utf8",
            &format!(
                "sent a text message, or the reason of a close frame, that is not UTF-8 ({detail})"
            ),
        ),
        // None of these can come from a server after the upgrade.
        Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => unexpected(error),
    }
}

fn from_capacity(error: &CapacityError) -> Failure {
    match error {
        CapacityError::MessageTooLong { size, max_size } => {
            let size = *size as u64;
            let legal = if size > LONGEST_FRAME_BYTES {
                "a length that the protocol does not have"
            } else {
                "more than this client takes"
            };
            let what = format!(
                "sent a frame or message of {size} bytes, {legal} (its bound is {max_size} bytes)"
            );
            broken("protocol.size", &what)
        }
        // An open connection has no headers.
        CapacityError::TooManyHeaders => unexpected(error),
    }
}

fn from_protocol(error: &ProtocolError) -> Failure {
    let (kind, what) = match error {
        ProtocolError::ResetWithoutClosingHandshake => return from_end(),
        ProtocolError::ReceivedAfterClosing => {
            ("protocol.after_close", "sent more after its close frame")
        }
        ProtocolError::NonZeroReservedBits => (
            "protocol.reserved_bits",
            "set reserved bits of a frame, although no extension was agreed upon",
        ),
        ProtocolError::MaskedFrameFromServer => (
            "protocol.masked",
            "masked a frame, which only clients may do",
        ),
        ProtocolError::FragmentedControlFrame => (
            "protocol.control_frame",
            "sent a control frame in fragments",
        ),
        ProtocolError::ControlFrameTooBig => (
            "protocol.control_frame",
            "sent a control frame of more than 125 bytes",
        ),
        ProtocolError::InvalidOpcode(opcode)
        | ProtocolError::UnknownControlFrameType(opcode)
        | ProtocolError::UnknownDataFrameType(opcode) => {
            let what = format!("sent a frame with the reserved opcode {opcode}");
            return broken("protocol.opcode", &what);
        }
        ProtocolError::UnexpectedContinueFrame => (
            "protocol.continuation",
            "continued a message that it had not begun",
        ),
        ProtocolError::ExpectedFragment(_) => (
            "protocol.continuation",
            "began a message before the end of the one before",
        ),
        ProtocolError::InvalidCloseSequence => (
            "protocol.close_frame",
            "sent a close frame of one byte, which is too short for a code",
        ),
        // What follows is about upgrades, or about this side of the connection.
        ProtocolError::SendAfterClosing
        | ProtocolError::UnmaskedFrameFromClient
        | ProtocolError::WrongHttpMethod
        | ProtocolError::WrongHttpVersion
        | ProtocolError::MissingConnectionUpgradeHeader
        | ProtocolError::MissingUpgradeWebSocketHeader
        | ProtocolError::MissingSecWebSocketVersionHeader
        | ProtocolError::MissingSecWebSocketKey
        | ProtocolError::InvalidSecWebSocketKey
        | ProtocolError::SecWebSocketAcceptKeyMismatch
        | ProtocolError::SecWebSocketSubProtocolError(_)
        | ProtocolError::JunkAfterRequest
        | ProtocolError::CustomResponseSuccessful
        | ProtocolError::InvalidHeader(_)
        | ProtocolError::HandshakeIncomplete
        | ProtocolError::HttparseError(_) => return unexpected(error),
    };
    broken(kind, what)
}

fn broken(kind: &'static str, what: &str) -> Failure {
    Failure::new(kind, &format!("the server {what}"))
}

fn unexpected(error: &dyn std::error::Error) -> Failure {
    Failure::new(LIBRARY, &format!("the WebSocket library failed: {error}"))
}

/// Creates the failure of a connection that the server closed with this close frame. Its code is
/// 1005 if the frame has none (RFC 6455, 7.1.5).
pub(crate) fn from_close(frame: Option<&CloseFrame>) -> Failure {
    let code = frame.map_or(1005, |frame| u16::from(frame.code));
    let reason = frame.map_or("", |frame| frame.reason.as_str());
    if (code, reason) == REPLACED_CLOSE {
        return broken(
            FORBIDDEN_CODE,
            "closed the connection with a code that may not be sent, or with 1002 and the text \
             \"Protocol violation\", which the WebSocket library puts in the place of such a code",
        );
    }
    let said = match reason {
        "" => String::new(),
        reason => format!(" {}", shown(reason.as_bytes())),
    };
    if frame.is_some() && !close_frame::may_have(code) {
        let what = format!("closed the connection with code {code}, which may not be sent{said}");
        return broken(FORBIDDEN_CODE, &what);
    }
    let message = format!("the server closed the connection with code {code}{said}");
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

/// Creates the failure of a message of which a part could not be sent within `bound`, because the
/// server does not read.
pub(crate) fn not_sent(bound: Duration) -> Failure {
    let bound = humantime::format_duration(bound);
    let text =
        format!("no echo within {bound}; the server does not read: not all could be sent to it");
    Failure::new(SEND_TIMEOUT, &text)
}

/// Returns the owner of the limit that a failure of `kind` reveals; it is the target unless the
/// kind is known to be of the generator or the network.
pub(crate) fn owner(kind: &str) -> LimitOwner {
    match kind {
        "emfile" | "enfile" | "memory" | LIBRARY => LimitOwner::Generator,
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
    fn each_break_of_the_protocol_has_its_kind_and_says_what_the_server_did() {
        let long = CapacityError::MessageTooLong {
            size: 1 << 63,
            max_size: 16,
        };
        let errors: [(Error, &str, &str); 9] = [
            (long.into(), "protocol.size", "9223372036854775808 bytes"),
            (Error::Utf8("x".into()), "protocol.utf8", "not UTF-8"),
            (
                ProtocolError::ReceivedAfterClosing.into(),
                "protocol.after_close",
                "after its close frame",
            ),
            (
                ProtocolError::NonZeroReservedBits.into(),
                "protocol.reserved_bits",
                "reserved bits",
            ),
            (
                ProtocolError::MaskedFrameFromServer.into(),
                "protocol.masked",
                "masked a frame",
            ),
            (
                ProtocolError::FragmentedControlFrame.into(),
                "protocol.control_frame",
                "in fragments",
            ),
            (
                ProtocolError::InvalidOpcode(11).into(),
                "protocol.opcode",
                "reserved opcode 11",
            ),
            (
                ProtocolError::UnexpectedContinueFrame.into(),
                "protocol.continuation",
                "had not begun",
            ),
            (
                ProtocolError::InvalidCloseSequence.into(),
                "protocol.close_frame",
                "one byte",
            ),
        ];
        let page = include_str!("../../../docs/ws-failures.md");
        for (error, kind, text) in errors {
            assert!(page.contains(&format!("`{kind}`")), "{kind} is documented");
            let failure = from_session(&error);
            assert_eq!(failure.kind, kind);
            assert_eq!(owner(&failure.kind), LimitOwner::Target, "{kind}");
            let message = failure.message.to_string();
            assert!(
                message.starts_with("the server ") && message.contains(text),
                "{message}"
            );
        }
    }

    #[test]
    fn an_error_that_no_server_can_cause_is_not_the_targets() {
        let failure = from_session(&ProtocolError::WrongHttpMethod.into());
        assert_eq!(failure.kind, LIBRARY);
        assert_eq!(owner(&failure.kind), LimitOwner::Generator);
    }

    #[test]
    fn a_close_without_a_code_is_told_from_no_close_at_all() {
        assert_eq!(from_close(None).kind, "closed.1005");
        assert_eq!(from_end().kind, "closed.1006");
    }
}
