//! WebSocket over TCP, with buffers so small that very many connections fit into memory.

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// WebSocket over TCP, of the bench or of the echo server.
pub(crate) type WsSocket = WebSocketStream<TcpStream>;

/// Size of the read buffer and of the write buffer, in bytes. With the library's default of 128 KiB
/// the buffers would take most of the memory of a run. Larger messages take several reads.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Returns the settings of every WebSocket, for the bench and for the echo server.
pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(READ_BUFFER_BYTES)
}
