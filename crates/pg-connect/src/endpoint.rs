//! Host and port of a server.

use tokio_postgres::Config;

/// One server that an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Name, IP address, or directory of a Unix socket.
    pub(crate) host: String,
    /// Port, which is a part of a socket's name too.
    pub(crate) port: u16,
}

impl Endpoint {
    /// Returns true if it is a Unix socket, over which no TLS is spoken.
    pub(crate) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Adds host and port to `config`, which has none.
    pub(crate) fn apply_to(&self, config: &mut Config) {
        if self.is_socket() {
            config.host_path(&self.host);
        } else {
            config.host(&self.host);
        }
        config.port(self.port);
    }
}
