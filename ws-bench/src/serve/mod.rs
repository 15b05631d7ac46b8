//! Echo server for trials, tests, and users without a server of their own. It needs little memory
//! for each connection, so that the bench meets the limits of the machine before those of this
//! server.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;

use crate::connection::socket::{self, WsSocket};
use crate::machine::open_files::raise_limit;

/// Largest number of connections that the kernel completes and queues while the server is busy. The
/// kernel reduces it to `somaxconn`.
const LISTEN_BACKLOG: u32 = 4_096;
/// Time-out for a client's request to upgrade, from the acceptance of its connection.
const HANDSHAKE_BOUND: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted, for example without a free file descriptor: an
/// immediate retry would loop without waiting.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Settings of the echo server.
#[derive(Debug, Clone)]
pub(crate) struct ServeOptions {
    /// Address to listen on; with port 0 the operating system chooses a free port.
    pub(crate) listen: SocketAddr,
    /// Number of open connections at which further ones get HTTP 503; `None` for no limit.
    pub(crate) refuse_after: Option<u64>,
}

/// Reason why the echo server could not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The operating system provides no threads, or no handler for signals.
    #[error("cannot start the server: {0}")]
    Start(#[source] io::Error),
    /// The server cannot listen on the wanted address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address on which the server was to listen.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The line with the server's address cannot be written to stdout.
    #[error("cannot say on stdout where the server listens: {0}")]
    Announce(#[source] io::Error),
}

/// Runs the echo server until SIGINT or SIGTERM is received, which is the normal end. Prints its
/// address on stdout when it is ready.
///
/// # Errors
/// If the server cannot start, listen, or print its address.
pub(crate) fn run(options: &ServeOptions) -> Result<(), ServeError> {
    raise_limit();
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Start)?;
    let result = runtime.block_on(serve(options));
    runtime.shutdown_background();
    result
}

async fn serve(options: &ServeOptions) -> Result<(), ServeError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Start)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Start)?;
    let listening = listen(options.listen).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    let (listener, address) = listening.map_err(|source| ServeError::Listen {
        address: options.listen,
        source,
    })?;
    announce(address).map_err(ServeError::Announce)?;
    let slots = options.refuse_after.map_or(Semaphore::MAX_PERMITS, |n| {
        usize::try_from(n).map_or(Semaphore::MAX_PERMITS, |n| n.min(Semaphore::MAX_PERMITS))
    });
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = accept_all(&listener, Arc::new(Semaphore::new(slots))) => {}
    }
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on ws://{address}/")?;
    out.flush()
}

async fn accept_all(listener: &TcpListener, slots: Arc<Semaphore>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_client(stream, Arc::clone(&slots)))),
            Err(error) => {
                tracing::debug!(%error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one client: echoes its messages until it leaves, or answers 503 if no slot is free. Ends
/// silently if the upgrade fails.
async fn serve_client(stream: TcpStream, slots: Arc<Semaphore>) {
    // If this fails, echoes are only delayed.
    let _ = stream.set_nodelay(true);
    let slot = slots.try_acquire_owned();
    let full = slot.is_err();
    #[expect(clippy::result_large_err, reason = "the library's own signature")]
    let answer = move |_: &Request, response: Response| {
        if full { Err(refusal()) } else { Ok(response) }
    };
    let handshake = accept_hdr_async_with_config(stream, answer, Some(socket::config()));
    let Ok(Ok(mut socket)) = tokio::time::timeout(HANDSHAKE_BOUND, handshake).await else {
        return;
    };
    echo(&mut socket).await;
    // Frees the slot before the client can notice that the connection is closed.
    drop(slot);
    drop(socket);
}

fn refusal() -> ErrorResponse {
    let mut response = ErrorResponse::new(Some("no place for another connection\n".to_owned()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

async fn echo(socket: &mut WsSocket) {
    while let Some(Ok(message)) = socket.next().await {
        let is_data = message.is_text() || message.is_binary();
        if is_data && socket.send(message).await.is_err() {
            return;
        }
    }
}
