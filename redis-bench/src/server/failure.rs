//! Conversion of errors of the Redis driver and the pool to failures. Each failure has a short,
//! stable kind, by which reports count failures. The driver's error for a batch lists every failed
//! command; it becomes the first failure and a count.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::sync::Arc;

use bench_cli::table;
use deadpool_redis::{PoolError, TimeoutType};
use load_engine::Failure;
use redis::RedisError;

use crate::server::tls_failure;

/// Part of the answer to a connection that is one more than the server takes.
pub(crate) const TURNED_AWAY: &str = "max number of clients";

/// Kind of a failure to learn from Sentinels which server is the primary.
pub(crate) const SENTINEL: &str = "sentinel";

/// Returns the kind of an error: `timeout`, `refused`, `reset`, `closed`, `auth`, `response.<CODE>`
/// (an error answer of the server), `response.maxclients` (the server has its largest number of
/// clients), `wrong_value`, `no_node` (no node of a cluster is connected), `sentinel` (no Sentinel
/// names a primary), `io.other`, `client`, and the kinds of [`tls_failure`].
pub(crate) fn kind(error: &RedisError) -> String {
    if error.is_timeout() {
        return "timeout".to_owned();
    }
    if let Some(tls) = tls_failure::kind(error) {
        return tls.to_owned();
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
        redis::ErrorKind::ClusterConnectionNotFound => "no_node".to_owned(),
        redis::ErrorKind::MasterNameNotFoundBySentinel => SENTINEL.to_owned(),
        redis::ErrorKind::Io => "io.other".to_owned(),
        _ => "client".to_owned(),
    }
}

/// Returns true if the server refused the connection because it has its largest number of clients.
/// The answer has no code of its own, so its text is compared.
fn is_turned_away(error: &RedisError) -> bool {
    let said = error.detail().unwrap_or_default();
    said.contains(TURNED_AWAY)
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

/// Error answer of the server: its code, such as `WRONGTYPE`, and its text, which begins with the
/// code and has no quoted arguments.
struct ErrorReply {
    code: String,
    message: String,
}

impl ErrorReply {
    fn new(code: &str, detail: Option<&str>) -> Self {
        let code = code.trim();
        let message = match detail.map(without_arguments) {
            Some(detail) if !detail.is_empty() => format!("{code} {detail}"),
            _ => code.to_owned(),
        };
        Self {
            code: code.to_owned(),
            message,
        }
    }
}

/// Returns the server's error answer; `None` if `error` has another origin. If several commands
/// were sent together, it is the answer to the first one that failed.
fn error_reply(error: &RedisError) -> Option<ErrorReply> {
    let code = error.code();
    if let (Some(code), Some(detail)) = (code, error.detail()) {
        return Some(ErrorReply::new(code, Some(detail)));
    }
    // The error of a batch has no code if the driver does not know that of its first answer, as of
    // OOM and BUSY.
    let answers = error.clone().into_server_errors();
    if let Some((_, first)) = answers.as_ref().and_then(|answers| answers.first()) {
        return Some(ErrorReply::new(first.code(), first.details()));
    }
    // An answer during the login, which the driver tells in its own words.
    Some(ErrorReply {
        code: code?.trim().to_owned(),
        message: error.to_string(),
    })
}

/// Converts the error of a command or a connection to a failure. An error answer keeps the text of
/// the server, without quoted arguments. If several commands were sent together, the first one that
/// failed counts.
pub(crate) fn from_redis(error: &RedisError) -> Failure {
    if error.is_timeout() {
        // Replaces the operating system's message, which is `resource temporarily unavailable`.
        return Failure::new(kind(error), "no answer in time");
    }
    if let Some(sentence) = tls_failure::sentence(error) {
        return Failure::new(kind(error), &sentence);
    }
    let kind = kind(error);
    let message = match (&*kind, error_reply(error)) {
        (_, Some(reply)) => reply.message,
        // The operating system says `broken pipe`, and the driver that it read an end.
        ("closed", None) => "the connection was closed".to_owned(),
        (SENTINEL, None) => {
            let said = error.detail().unwrap_or_default();
            format!("the Sentinels name no primary: {said}")
        }
        _ => error.to_string(),
    };
    Failure::new(kind, &message)
}

/// Failure of a batch of commands that were sent together. It is shown as its first error, followed
/// by the number of refused commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchFailure {
    /// Failure of the connection, or of the first command that the server refused.
    pub(crate) first: Failure,
    /// Number of commands that the server refused; 0 if the connection failed.
    refused: usize,
    /// Number of commands in the batch.
    commands: usize,
}

impl BatchFailure {
    /// Converts the error of a batch of `commands` commands.
    pub(crate) fn new(error: &RedisError, commands: usize) -> Self {
        let answers = error.clone().into_server_errors();
        Self {
            first: from_redis(error),
            refused: answers.map_or(0, |answers| answers.len()),
            commands,
        }
    }
}

impl From<RedisError> for BatchFailure {
    /// Converts the error of a connection over which no batch was sent.
    fn from(error: RedisError) -> Self {
        Self {
            first: from_redis(&error),
            refused: 0,
            commands: 0,
        }
    }
}

impl fmt::Display for BatchFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.first, f)?;
        if self.refused == 0 {
            return Ok(());
        }
        let commands = table::counted(self.commands as u64, "command");
        write!(f, " ({} of {commands} of a batch failed)", self.refused)
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

/// Kinds of failures that occur where no server answers: it does not run, it was ended, or its
/// machine cannot be reached.
pub(crate) const AWAY_KINDS: [&str; 4] = ["refused", "reset", "closed", "timeout"];

/// Returns true if the other end closed the connection.
pub(crate) fn is_closed(error: &RedisError) -> bool {
    matches!(&*kind(error), "reset" | "closed")
}

/// Returns true if the server answered, with an error or in an unexpected form, so that the
/// connection can still be used.
pub(crate) fn is_answer(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::UnexpectedReturnType
        || error.clone().into_server_errors().is_some()
}

/// Returns true if the server refused a command because the user may not use it, or because it does
/// not know it.
pub(crate) fn is_refused(error: &RedisError) -> bool {
    let answers = error.clone().into_server_errors();
    let first = answers.as_ref().and_then(|answers| answers.first());
    first.is_some_and(|(_, answer)| {
        let unknown = |text: &str| text.contains("unknown command");
        answer.code() == "NOPERM" || answer.details().is_some_and(unknown)
    })
}

/// Returns true if the connection cannot be used after `error`. Error answers of the server do not
/// break it.
pub(crate) fn breaks_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error() && error.code().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the error of a batch of 500 commands, each of which the server answers with `line`.
    fn batch(line: &str) -> RedisError {
        let answer = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        let redis::Value::ServerError(answer) = answer else {
            panic!("{line} is no error answer");
        };
        let mut pipeline = redis::Pipeline::new();
        for _ in 0..500 {
            pipeline.cmd("SET").arg("k").arg("v").ignore();
        }
        pipeline.exec(&mut Refusing(answer)).unwrap_err()
    }

    /// Connection to a server that answers every command with the same error.
    struct Refusing(redis::ServerError);

    impl redis::ConnectionLike for Refusing {
        fn req_packed_command(&mut self, _: &[u8]) -> redis::RedisResult<redis::Value> {
            Ok(redis::Value::ServerError(self.0.clone()))
        }

        fn req_packed_commands(
            &mut self,
            _: &[u8],
            _: usize,
            count: usize,
        ) -> redis::RedisResult<Vec<redis::Value>> {
            Ok(vec![redis::Value::ServerError(self.0.clone()); count])
        }

        fn get_db(&self) -> i64 {
            0
        }

        fn check_connection(&mut self) -> bool {
            true
        }

        fn is_open(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_batch_is_told_by_its_first_error_and_a_count() {
        for line in [
            "MOVED 3999 127.0.0.1:6381",
            "READONLY You can't write against a read only replica.",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "BUSY Redis is busy running a script.",
            "MISCONF Redis is configured to save RDB snapshots",
            "LOADING",
            "ODDCODE",
        ] {
            let failure = BatchFailure::new(&batch(line), 500);
            let code = line.split(' ').next().unwrap();
            assert_eq!(failure.first.kind, format!("response.{code}"));
            assert_eq!(
                failure.to_string(),
                format!("{line} (500 of 500 commands of a batch failed)")
            );
        }
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let failure = BatchFailure::new(&RedisError::from(refused), 500);
        assert_eq!(failure.first.kind, "refused");
        assert!(!failure.to_string().contains("500"), "{failure}");
    }

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
