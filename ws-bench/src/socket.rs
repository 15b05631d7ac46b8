//! A WebSocket over TCP with buffers fit for very many of them.

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A WebSocket of ours, on either side.
pub(crate) type WsSocket = WebSocketStream<TcpStream>;

/// The library's own read buffer of 128 KiB for each connection would be most of the memory of a
/// run; messages larger than this one simply take several reads.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Settings of every socket, client's and server's.
pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(READ_BUFFER_BYTES)
}
