//! WebSocket over TCP, with buffers so small that very many connections fit into memory.

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Size of the largest read buffer of the load, in bytes. Larger messages take several reads.
const MOST_BUFFER_BYTES: usize = 64 * 1024;

/// WebSocket over TCP, of the echo server.
pub(crate) type WsSocket = WebSocketStream<TcpStream>;

/// Size of the read buffer and of the write buffer, in bytes. With the library's default of 128 KiB
/// the buffers would take most of the memory of a run. Larger messages take several reads.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Size of the smallest read buffer of the load, in bytes. The library clears the whole buffer for
/// each read, so that a large one would cost more time than a small message.
const LEAST_BUFFER_BYTES: usize = 256;
/// Size of the longest header of a frame, in bytes.
const HEADER_BYTES: usize = 14;

/// Returns the settings of a connection of the load, with buffers that fit messages of
/// `message_bytes`. A read buffer holds a whole message and is not filled by it, so that one read
/// takes it and shows that no more has come.
pub(crate) fn load_config(message_bytes: usize) -> WebSocketConfig {
    let frame = (message_bytes + HEADER_BYTES + 1).next_power_of_two();
    let read = frame.clamp(LEAST_BUFFER_BYTES, MOST_BUFFER_BYTES);
    WebSocketConfig::default()
        .read_buffer_size(read)
        .write_buffer_size(READ_BUFFER_BYTES)
}

/// Returns the settings of a WebSocket of the echo server.
pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(READ_BUFFER_BYTES)
}
