//! Kinds of failures. They are short and the same for all drivers, so that error rates compare; the
//! differences show in the message.

mod server_message;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;

use deadpool_postgres::{PoolError, TimeoutType};
use load_engine::Failure;

use crate::wire::WireError;
use pg_connect::{ConnectError, certificate_problem, error_chain, find_cause, is_tls_error};
use server_message::ServerMessage;

/// Kinds of a checkout that timed out while waiting.
const CHECKOUT: [&str; 2] = ["timeout.wait", "timeout.checkout"];

/// Returns true if `kind` is a checkout that timed out while waiting.
pub(crate) fn is_checkout_timeout(kind: &str) -> bool {
    CHECKOUT.contains(&kind)
}

/// Kinds of failures while the server is down, stopping or starting. A server that is up and
/// refuses, or is slow, has other kinds.
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

/// Converts an error of tokio-postgres, from connecting or from a statement.
pub fn from_postgres(error: &tokio_postgres::Error) -> Failure {
    if let Some(told) = error.as_db_error() {
        return from_server(ServerMessage::from_postgres(told));
    }
    let kind = match error {
        error if error.is_closed() => "closed".into(),
        error if is_tls_error(error) => "tls".into(),
        error if is_refused_login(error) => "auth".into(),
        error => find_cause::<io::Error>(error).map_or("driver".into(), kind_of_io),
    };
    explained(kind, error_chain(error), error)
}

/// Converts an error that the server itself reported.
fn from_server(server_message: ServerMessage<'_>) -> Failure {
    let kind = kind_of_sqlstate(server_message.code);
    let more = match server_message.code {
        "26000" | "42P05" => POOLED,
        _ => "",
    };
    server_message.complete(Failure::new(
        kind,
        &format!("{}{more}", server_message.message()),
    ))
}

/// Creates the failure of `kind`; a refused certificate is explained in terms of `sslmode`.
fn explained(kind: Cow<'static, str>, mut message: String, error: &dyn StdError) -> Failure {
    if let Some(why) = certificate_problem(error) {
        message = format!("{why} ({message})");
    }
    Failure::new(kind, &message)
}

/// Explanation of a prepared statement that is missing or already exists.
const POOLED: &str = "; a pooler in transaction mode hands each transaction another session: \
    PgBouncer keeps prepared statements from version 1.21 on, with max_prepared_statements above 0; \
    before, use --protocol simple or extended, or pool_mode = session";

/// Returns true if the login failed on the client's side: no password, or no channel binding.
fn is_refused_login(error: &tokio_postgres::Error) -> bool {
    let told = error_chain(error);
    told.starts_with("authentication error") || told.ends_with("password missing")
}

/// Converts an error of a bare protocol connection.
pub fn from_wire(error: &WireError) -> Failure {
    let kind = match error {
        WireError::Server(error) => return from_server(ServerMessage::from_wire(error)),
        error if is_tls_error(error) => "tls".into(),
        WireError::Tls(_) => "tls".into(),
        WireError::Connect(error) | WireError::Io(error) => kind_of_io(error),
        WireError::Login(_) => "auth".into(),
    };
    explained(kind, error.to_string(), error)
}

/// Converts an error of deadpool, whose time-outs name their phase.
pub fn from_pool(error: &PoolError) -> Failure {
    match error {
        PoolError::Timeout(phase) => {
            let kind = match phase {
                TimeoutType::Wait => "timeout.wait",
                TimeoutType::Create => "timeout.create",
                TimeoutType::Recycle => "timeout.recycle",
            };
            Failure::new(kind, &error.to_string())
        }
        PoolError::Backend(error) => from_postgres(error),
        PoolError::Closed => Failure::new("pool_closed", &error.to_string()),
        PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            Failure::new("driver", &error.to_string())
        }
    }
}

/// Converts an error of sqlx, which does not say why a checkout took too long.
pub(crate) fn from_sqlx(error: &sqlx::Error) -> Failure {
    if let sqlx::Error::Database(told) = error
        && let Some(told) = told.try_downcast_ref()
    {
        return from_server(ServerMessage::from_sqlx(told));
    }
    let kind = match error {
        error if is_tls_error(error) => "tls".into(),
        sqlx::Error::Tls(_) => "tls".into(),
        sqlx::Error::Io(error) => kind_of_io(error),
        sqlx::Error::PoolTimedOut => "timeout.checkout".into(),
        sqlx::Error::PoolClosed => "pool_closed".into(),
        _ => "driver".into(),
    };
    explained(kind, error_chain(error), error)
}

/// Returns the kind of a SQLSTATE: class 28 is `auth`, every other code stands for itself.
fn kind_of_sqlstate(code: &str) -> Cow<'static, str> {
    if code.starts_with("28") {
        "auth".into()
    } else {
        format!("sqlstate.{code}").into()
    }
}

/// Returns the kind of an error of the operating system.
pub(crate) fn kind_of_io(error: &io::Error) -> Cow<'static, str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_that_timed_out_is_the_kind() {
        let kind = |phase| from_pool(&PoolError::Timeout(phase)).kind;
        assert_eq!(kind(TimeoutType::Wait), "timeout.wait");
        assert_eq!(kind(TimeoutType::Create), "timeout.create");
        assert_eq!(
            from_sqlx(&sqlx::Error::PoolTimedOut).kind,
            "timeout.checkout"
        );
    }

    #[test]
    fn a_lost_connection_is_a_reset_whatever_the_system_calls_it() {
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::UnexpectedEof] {
            assert_eq!(from_sqlx(&sqlx::Error::Io(kind.into())).kind, "reset");
        }
        assert_eq!(kind_of_sqlstate("28P01"), "auth");
        assert_eq!(kind_of_sqlstate("53300"), "sqlstate.53300");
    }
}
