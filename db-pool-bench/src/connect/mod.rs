//! Checks of statements on connections that use the protocol directly, without a driver. They are opened in
//! addition to the connections of the load.

mod parameter_describer;
mod statement_check;

pub(crate) use parameter_describer::{InferredParameter, ParameterDescriber};
pub(crate) use statement_check::check_prepared_statements;

use pg_evidence::Client;

use crate::wire::{BareConnection, WireError};

/// Opens a further connection, without a driver, to the server that `client` is connected to.
async fn open_beside(client: &Client) -> Result<BareConnection, WireError> {
    let (config, tls) = client.settings();
    BareConnection::connect(config, tls).await
}
