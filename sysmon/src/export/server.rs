//! HTTP/1 in front of the page, on a thread of its own.
//!
//! Whoever connects may be slow, hostile or lost, so everything is bounded: connections at once
//! (the kernel queues the rest), the time for a request to come, its size, and the life of a
//! connection, whatever is done on it. hyper does the parsing and bounds a request in time and size;
//! smaller libraries with a thread for each connection do neither.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use super::negotiation;
use super::shelf::Shelf;

/// The one page there is.
pub const PATH: &str = "/metrics";

const MOST_CONNECTIONS: usize = 128;
/// From the connection, or the answer before, to the end of the header.
const REQUEST_COMES_WITHIN: Duration = Duration::from_secs(5);
/// Whatever is done on it: who does not read the answer holds no place for longer.
const CONNECTION_LIVES: Duration = Duration::from_mins(1);
/// For an answer that is under way when the connection's time is over.
const GRACE: Duration = Duration::from_secs(5);
const LARGEST_REQUEST_BYTES: usize = 16 * 1024;
/// When the system has no descriptor left, so that waiting for one does not take a core.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The server at work.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Serves what is on the shelf to whoever connects to `listener`.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn start(listener: TcpListener, shelf: Arc<Shelf>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, shelf) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            stop,
            thread,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// True if it still serves; only a fault of ours ends it.
    pub fn serves(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Closes every connection and frees the port.
    pub fn stop(self) {
        // Both fail only where the thread has ended already.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

async fn accept(listener: tokio::net::TcpListener, shelf: Arc<Shelf>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&shelf), place));
            }
            Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
        }
    }
}

/// Answers on one connection until it ends or its time is over.
async fn serve(stream: TcpStream, shelf: Arc<Shelf>, _place: OwnedSemaphorePermit) {
    let answer = service_fn(|request: Request<Incoming>| {
        let answer = answer(&request, &shelf);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_COMES_WITHIN)
        .max_buf_size(LARGEST_REQUEST_BYTES)
        // Who closes its side after the request still waits for the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    // What a client does wrong is answered where it can be, and is no news to anybody.
    if timeout(CONNECTION_LIVES, connection.as_mut())
        .await
        .is_err()
    {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(GRACE, connection).await;
    }
}

fn answer<B>(request: &Request<B>, shelf: &Shelf) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        return refusal(
            StatusCode::NOT_FOUND,
            "There is nothing here but /metrics.\n",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = refusal(StatusCode::METHOD_NOT_ALLOWED, "Ask with GET or HEAD.\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        refusal.headers_mut().insert(ALLOW, allowed);
        return refusal;
    }
    let accept = request.headers().get_all(ACCEPT).into_iter();
    let format = negotiation::format(accept.filter_map(|header| header.to_str().ok()));
    said(StatusCode::OK, format.content_type(), shelf.scrape(format))
}

fn refusal(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    said(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(why.as_bytes()),
    )
}

fn said(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
