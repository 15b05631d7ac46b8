//! Checks of a run on a whole cluster, before any server is contacted.

use bench_cli::UsageError;
use redis::ConnectionAddr;

use crate::clients::ClientKind;
use crate::run::redis_run::RedisRun;
use crate::run::workload::RedisWorkload;
use crate::server::address::RedisAddress;
use crate::server::cluster_nodes::SLOTS;
use crate::server::guard::Demand;
use crate::server::identity::ServerIdentity;

impl<W: RedisWorkload> RedisRun<'_, W> {
    /// Returns true if the keys of the run lie on all nodes of a cluster.
    pub(super) fn spans_cluster(&self) -> bool {
        self.clients().any(|client| client == ClientKind::Cluster)
    }

    /// Returns the part of `demand` that the server with this identity must meet: on a cluster that is
    /// the memory of the keys of its own slots.
    pub(super) fn demand_of_node(&self, demand: Demand, identity: &ServerIdentity) -> Demand {
        let slots = identity.slots.filter(|_| self.spans_cluster());
        let share = slots.map_or(1.0, |slots| f64::from(slots) / f64::from(SLOTS));
        Demand {
            bytes: (demand.bytes as f64 * share) as u64,
            ..demand
        }
    }

    /// Checks that the server and the requests are ones for the client of a cluster, if the run has
    /// it.
    ///
    /// # Errors
    /// Fails with a sentence about what cannot be done on a cluster.
    pub(super) fn check_cluster(&self) -> anyhow::Result<()> {
        if !self.spans_cluster() {
            return Ok(());
        }
        let refused = |text: &str| Err(UsageError(text.to_owned()).into());
        let Some(address) = self.flags.server.address()? else {
            return refused(
                "--client cluster is for a cluster of yours, because a throwaway server is none; write \
                 the URL of one of its nodes with --url or in REDIS_URL",
            );
        };
        if let Some(text) = unfit(&address) {
            return refused(text);
        }
        if self.workload.storm().is_some() {
            return refused(
                "--storm connects to one server and --client cluster to all nodes of a cluster; leave \
                 one of them out",
            );
        }
        match self.workload.cluster_refusal() {
            Some(why) => refused(&why),
            None => Ok(()),
        }
    }
}

/// Returns a sentence about an address that cannot be that of a node of a cluster; `None` if it can.
fn unfit(address: &RedisAddress) -> Option<&'static str> {
    if matches!(address.info().addr(), ConnectionAddr::Unix(_)) {
        return Some(
            "nodes of a cluster name each other by host and port, so --client cluster cannot begin \
             with a Unix socket; write redis://HOST:PORT/",
        );
    }
    if address.info().redis_settings().db() != 0 {
        return Some(
            "a cluster has only database 0; leave the database out of the URL for --client cluster",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_a_node_cannot_have_is_told() {
        for (url, wanted) in [
            ("redis://app:x@node:7000/", None),
            ("redis://node:7000/0", None),
            ("redis://node:7000/3", Some("only database 0")),
            ("redis+unix:///run/redis.sock", Some("Unix socket")),
        ] {
            let told = unfit(&RedisAddress::parse(url).unwrap());
            match (told, wanted) {
                (None, None) => {}
                (Some(told), Some(wanted)) => assert!(told.contains(wanted), "{told}"),
                other => panic!("{url}: {other:?}"),
            }
        }
    }
}
