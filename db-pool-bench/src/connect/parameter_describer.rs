//! Types of statement parameters, as a server infers them. Nothing is executed. Statements get no name on the
//! session, because a pooler's session may already have a statement of any name, left by another client.

use tokio_postgres::types::Type;

use super::open_beside;
use crate::wire::{BareConnection, WireError};
use pg_evidence::{BEGIN_TRIES, BEGIN_WITHOUT_TIMEOUTS, Client};
use pgbench_script::ParameterType;

/// Query for the name and the base type of the type with OID `$1`.
const TYPE: &str = "SELECT /* plimsoll */ format_type(oid, NULL), typbasetype::int8
    FROM pg_type WHERE oid::int8 = $1";
/// SQLSTATE of a cancelled statement.
const CANCELED: &str = "57014";

/// Type that a server infers for a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InferredParameter {
    /// Name of the type on the server.
    pub(crate) type_name: String,
    /// Type in which values are sent; `None` if no value of a script has a type that fits.
    pub(crate) parameter_type: Option<ParameterType>,
}

/// Connection to the server with an open transaction, which is never committed.
#[derive(Debug)]
pub(crate) struct ParameterDescriber<'a> {
    client: &'a Client,
    connection: BareConnection,
}

impl<'a> ParameterDescriber<'a> {
    /// Opens a further connection to the server of `client`, begins a transaction there and executes
    /// `settings`.
    ///
    /// # Errors
    /// Fails with the error of the server or the operating system.
    pub(crate) async fn beside(client: &'a Client, settings: &str) -> Result<Self, WireError> {
        let connection = open_beside(client).await?;
        let mut describer = Self { client, connection };
        describer.begin(settings).await?;
        Ok(describer)
    }

    async fn begin(&mut self, settings: &str) -> Result<(), WireError> {
        for _ in 0..BEGIN_TRIES {
            match self.connection.simple_query(BEGIN_WITHOUT_TIMEOUTS).await {
                Err(WireError::Server(error)) if error.code == CANCELED => {
                    self.connection.simple_query("ROLLBACK").await?;
                }
                begun => {
                    begun?;
                    break;
                }
            }
        }
        self.connection.simple_query(settings).await.map(drop)
    }

    /// Returns the parameters of `sql`, in order. After an error the transaction is aborted, and further
    /// calls fail.
    ///
    /// # Errors
    /// Fails with the error that the server reports about `sql`.
    pub(crate) async fn parameters(
        &mut self,
        sql: &str,
    ) -> Result<Vec<InferredParameter>, WireError> {
        let mut parameters = Vec::new();
        for oid in self.connection.describe_parameters(sql).await? {
            parameters.push(self.inferred_parameter(oid).await);
        }
        Ok(parameters)
    }

    /// Returns the type with this OID; for a domain, the type that it is based on.
    async fn inferred_parameter(&self, oid: u32) -> InferredParameter {
        let (mut base, mut name) = (oid, None);
        loop {
            if let Some(known) = Type::from_oid(base) {
                return InferredParameter {
                    parameter_type: ParameterType::from_postgres(&known),
                    type_name: name.unwrap_or_else(|| known.to_string()),
                };
            }
            let row = self.client.query_one(TYPE, &[&i64::from(base)]).await;
            let found = row.and_then(|row| {
                let (name, base): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
                Ok((name, u32::try_from(base).unwrap_or(0)))
            });
            let (found, next) = found.unwrap_or_else(|_| (format!("number {base}"), 0));
            let type_name = name.get_or_insert(found).clone();
            if next == 0 {
                return InferredParameter {
                    type_name,
                    parameter_type: None,
                };
            }
            base = next;
        }
    }

    /// Rolls the transaction back and closes the connection. Without the rollback a pooler would end the
    /// server session.
    pub(crate) async fn close(mut self) {
        // The rollback may fail if the connection was lost; then there is nothing to roll back.
        let _ = self.connection.simple_query("ROLLBACK").await;
        self.connection.close().await;
    }
}
