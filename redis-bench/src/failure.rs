//! What went wrong, by a short stable kind that reports count.

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use deadpool_redis::{PoolError, TimeoutType};
use load_engine::Failure;
use redis::RedisError;

/// The kind of an error: `timeout`, `refused`, `reset`, `closed`, `auth`, `response.<CODE>` (what
/// the server answered), `response.maxclients` (it takes no more clients), `wrong_value`, `io.other`, `client`.
pub fn kind(error: &RedisError) -> String {
    if error.is_timeout() {
        return "timeout".to_owned();
    }
    if let Some(io) = io_kind(error) {
        return kind_of_io(io).to_owned();
    }
    if is_turned_away(error) {
        return "response.maxclients".to_owned();
    }
    match (error.code(), error.kind()) {
        (Some(code), _) => format!("response.{}", code.trim()),
        (None, redis::ErrorKind::AuthenticationFailed) => "auth".to_owned(),
        (None, redis::ErrorKind::UnexpectedReturnType) => "wrong_value".to_owned(),
        (None, redis::ErrorKind::Io) => "io.other".to_owned(),
        (None, _) => "client".to_owned(),
    }
}

/// Whether the server has as many clients as it takes: it says so with no code of its own.
fn is_turned_away(error: &RedisError) -> bool {
    let said = error.detail().unwrap_or_default();
    said.contains("max number of clients")
}

/// The driver wraps its cause in an `Arc`, which is what a downcast finds.
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

/// A command's or a connection's failure. What the server answered is told in its own words.
/// Of several commands that were sent together the first one that failed is told.
pub fn of_redis(error: &RedisError) -> Failure {
    let is_several = error.detail().is_none();
    let several = is_several.then(|| error.clone().into_server_errors());
    if let Some([(_, first), others @ ..]) = several.flatten().as_deref() {
        let more = match others.len() {
            0 => String::new(),
            count => format!(" (and {count} more)"),
        };
        let detail = first.details().map(without_arguments).unwrap_or_default();
        let code = first.code().trim();
        let told = format!("{code} {detail}");
        return Failure::new(kind(error), &format!("{}{more}", told.trim_end()));
    }
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => {
            let detail = without_arguments(detail);
            Failure::new(kind(error), &format!("{} {detail}", code.trim()))
        }
        _ => Failure::new(kind(error), &error.to_string()),
    }
}

/// An answer without the arguments that it quotes, which may be anybody's data.
fn without_arguments(detail: &str) -> &str {
    let quoted = detail.find(", with args beginning with:");
    &detail[..quoted.unwrap_or(detail.len())]
}

/// A checkout's failure.
pub fn of_pool(error: &PoolError) -> Failure {
    match error {
        PoolError::Backend(error) => of_redis(error),
        PoolError::Timeout(TimeoutType::Wait) => {
            Failure::new("timeout.checkout", "no connection of the pool came free")
        }
        other => Failure::new("pool", &other.to_string()),
    }
}

/// Whether nothing more can be had from the connection.
pub fn breaks_connection(error: &RedisError) -> bool {
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
        let auth = RedisError::from((redis::ErrorKind::AuthenticationFailed, "no"));
        assert_eq!(kind(&auth), "auth");
    }
}
