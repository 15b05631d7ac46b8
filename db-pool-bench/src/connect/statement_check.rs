//! Check that a prepared statement stays with the connection that prepared it.
//!
//! A pooler in transaction mode runs each transaction on any of its sessions. One that does not carry
//! prepared statements along answers with an error, or executes a statement of the same name that
//! another connection prepared: half of a transaction may then be committed. So this is known before
//! the load begins.

use std::time::Duration;

use tokio::time::timeout;

use pg_evidence::Client;

use super::open_beside;
use crate::wire::{BareConnection, WireError};

/// Number of executions, so that a pooler which takes its sessions in turn comes to another one.
const EXECUTIONS: usize = 20;
/// Longest wait for one execution: a pooler with a single session has none to give meanwhile.
const EXECUTION_BOUND: Duration = Duration::from_secs(1);
/// SQLSTATE of a statement that was not prepared on the session.
const NOT_PREPARED: &str = "26000";

/// Prepares a statement as `name` beside `client` and executes it while another connection holds a
/// transaction, and with it the session on which the pooler prepared. Leaves nothing behind.
///
/// # Errors
/// Fails with the server's error if the statement was not found, and with the error of the server or
/// the system if it cannot be prepared at all.
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

/// Executes `name` several times; ends early where the pooler gives no session.
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

/// Removes the statement from the pooler's session, which may outlive this run: that of the open
/// transaction first, else any that is met.
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
