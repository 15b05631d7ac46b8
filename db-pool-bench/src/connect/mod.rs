//! Checks of statements on connections without a driver, beside those that a run loads.

mod parameter_describer;
mod statement_check;

pub(crate) use parameter_describer::{InferredParameter, ParameterDescriber};
pub(crate) use statement_check::check_prepared_statements;

use pg_evidence::Client;

use crate::wire::{BareConnection, WireError};

/// Opens a connection without a driver to the server of `client`.
async fn open_beside(client: &Client) -> Result<BareConnection, WireError> {
    let (config, tls) = client.settings();
    BareConnection::connect(config, tls).await
}
