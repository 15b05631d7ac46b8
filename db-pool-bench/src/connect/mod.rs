//! Checks of statements on connections without a driver, which are opened in addition to those of
//! the load.

mod parameter_describer;
mod statement_check;

pub(crate) use parameter_describer::{InferredParameter, ParameterDescriber};
pub(crate) use statement_check::check_prepared_statements;

use pg_evidence::Client;

use crate::wire::{BareConnection, WireError};

/// Opens another connection, without a driver, to the server of `client` with the same settings.
async fn open_beside(client: &Client) -> Result<BareConnection, WireError> {
    let (config, tls) = client.settings();
    BareConnection::connect(config, tls).await
}
