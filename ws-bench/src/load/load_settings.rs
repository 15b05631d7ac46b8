//! Settings of the connections of a load, the same in this process and in its workers.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{HeldLoad, HeldSettings, RuntimeKind, WaitStrategy, WorkerShare};

use crate::connection::message_sizes::MessageSizes;
use crate::connection::ws_connection::WsConnector;
use crate::server::endpoint::WsEndpoint;

/// Settings of the connections of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadSettings {
    /// Highest rate at which connections are opened, in connections per second.
    pub(crate) spawn_rate_per_s: f64,
    /// Time-out of connecting by TCP, of the upgrade, and of each answer, for each separately.
    pub(crate) timeout: Duration,
    /// Sizes of the messages.
    pub(crate) sizes: MessageSizes,
    /// Kind of runtime whose threads hold the connections.
    pub(crate) runtime: RuntimeKind,
    /// Way in which the thread that paces an open loop waits for the next message.
    pub(crate) waiting: WaitStrategy,
}

impl LoadSettings {
    /// Starts `threads` threads that hold the share of `process` in the connections to `endpoint`.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub(crate) fn start(
        &self,
        endpoint: WsEndpoint,
        threads: usize,
        process: WorkerShare,
    ) -> std::io::Result<HeldLoad<WsConnector>> {
        let connector = WsConnector {
            endpoint,
            timeout: self.timeout,
            sizes: self.sizes,
        };
        let held = HeldSettings {
            connects_per_s: self.spawn_rate_per_s,
            timeout: self.timeout,
            runtime: self.runtime,
            threads,
            waiting: self.waiting,
            process,
        };
        HeldLoad::start(Arc::new(connector), held)
    }
}
