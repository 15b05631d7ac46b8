//! Has a server say which parameters statements take, without executing them and without a name on
//! the session: a pooler's sessions may hold any name already, left there by others.

use tokio_postgres::types::Type;

use super::client::{Client, LIFT, LIFTING_TRIES};
use crate::wire::{Link, WireError};
use pgbench_script::ParameterType;

/// What a server says of a type that it has beyond the usual ones; `$1` is its number.
const TYPE: &str = "SELECT /* plimsoll */ format_type(oid, NULL), typbasetype::int8
    FROM pg_type WHERE oid::int8 = $1";
/// SQLSTATE of a statement that was cancelled.
const CANCELED: &str = "57014";

/// A parameter as the server infers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    /// The name of its type.
    pub type_name: String,
    /// As what a value is sent; `None` where no number can be.
    pub kind: Option<ParameterType>,
}

/// A connection within a transaction that is never committed.
#[derive(Debug)]
pub struct Describer<'a> {
    client: &'a Client,
    link: Link,
}

impl<'a> Describer<'a> {
    /// Opens a connection beside `client` and begins a transaction with `settings` there.
    ///
    /// # Errors
    /// Fails with what the server or the system said.
    pub async fn beside(client: &'a Client, settings: &str) -> Result<Self, WireError> {
        let link = client.bare().await?;
        let mut describer = Self { client, link };
        describer.begin(settings).await?;
        Ok(describer)
    }

    async fn begin(&mut self, settings: &str) -> Result<(), WireError> {
        for _ in 0..LIFTING_TRIES {
            match self.link.command(LIFT).await {
                Err(WireError::Server(error)) if error.code == CANCELED => {
                    self.link.command("ROLLBACK").await?;
                }
                begun => {
                    begun?;
                    break;
                }
            }
        }
        self.link.command(settings).await.map(drop)
    }

    /// The parameters of `sql`. After an error nothing more can be asked.
    ///
    /// # Errors
    /// Fails with what the server says is wrong with it.
    pub async fn parameters(&mut self, sql: &str) -> Result<Vec<Inferred>, WireError> {
        let mut parameters = Vec::new();
        for oid in self.link.describe(sql).await? {
            parameters.push(self.inferred(oid).await);
        }
        Ok(parameters)
    }

    /// The type of this number; of a domain the type that it is made of.
    async fn inferred(&self, oid: u32) -> Inferred {
        let (mut base, mut name) = (oid, None);
        loop {
            if let Some(known) = Type::from_oid(base) {
                return Inferred {
                    kind: ParameterType::from_postgres(&known),
                    type_name: name.unwrap_or_else(|| known.to_string()),
                };
            }
            let row = self.client.query_one(TYPE, &[&i64::from(base)]).await;
            let told = row.and_then(|row| {
                let (name, base): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
                Ok((name, u32::try_from(base).unwrap_or(0)))
            });
            let (told, next) = told.unwrap_or_else(|_| (format!("number {base}"), 0));
            let type_name = name.get_or_insert(told).clone();
            if next == 0 {
                return Inferred {
                    type_name,
                    kind: None,
                };
            }
            base = next;
        }
    }

    /// Undoes the transaction, without which a pooler would have to end the session, and closes the
    /// connection.
    pub async fn close(mut self) {
        // One that is lost is closed all the same.
        let _ = self.link.command("ROLLBACK").await;
        self.link.close().await;
    }
}
