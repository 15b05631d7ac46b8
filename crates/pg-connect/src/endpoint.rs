//! Host and port of a PostgreSQL server.

use tokio_postgres::Config;

/// Host and port of a server that an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Host name, IP address without brackets, or absolute path of the directory of a Unix socket.
    pub(crate) host: String,
    /// TCP port; for a Unix socket, part of the socket's file name.
    pub(crate) port: u16,
}

impl Endpoint {
    /// Returns true if the host is the directory of a Unix socket, on which TLS is not used.
    pub(crate) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Adds host and port to `config`, which must not have any yet.
    pub(crate) fn apply_to(&self, config: &mut Config) {
        if self.is_socket() {
            config.host_path(&self.host);
        } else {
            config.host(&self.host);
        }
        config.port(self.port);
    }
}
