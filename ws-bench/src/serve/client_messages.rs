//! Data messages from and to one client.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use tokio_tungstenite::tungstenite::Message;

use super::client_socket::ClientSocket;
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
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => return Ok(message),
            Ok(message) => {
                if let Some(end) = end_by(&message) {
                    return Err(end);
                }
            }
            Err(error) => return Err(SessionEnd::from_error(&error)),
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
    let mut sending = None;
    match poll_fn(|cx| poll_echo(cx, socket, &mut sending, &mut tally)).await {
        Some(end) => end,
        None => end_after_failed_send(socket).await,
    }
}

/// Echoes as long as the connection is ready, in one function because the time of an echo is that
/// of the whole server. `sending` is the size of the echo that is not sent whole yet. Returns the
/// end of the session, `None` if the client takes no more messages.
fn poll_echo(
    cx: &mut Context<'_>,
    socket: &mut ClientSocket,
    sending: &mut Option<usize>,
    tally: &mut SessionTally<'_>,
) -> Poll<Option<SessionEnd>> {
    loop {
        if let Some(bytes) = *sending {
            if ready!(socket.poll_flush(cx)).is_err() {
                return Poll::Ready(None);
            }
            tally.sent(bytes);
            *sending = None;
        }
        match ready!(socket.poll_next(cx)) {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                tally.received(message.len());
                *sending = Some(message.len());
                if socket.queue(cx, message).is_err() {
                    return Poll::Ready(None);
                }
            }
            Ok(message) => {
                if let Some(end) = end_by(&message) {
                    return Poll::Ready(Some(end));
                }
            }
            Err(error) => return Poll::Ready(Some(SessionEnd::from_error(&error))),
        }
    }
}

/// Returns the end of the session that a message means; `None` unless it is a close frame.
fn end_by(message: &Message) -> Option<SessionEnd> {
    match message {
        Message::Close(frame) => Some(SessionEnd::from_close(frame.as_ref())),
        _ => None,
    }
}
