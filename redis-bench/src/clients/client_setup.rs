//! Way to connect in one step: its kind, its number of connections and its server.

use std::sync::Arc;

use crate::server::address::RedisAddress;
use load_engine::TargetFactory;

use super::cluster::Cluster;
use super::managed::Managed;
use super::multiplexed::Multiplexed;
use super::per_request::PerRequest;
use super::plain::Plain;
use super::pooled::Pooled;
use super::{ClientKind, Work};

/// Way to connect in one step.
#[derive(Debug, Clone)]
pub(crate) struct ClientSetup {
    /// Kind of the client.
    pub(crate) kind: ClientKind,
    /// Number of connections in total over all workers, for those kinds that have a fixed number.
    pub(crate) connections: u64,
    /// Server to connect to.
    pub(crate) server: RedisAddress,
    /// Replica that reads go to, for those kinds that can have two servers; `None` if all requests go to
    /// one server.
    pub(crate) replica: Option<RedisAddress>,
}

/// What is done with the factory of a client, whatever its type.
pub(crate) trait FactoryUse {
    /// Type of the result.
    type Output;

    /// Uses `factory`.
    fn with<F: TargetFactory>(self, factory: &Arc<F>) -> Self::Output;
}

impl ClientSetup {
    /// Returns this way to connect with the reads at `replica`, if there is one; with all requests there
    /// if they `only_read`.
    pub(crate) fn reading_from(self, replica: Option<RedisAddress>, only_read: bool) -> Self {
        match replica {
            Some(server) if only_read => Self { server, ..self },
            replica => Self { replica, ..self },
        }
    }

    /// Creates the factory of this client, whose users send the requests of `work`, and gives it to
    /// `user`.
    pub(crate) fn use_factory<W: Work, U: FactoryUse>(self, work: W, user: U) -> U::Output {
        let (server, count, replica) = (self.server, self.connections, self.replica);
        match self.kind {
            ClientKind::Pooled => user.with(&Arc::new(Pooled::new(server, count, work))),
            ClientKind::Multiplexed => {
                user.with(&Arc::new(Multiplexed::new((server, replica), count, work)))
            }
            ClientKind::Managed => user.with(&Arc::new(Managed::new(server, count, work))),
            ClientKind::Plain => user.with(&Arc::new(Plain::new((server, replica), work))),
            ClientKind::PerRequest => user.with(&Arc::new(PerRequest::new(server, work))),
            ClientKind::Cluster => user.with(&Arc::new(Cluster::new(server, count, work))),
        }
    }
}
