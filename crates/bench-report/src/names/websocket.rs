//! Names of the figures of a WebSocket server in one step.

use super::macros::figures;

figures! { Server:
    /// CPU time of the server's process.
    SERVER_CPU_NS = "server.cpu_ns";
    /// Memory of the server's process.
    SERVER_RSS_BYTES = "server.rss_bytes";
    /// Number of files that the server has open.
    SERVER_OPEN_FILES = "server.open_files";
}
