//! Test server as a whole: listening, accepting, and the end by a signal.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::counters::ServeCounts;
use super::options::ServeOptions;
use super::session::serve_client;
use super::shared::SharedState;
use super::tls::TlsFileError;
use crate::machine::open_files::raise_limit;

/// Pause after a connection could not be accepted, for example without a free file descriptor: an
/// immediate retry would loop without waiting.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Time-out for the end of the sessions that are open at the end.
const END_BOUND: Duration = Duration::from_secs(5);
/// Size of the kernel's buffer for received bytes of a slow reader. With the usual megabytes a
/// client would not notice for long that nobody reads.
const SLOW_READ_BUFFER_BYTES: u32 = 4 * 1024;

/// Reason why the test server could not run.
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
    /// The files for TLS cannot be used.
    #[error("cannot speak TLS: {0}")]
    Tls(#[from] TlsFileError),
    /// The line with the server's address cannot be written to stdout.
    #[error("cannot say on stdout where the server listens: {0}")]
    Announce(#[source] io::Error),
}

/// Runs the test server until SIGINT or SIGTERM is received, which is the normal end. Prints its
/// address on stdout when it is ready. Returns the counts of all connections.
///
/// # Errors
/// If the server cannot start, listen, or print its address.
pub(crate) fn run(options: &ServeOptions) -> Result<ServeCounts, ServeError> {
    raise_limit();
    let shared = Arc::new(SharedState::new(options)?);
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Start)?;
    let result = runtime.block_on(serve(&shared));
    // Sessions add their counts when they are dropped.
    runtime.shutdown_timeout(END_BOUND);
    result.map(|()| shared.counts())
}

async fn serve(shared: &Arc<SharedState>) -> Result<(), ServeError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Start)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Start)?;
    let listening = listen(&shared.options).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    let (listener, address) = listening.map_err(|source| ServeError::Listen {
        address: shared.options.listen,
        source,
    })?;
    announce(address, shared.tls.is_some()).map_err(ServeError::Announce)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = accept_all(&listener, shared) => {}
    }
    Ok(())
}

fn listen(options: &ServeOptions) -> io::Result<TcpListener> {
    let socket = match options.listen {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    if options.session.slow_read.is_some() {
        socket.set_recv_buffer_size(SLOW_READ_BUFFER_BYTES)?;
    }
    socket.bind(options.listen)?;
    socket.listen(options.backlog)
}

fn announce(address: SocketAddr, tls: bool) -> io::Result<()> {
    let scheme = if tls { "wss" } else { "ws" };
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {scheme}://{address}/")?;
    out.flush()
}

async fn accept_all(listener: &TcpListener, shared: &Arc<SharedState>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                shared.counters.accepted();
                let address = peer.ip().to_canonical();
                drop(tokio::spawn(serve_client(
                    Arc::clone(shared),
                    stream,
                    address,
                )));
                if let Some(pause) = shared.options.accept_every {
                    tokio::time::sleep(pause).await;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
