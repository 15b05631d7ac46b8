//! Kinds of failures of a PostgreSQL server, under which errors are counted. They are short, and
//! the same for all clients; details are in the failure's message.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;

use load_engine::Failure;
use pg_connect::{ConnectError, certificate_problem, error_chain, find_cause, is_tls_error};

use crate::server::server_message::ServerMessage;

/// Kinds of failures while the server is down, stopping or starting. A server that is up, but
/// refuses connections or is slow, has other kinds.
const AWAY: [&str; 7] = [
    "refused",
    "reset",
    "closed",
    "not_found",
    "sqlstate.57P01",
    "sqlstate.57P02",
    "sqlstate.57P03",
];

/// Returns true if `kind` is a kind of failure that occurs while a server is down, stops or starts.
pub fn is_server_gone(kind: &str) -> bool {
    AWAY.contains(&kind)
}

/// Converts an error of connecting to a failure with its kind, such as `timeout.connect` or
/// `refused`.
pub fn from_connect(error: &ConnectError) -> Failure {
    match error {
        ConnectError::Driver(error) => from_postgres(error),
        ConnectError::TimedOut(_) => Failure::new("timeout.connect", &error.to_string()),
    }
}

/// Returns the text of an error of tokio-postgres for the report, with secrets masked.
#[allow(clippy::needless_pass_by_value)] // For map_err.
pub(crate) fn message(error: tokio_postgres::Error) -> String {
    from_postgres(&error).to_string()
}

/// Converts an error of tokio-postgres, from connecting or from a statement, to a failure. Its kind
/// is `sqlstate.` with the code if the server sent the error, else `closed`, `tls`, `auth`,
/// `driver` or that of an error of the operating system.
pub fn from_postgres(error: &tokio_postgres::Error) -> Failure {
    if let Some(told) = error.as_db_error() {
        return ServerMessage::from(told).failure("");
    }
    let kind = match error {
        error if error.is_closed() => "closed".into(),
        error if is_tls_error(error) => "tls".into(),
        error if is_refused_login(error) => "auth".into(),
        error => find_cause::<io::Error>(error).map_or("driver".into(), kind_of_io),
    };
    explained(kind, error_chain(error), error)
}

/// Creates a failure of `kind` with `message`. If `error` is that a certificate was refused, an
/// explanation in terms of `sslmode` comes before the message.
pub fn explained(
    kind: Cow<'static, str>,
    mut message: String,
    error: &(dyn StdError + 'static),
) -> Failure {
    if let Some(why) = certificate_problem(error) {
        message = format!("{why} ({message})");
    }
    Failure::new(kind, &message)
}

/// Returns true if the client itself refused the login, because of a missing password or channel
/// binding.
fn is_refused_login(error: &tokio_postgres::Error) -> bool {
    let told = error_chain(error);
    told.starts_with("authentication error") || told.ends_with("password missing")
}

/// Returns the kind of failure for an error of the operating system, such as `refused` or `reset`;
/// `io` if it has no kind of its own.
pub fn kind_of_io(error: &io::Error) -> Cow<'static, str> {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => "refused",
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::UnexpectedEof => "reset",
        Kind::TimedOut => "timeout.connect",
        Kind::NotFound => "not_found",
        _ => "io",
    }
    .into()
}
