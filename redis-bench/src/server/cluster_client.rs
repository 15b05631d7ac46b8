//! Connection to all nodes of a cluster for work that is not measured, as writing the keys of a run.

use redis::RedisResult;
use redis::cluster::{ClusterClientBuilder, ClusterConnection};

use crate::clients::CONNECT_TIMEOUT;
use crate::server::address::{COMMAND_TIMEOUT, RedisAddress};

/// Largest number of times that a command is sent again, after a redirection or a failure. The driver
/// waits before some of them, for a second or more.
const RETRIES: u32 = 4;

/// Connects to the cluster of which the server at `address` is a node. The driver asks that node for
/// the others, and logs in on each with the same user.
///
/// # Errors
/// Fails with the error of the driver or of a node.
pub(crate) fn connect_to_all(address: &RedisAddress) -> RedisResult<ClusterConnection> {
    let info = address.info();
    let mut builder = ClusterClientBuilder::new([info.clone()])
        .tcp_settings(info.tcp_settings().clone())
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(COMMAND_TIMEOUT)
        .retries(RETRIES);
    if let Some(tls) = address.tls() {
        builder = builder.certs(tls.certificates());
    }
    builder.build()?.get_connection()
}
