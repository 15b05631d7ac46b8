//! Connections for the bench's own queries, beside those that it loads.

mod client;
mod parameter_describer;
mod statement_check;

pub use client::{Client, QueryValue};
pub(crate) use parameter_describer::{InferredParameter, ParameterDescriber};
pub(crate) use statement_check::check_prepared_statements;

use tokio_postgres::Error;

/// Returns version and cipher of the TLS on this connection, or `none`. Behind a pooler this is
/// the pooler's own connection to the server.
///
/// # Errors
/// Fails with the server's error.
pub(crate) async fn tls_in_use(client: &Client) -> Result<String, Error> {
    let query = "SELECT /* plimsoll */ version || ' ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    let row = client.query_opt(query, &[]).await?;
    row.map_or(Ok("none".to_owned()), |row| row.try_get(0))
}
