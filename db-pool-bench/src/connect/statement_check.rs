//! Check that a prepared statement stays usable on the connection on which it was prepared.
//!
//! A pooler in transaction mode may run each transaction on another server session. A pooler that does not
//! move prepared statements along answers with an error. It may also execute a statement of the same name
//! that another connection prepared, and half of a transaction is then committed. The check therefore runs
//! before the load begins.

use std::time::Duration;

use tokio::time::timeout;

use pg_evidence::Client;

use super::open_beside;
use crate::wire::{BareConnection, WireError};

/// Number of executions of the checked statement: large enough that a pooler which uses its
/// sessions in turn also uses another one.
const EXECUTIONS: usize = 20;
/// Longest wait for one execution, 1 s: a pooler with a single session cannot serve it while the
/// other connection holds that session.
const EXECUTION_BOUND: Duration = Duration::from_secs(1);
/// SQLSTATE code of a statement that was not prepared on the session.
const NOT_PREPARED: &str = "26000";

/// Checks whether a prepared statement survives a pooler. Prepares a statement called `name` on
/// another connection to the server of `client`, and executes it while a second connection has a
/// transaction open, which occupies the session on which the pooler prepared it. Removes the
/// statement afterwards.
///
/// # Errors
/// Fails with the server's error if the statement was not found, and with the error of the server or the
/// operating system if it cannot be prepared.
pub(crate) async fn check_prepared_statements(
    client: &Client,
    name: &str,
) -> Result<(), WireError> {
    let (mut preparing, mut holding) = (open_beside(client).await?, open_beside(client).await?);
    preparing
        .prepare(name, "SELECT /* plimsoll */ 1", [])
        .await?;
    holding.simple_query("BEGIN").await?;
    let found = execute(&mut preparing, name).await;
    if is_not_prepared(&found) {
        remove(&mut holding, &mut preparing, name).await;
    }
    preparing.close().await;
    holding.close().await;
    found
}

/// Executes the prepared statement `name` 20 times; stops early, without an error, if the pooler
/// has no free session for it.
async fn execute(connection: &mut BareConnection, name: &str) -> Result<(), WireError> {
    for _ in 0..EXECUTIONS {
        match timeout(EXECUTION_BOUND, connection.execute(name, &[])).await {
            Ok(executed) => executed.map(drop)?,
            Err(_) => break,
        }
    }
    Ok(())
}

fn is_not_prepared(found: &Result<(), WireError>) -> bool {
    matches!(found, Err(WireError::Server(error)) if error.code == NOT_PREPARED)
}

/// Removes the statement from the pooler's session, which may outlive this run; logs a warning if
/// it remains. Tries the session of the open transaction first, then any session that the pooler
/// assigns.
async fn remove(holding: &mut BareConnection, preparing: &mut BareConnection, name: &str) {
    let deallocate = format!("DEALLOCATE {name}");
    if holding.simple_query(&deallocate).await.is_ok() {
        return;
    }
    for _ in 0..EXECUTIONS {
        if preparing.simple_query(&deallocate).await.is_ok() {
            return;
        }
    }
    tracing::warn!("the pooler keeps the statement {name} on one of its sessions");
}
