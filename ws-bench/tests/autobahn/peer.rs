//! Server on a raw socket that plays the steps of a case, and checks the frames of the client.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Opcodes, with the bit that marks the last frame of a message.
pub(super) const TEXT: u8 = 0x81;
pub(super) const BINARY: u8 = 0x82;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;
/// Frame that ends a message in fragments.
pub(super) const LAST: u8 = 0x80;
/// Frame that begins a text message in fragments.
pub(super) const FIRST_TEXT: u8 = 0x01;
/// Frame in the middle of a message in fragments.
pub(super) const MIDDLE: u8 = 0x00;

/// Time for which a client must do nothing to count as still waiting.
const QUIET: Duration = Duration::from_millis(50);

/// Step of the server.
pub(super) enum Step {
    /// Send these bytes at once.
    Send(Vec<u8>),
    /// Send these bytes in pieces of this size.
    Chop(Vec<u8>, usize),
    /// Receive a frame with this first byte and payload.
    Receive(u8, Vec<u8>),
    /// Check that the client waits for more.
    Quiet,
}

/// End of a connection, as the server sees it.
pub(super) enum End {
    /// The client sends a close frame with this code, or without one, and the server ends the
    /// connection.
    Closes(Option<u16>),
    /// The client ends the connection without another frame.
    Fails,
}

/// Creates an unmasked frame with the first byte `first`.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(length as u8),
        length @ 126..0x1_0000 => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// Creates a close frame.
pub(super) fn close(payload: &[u8]) -> Vec<u8> {
    frame(CLOSE, payload)
}

/// Serves a connection on which the upgrade is complete.
///
/// # Errors
/// If the client does something else than it must.
pub(super) async fn serve(mut stream: TcpStream, steps: &[Step], end: &End) -> Result<(), String> {
    for step in steps {
        match step {
            // Where the client has ended the connection already, the end shows it.
            Step::Send(bytes) => drop(stream.write_all(bytes).await),
            Step::Chop(bytes, size) => {
                for piece in bytes.chunks(*size) {
                    let _ = stream.write_all(piece).await;
                    tokio::task::yield_now().await;
                }
            }
            Step::Receive(first, payload) => {
                let wanted = Some((*first, payload.clone()));
                let came = receive(&mut stream).await;
                if came != wanted {
                    return Err(format!("received {}", shown(came)));
                }
            }
            Step::Quiet => {
                if let Ok(came) = timeout(QUIET, receive(&mut stream)).await {
                    return Err(format!("did not wait, but {}", shown(came)));
                }
            }
        }
    }
    let came = receive(&mut stream).await;
    let wanted = match end {
        End::Fails => None,
        End::Closes(code) => {
            let code = code.map(|code| code.to_be_bytes().to_vec());
            Some((CLOSE, code.unwrap_or_default()))
        }
    };
    // The reason of a close frame may be anything.
    let came = came.map(|(first, mut payload)| {
        payload.truncate(if first == CLOSE { 2 } else { payload.len() });
        (first, payload)
    });
    if came == wanted {
        return Ok(());
    }
    Err(format!("ended with {}", shown(came)))
}

/// Receives one masked frame: its first byte, and its payload. `None` if the client has ended the
/// connection.
async fn receive(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let length = stream.read_u8().await.ok()?;
    assert_eq!(length & 0x80, 0x80, "frames of a client are masked");
    let length = match length & 0x7f {
        126 => u64::from(stream.read_u16().await.ok()?),
        127 => stream.read_u64().await.ok()?,
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await.ok()?;
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.ok()?;
    let plain = payload.iter().zip(mask.iter().cycle());
    Some((first, plain.map(|(byte, mask)| byte ^ mask).collect()))
}

fn shown(came: Option<(u8, Vec<u8>)>) -> String {
    let Some((first, payload)) = came else {
        return "the end of the connection".to_owned();
    };
    let some = &payload[..payload.len().min(32)];
    format!("a frame {first:#x} of {} bytes: {some:x?}", payload.len())
}
