//! Conversion of errors of the Redis driver and the pool to failures. Each failure has a short,
//! stable kind, by which reports count failures.

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use deadpool_redis::{PoolError, TimeoutType};
use load_engine::Failure;
use redis::RedisError;

/// Returns the kind of an error: `timeout`, `refused`, `reset`, `closed`, `auth`, `response.<CODE>`
/// (an error answer of the server), `response.maxclients` (the server has its largest number of
/// clients), `wrong_value`, `io.other`, `client`.
pub(crate) fn kind(error: &RedisError) -> String {
    if error.is_timeout() {
        return "timeout".to_owned();
    }
    if let Some(io) = io_kind(error) {
        return kind_of_io(io).to_owned();
    }
    if is_turned_away(error) {
        return "response.maxclients".to_owned();
    }
    if let Some(answer) = error_reply(error) {
        return format!("response.{}", answer.code);
    }
    match error.kind() {
        redis::ErrorKind::AuthenticationFailed => "auth".to_owned(),
        redis::ErrorKind::UnexpectedReturnType => "wrong_value".to_owned(),
        redis::ErrorKind::Io => "io.other".to_owned(),
        _ => "client".to_owned(),
    }
}

/// Returns true if the server refused the connection because it has its largest number of clients.
/// The answer has no code of its own, so its text is compared.
fn is_turned_away(error: &RedisError) -> bool {
    let said = error.detail().unwrap_or_default();
    said.contains("max number of clients")
}

/// Returns the kind of the I/O error inside `error`, which the driver wraps in an `Arc`; `None` if
/// there is none.
fn io_kind(error: &RedisError) -> Option<io::ErrorKind> {
    let source = error.source()?;
    let cause = source.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()?;
    Some(cause.downcast_ref::<io::Error>()?.kind())
}

fn kind_of_io(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::ConnectionReset => "reset",
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotConnected
        | io::ErrorKind::ConnectionAborted => "closed",
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "timeout",
        _ => "io.other",
    }
}

/// Error answer of the server: its code, such as `WRONGTYPE`, and the text after it, which may be
/// empty.
struct ErrorReply {
    code: String,
    detail: String,
}

/// Returns the server's error answer; `None` if `error` has another origin. If several commands
/// were sent together, it is the answer to the first one that failed.
fn error_reply(error: &RedisError) -> Option<ErrorReply> {
    let told = |code: &str, detail: Option<&str>| ErrorReply {
        code: code.trim().to_owned(),
        detail: detail.unwrap_or_default().to_owned(),
    };
    let code = error.code()?;
    if error.detail().is_some() {
        return Some(told(code, error.detail()));
    }
    let all = error.clone().into_server_errors();
    let first = all.as_ref().and_then(|all| all.first());
    Some(first.map_or_else(|| told(code, None), |(_, e)| told(e.code(), e.details())))
}

/// Converts the error of a command or a connection to a failure. An error answer keeps the text of
/// the server, without quoted arguments. If several commands were sent together, the first one that
/// failed counts.
pub(crate) fn from_redis(error: &RedisError) -> Failure {
    match error_reply(error) {
        // Replaces the operating system's message, which is `resource temporarily unavailable`.
        _ if error.is_timeout() => Failure::new(kind(error), "no answer in time"),
        Some(ErrorReply { code, detail }) if !detail.is_empty() => Failure::new(
            kind(error),
            &format!("{code} {}", without_arguments(&detail)),
        ),
        _ => Failure::new(kind(error), &error.to_string()),
    }
}

/// Returns the text of an error answer without the arguments at its end, because they may be the
/// user's data.
fn without_arguments(detail: &str) -> &str {
    let quoted = detail.find(", with args beginning with:");
    &detail[..quoted.unwrap_or(detail.len())]
}

/// Converts the error of a checkout from the pool to a failure: `timeout.checkout` if no connection
/// became free in time, the kind of the Redis error if connecting failed, `pool` otherwise.
pub(crate) fn from_pool(error: &PoolError) -> Failure {
    match error {
        PoolError::Backend(error) => from_redis(error),
        PoolError::Timeout(TimeoutType::Wait) => {
            Failure::new("timeout.checkout", "no connection of the pool came free")
        }
        other => Failure::new("pool", &other.to_string()),
    }
}

/// Returns true if the connection cannot be used after `error`. Error answers of the server do not
/// break it.
pub(crate) fn breaks_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error() && error.code().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_what_they_are() {
        for (cause, wanted) in [
            (io::ErrorKind::ConnectionRefused, "refused"),
            (io::ErrorKind::ConnectionReset, "reset"),
            (io::ErrorKind::BrokenPipe, "closed"),
            (io::ErrorKind::TimedOut, "timeout"),
            (io::ErrorKind::PermissionDenied, "io.other"),
        ] {
            assert_eq!(kind(&RedisError::from(io::Error::from(cause))), wanted);
        }
        let late = RedisError::from(io::Error::from(io::ErrorKind::WouldBlock));
        assert_eq!(from_redis(&late).to_string(), "no answer in time");
        let auth = RedisError::from((redis::ErrorKind::AuthenticationFailed, "no"));
        assert_eq!(kind(&auth), "auth");
    }
}
