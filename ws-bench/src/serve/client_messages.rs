//! Data messages from and to one client.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;

use super::client_stream::ClientSocket;
use super::counters::SessionTally;
use super::session_end::SessionEnd;

/// Receives the next data message. Pings are answered meanwhile. No message is lost if the future is
/// dropped before its end.
///
/// # Errors
/// Fails with the end of the session if the client closes the connection or violates the protocol.
pub(crate) async fn receive(socket: &mut ClientSocket) -> Result<Message, SessionEnd> {
    loop {
        match socket.next().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => return Ok(message),
            Some(Ok(Message::Close(frame))) => return Err(SessionEnd::from_close(frame.as_ref())),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(SessionEnd::from_error(&error)),
            None => return Err(SessionEnd::LOST),
        }
    }
}

/// Sends a data message and counts it.
///
/// # Errors
/// Fails with the end of the session if the client has closed the connection.
pub(crate) async fn send(
    socket: &mut ClientSocket,
    tally: &mut SessionTally<'_>,
    message: Message,
) -> Result<(), SessionEnd> {
    let bytes = message.len();
    if socket.send(message).await.is_err() {
        return Err(end_after_failed_send(socket).await);
    }
    tally.sent(bytes);
    Ok(())
}

/// Returns the end of a session whose client takes no more messages. The client may have sent a
/// close frame before it left.
async fn end_after_failed_send(socket: &mut ClientSocket) -> SessionEnd {
    loop {
        if let Err(end) = receive(socket).await {
            return end;
        }
    }
}

/// Echoes every data message at once, until the client closes the connection or violates the
/// protocol.
pub(crate) async fn echo(socket: &mut ClientSocket, mut tally: SessionTally<'_>) -> SessionEnd {
    loop {
        let message = match receive(socket).await {
            Ok(message) => message,
            Err(end) => return end,
        };
        tally.received(message.len());
        if let Err(end) = send(socket, &mut tally, message).await {
            return end;
        }
    }
}
