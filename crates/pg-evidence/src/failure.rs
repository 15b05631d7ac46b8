//! Kinds of failures of a PostgreSQL server, under which errors are counted. They are short, and
//! the same for all clients; the message has the differences.

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

/// Returns true if `kind` is typical of a server that restarts.
pub fn is_server_gone(kind: &str) -> bool {
    AWAY.contains(&kind)
}

/// Converts an error of connecting.
pub fn from_connect(error: &ConnectError) -> Failure {
    match error {
        ConnectError::Driver(error) => from_postgres(error),
        ConnectError::TimedOut(_) => Failure::new("timeout.connect", &error.to_string()),
    }
}

/// Returns what an error of tokio-postgres says, with its kind, for the report.
#[allow(clippy::needless_pass_by_value)] // For map_err.
pub(crate) fn message(error: tokio_postgres::Error) -> String {
    from_postgres(&error).to_string()
}

/// Converts an error of tokio-postgres, from connecting or from a statement.
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

/// Creates the failure of `kind`. If a certificate was refused, adds an explanation in terms of
/// `sslmode`.
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

/// Returns true if the client refused the login, because of a missing password or channel binding.
fn is_refused_login(error: &tokio_postgres::Error) -> bool {
    let told = error_chain(error);
    told.starts_with("authentication error") || told.ends_with("password missing")
}

/// Returns the kind of an error of the operating system.
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
