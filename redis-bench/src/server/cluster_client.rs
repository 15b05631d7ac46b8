//! Settings of the driver's client for a whole cluster, as one of its nodes is known.

use redis::RedisResult;
use redis::cluster::{ClusterClient, ClusterClientBuilder};

use crate::clients::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT};
use crate::server::address::RedisAddress;

/// Creates the client for the cluster of which the server at `address` is a node. It asks that node
/// for the others, and logs in on each with the same user. Retries and their pauses stay as the
/// driver has them; only the time-outs are those of all clients. That of a request holds for all of
/// its retries together.
///
/// # Errors
/// Fails if the driver cannot use the address or its certificates.
pub(crate) fn cluster_client(address: &RedisAddress) -> RedisResult<ClusterClient> {
    let info = address.info();
    let builder = ClusterClientBuilder::new([info.clone()])
        .tcp_settings(info.tcp_settings().clone())
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(RESPONSE_TIMEOUT)
        .overall_response_timeout(Some(RESPONSE_TIMEOUT));
    match address.tls() {
        Some(tls) => builder.certs(tls.certificates()).build(),
        None => builder.build(),
    }
}
