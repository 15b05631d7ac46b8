//! Requests as statements of tokio-postgres, for the arms with and without a pool.

use tokio_postgres::{Client, Error, Statement};

pub(super) async fn read(client: &Client, read: &Statement, id: i32) -> Result<(), Error> {
    client.query_opt(read, &[&id]).await.map(drop)
}

pub(super) async fn update(
    client: &Client,
    update: &Statement,
    id: i32,
    delta: i32,
) -> Result<(), Error> {
    client.execute(update, &[&delta, &id]).await.map(drop)
}

pub(super) async fn insert(
    client: &Client,
    insert: &Statement,
    id: i32,
    delta: i32,
) -> Result<(), Error> {
    client.execute(insert, &[&id, &delta]).await.map(drop)
}

/// Dropped halfway (a failure, the drain's bound) it rolls back.
pub(super) async fn transfer(
    client: &mut Client,
    update: &Statement,
    insert: &Statement,
    id: i32,
    delta: i32,
) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    transaction.execute(update, &[&delta, &id]).await?;
    transaction.execute(insert, &[&id, &delta]).await?;
    transaction.commit().await
}
