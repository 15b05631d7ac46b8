//! Servers of a run, whose connections take turns.

use std::sync::Arc;

use crate::server::endpoint::WsEndpoint;

/// Servers of a run; there is at least one.
#[derive(Debug, Clone)]
pub(crate) struct ServerList {
    first: Arc<WsEndpoint>,
    others: Vec<Arc<WsEndpoint>>,
}

impl ServerList {
    /// Creates the list; `None` if there are no `servers`.
    pub(crate) fn new(servers: impl IntoIterator<Item = WsEndpoint>) -> Option<Self> {
        let mut servers = servers.into_iter().map(Arc::new);
        Some(Self {
            first: servers.next()?,
            others: servers.collect(),
        })
    }

    /// Returns the first server.
    pub(crate) fn first(&self) -> &Arc<WsEndpoint> {
        &self.first
    }

    /// Returns all servers, in the order of the flags.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<WsEndpoint>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Returns the server of the connection with the number `id`, and the number of that connection
    /// among those of the same server.
    pub(crate) fn turn(&self, id: u64) -> (&Arc<WsEndpoint>, u64) {
        let count = self.others.len() as u64 + 1;
        let server = (id % count).checked_sub(1);
        let other = server.and_then(|index| self.others.get(index as usize));
        (other.unwrap_or(&self.first), id / count)
    }
}
