//! A connection of tokio-postgres that a user holds, for the arms with and without a pool.

use load_engine::Failure;
use tokio_postgres::{Client, Statement};

use crate::failure::of_postgres;
use crate::script::Bound;

/// Executes `statement`; rows that it gives are dropped as they come.
pub(super) async fn execute(
    client: &Client,
    statement: &Statement,
    values: &[Bound],
) -> Result<(), Failure> {
    let executed = client.execute_raw(statement, values.iter().copied()).await;
    executed.map(drop).map_err(|error| of_postgres(&error))
}
