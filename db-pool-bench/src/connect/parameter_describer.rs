//! Types of statement parameters, as a server infers them. Nothing is executed. The statements are
//! unnamed, because a pooler's session may already have a statement of any name, left by another
//! client.

use tokio_postgres::types::Type;

use super::open_beside;
use crate::wire::{BareConnection, WireError};
use pg_evidence::{BEGIN_TRIES, BEGIN_WITHOUT_TIMEOUTS, Client};
use pgbench_script::ParameterType;

/// SQL query for the name of the type with OID `$1` and the OID of its base type, 0 if it has none.
const TYPE: &str = "SELECT /* plimsoll */ format_type(oid, NULL), typbasetype::int8
    FROM pg_type WHERE oid::int8 = $1";
/// SQLSTATE code of a statement that was cancelled, as by a time-out.
const CANCELED: &str = "57014";

/// Type that the server infers for one parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InferredParameter {
    /// Name of the type on the server, such as `integer` or that of a domain.
    pub(crate) type_name: String,
    /// Type as which values of scripts are sent; `None` if no such value can be sent as the
    /// inferred type.
    pub(crate) parameter_type: Option<ParameterType>,
}

/// Connection that describes the parameters of statements, in an open transaction that is never
/// committed.
#[derive(Debug)]
pub(crate) struct ParameterDescriber<'a> {
    client: &'a Client,
    connection: BareConnection,
}

impl<'a> ParameterDescriber<'a> {
    /// Opens another connection to the server of `client`, begins a transaction without time-outs
    /// there and executes the SQL text `settings`.
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

    /// Returns the inferred types of the parameters of `sql`, in the order of their numbers. After
    /// an error the transaction is aborted, and all further calls fail.
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

    /// Returns the type with this OID, a domain with the type on which it is based. A type that
    /// cannot be looked up is named `number OID`.
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

    /// Rolls the transaction back and closes the connection; failures are ignored. Without the
    /// rollback a pooler would end the server session.
    pub(crate) async fn close(mut self) {
        // The rollback may fail if the connection was lost; then there is nothing to roll back.
        let _ = self.connection.simple_query("ROLLBACK").await;
        self.connection.close().await;
    }
}
