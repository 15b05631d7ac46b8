//! Host and port of a server.

use tokio_postgres::Config;

/// Server that an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Name, IP address, or directory of a Unix socket.
    pub(crate) host: String,
    /// Port, which is also part of the name of a Unix socket.
    pub(crate) port: u16,
}

impl Endpoint {
    /// Returns true for a Unix socket, on which TLS is not used.
    pub(crate) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Sets host and port in `config`, which must not have any.
    pub(crate) fn apply_to(&self, config: &mut Config) {
        if self.is_socket() {
            config.host_path(&self.host);
        } else {
            config.host(&self.host);
        }
        config.port(self.port);
    }
}
