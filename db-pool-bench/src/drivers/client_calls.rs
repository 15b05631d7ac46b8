//! Execution of statements on a tokio-postgres connection, for the drivers with and without a pool.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use load_engine::Failure;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, SimpleQueryMessage, Statement};

use crate::failure::from_postgres;
use pgbench_script::{BoundValue, StatementResult};

/// Executes a prepared `statement` with these parameter values; its rows are discarded as they
/// arrive.
pub(super) async fn execute(
    client: &Client,
    statement: &Statement,
    values: &[BoundValue],
) -> Result<(), Failure> {
    let executed = client.execute_raw(statement, values.iter().copied()).await;
    executed.map(drop).map_err(|error| from_postgres(&error))
}

/// Parses and executes `sql` with these parameter values in one round trip; the statement is not
/// prepared for later executions.
pub(super) async fn execute_once(
    client: &Client,
    sql: &str,
    values: &[BoundValue],
) -> Result<(), Failure> {
    let typed = values.iter().map(|value| {
        let value: (&(dyn ToSql + Sync), Type) = (value, value.parameter_type().postgres_type());
        value
    });
    let typed: Vec<_> = typed.collect();
    let executed = client.execute_typed(sql, &typed).await;
    executed.map(drop).map_err(|error| from_postgres(&error))
}

/// Sends `sql`, one or several statements, as a simple query. Appends the result of each statement
/// to `answers`, if given.
pub(super) async fn send(
    client: &Client,
    sql: &str,
    answers: Option<&mut Vec<StatementResult>>,
) -> Result<(), Failure> {
    let sent = match answers {
        None => client.batch_execute(sql).await,
        Some(answers) => gather(client, sql, answers).await,
    };
    sent.map_err(|error| from_postgres(&error))
}

async fn gather(
    client: &Client,
    sql: &str,
    answers: &mut Vec<StatementResult>,
) -> Result<(), Error> {
    let mut messages = pin!(client.simple_query_raw(sql).await?);
    let mut answer = StatementResult::default();
    while let Some(message) = messages.try_next().await? {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                let names = columns.iter().map(|column| column.name().to_owned());
                answer.columns = names.collect();
            }
            SimpleQueryMessage::Row(row) => {
                answer.rows += 1;
                let values = (0..row.len()).map(|at| row.get(at).map(str::to_owned));
                answer.last_row = values.collect();
            }
            SimpleQueryMessage::CommandComplete(_) => answers.push(std::mem::take(&mut answer)),
            _ => {}
        }
    }
    Ok(())
}
