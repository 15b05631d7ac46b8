//! Conversion of errors to kinds of failure. The kinds have short names, the same for all drivers,
//! so that error rates can be compared; the message keeps the differences between drivers.

use deadpool_postgres::{PoolError, TimeoutType};
use load_engine::Failure;
use sqlx::postgres::PgDatabaseError;

use pg_connect::{error_chain, is_tls_error};
use pg_evidence::ServerMessage;
use pg_evidence::failure::{explained, kind_of_io};

use crate::wire::WireError;

/// Kinds of failure of a checkout that timed out while it waited for a connection of the pool.
const CHECKOUT: [&str; 2] = ["timeout.wait", "timeout.checkout"];

/// Returns true if failures of this `kind` are checkouts that timed out while they waited for a
/// connection of the pool.
pub(crate) fn is_checkout_timeout(kind: &str) -> bool {
    CHECKOUT.contains(&kind)
}

/// Converts an error of tokio-postgres, from connecting or from a statement, to a failure.
pub(crate) fn from_postgres(error: &tokio_postgres::Error) -> Failure {
    match error.as_db_error() {
        Some(told) => from_server(told.into()),
        None => pg_evidence::failure::from_postgres(error),
    }
}

/// Converts an error that the server itself reported to a failure; explains it if it is about
/// prepared statements behind a pooler.
fn from_server(server_message: ServerMessage<'_>) -> Failure {
    let is_of_pooler = matches!(server_message.code, "26000" | "42P05");
    server_message.failure(if is_of_pooler { POOLED } else { "" })
}

/// Explanation, appended to the message, of an error about a prepared statement that does not exist
/// or exists already.
const POOLED: &str = "; a pooler in transaction mode hands each transaction another session: \
    PgBouncer keeps prepared statements from version 1.21 on, with max_prepared_statements above 0; \
    before, use --protocol simple or extended, or pool_mode = session";

/// Converts an error of a connection of the bare protocol to a failure.
pub(crate) fn from_wire(error: &WireError) -> Failure {
    let kind = match error {
        WireError::Server(error) => {
            return from_server(ServerMessage {
                code: &error.code,
                message: &error.message,
                detail: error.detail.as_deref(),
                hint: error.hint.as_deref(),
                context: error.context.as_deref(),
            });
        }
        error if is_tls_error(error) => "tls".into(),
        WireError::Tls(_) => "tls".into(),
        WireError::Connect(error) | WireError::Io(error) => kind_of_io(error),
        WireError::Login(_) => "auth".into(),
    };
    explained(kind, error.to_string(), error)
}

/// Converts an error of deadpool to a failure. Time-outs become `timeout.wait`, `timeout.create` or
/// `timeout.recycle`, by the phase of the checkout.
pub(crate) fn from_pool(error: &PoolError) -> Failure {
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

/// Converts an error of sqlx to a failure. Time-outs of a checkout become `timeout.checkout`,
/// because sqlx does not report its phase.
pub(crate) fn from_sqlx(error: &sqlx::Error) -> Failure {
    if let sqlx::Error::Database(told) = error
        && let Some(told) = told.try_downcast_ref::<PgDatabaseError>()
    {
        return from_server(ServerMessage {
            code: told.code(),
            message: told.message(),
            detail: told.detail(),
            hint: told.hint(),
            context: told.r#where(),
        });
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

#[cfg(test)]
mod tests {
    use std::io;

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
    fn a_checkout_that_waited_in_vain_is_told_from_one_that_could_not_connect() {
        for (kind, is_one) in [
            ("timeout.wait", true),
            ("timeout.checkout", true),
            ("timeout.create", false),
            ("sqlstate.57P01", false),
        ] {
            assert_eq!(is_checkout_timeout(kind), is_one, "{kind}");
        }
    }

    #[test]
    fn a_lost_connection_is_a_reset_whatever_the_system_calls_it() {
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::UnexpectedEof] {
            assert_eq!(from_sqlx(&sqlx::Error::Io(kind.into())).kind, "reset");
        }
    }
}
