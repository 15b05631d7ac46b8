//! HTTP/1 server of the page of metrics, on a thread of its own.
//!
//! Clients may be slow or hostile, so everything is limited: the number of connections at once (the
//! kernel queues further ones), the time and size of a request, and the life of a connection. hyper
//! parses requests and limits their time and size; smaller libraries with a thread for each
//! connection do neither.

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
use super::page_store::PageStore;

/// Path in the URL of the page of metrics.
pub(crate) const PATH: &str = "/metrics";

const MOST_CONNECTIONS: usize = 128;
/// Time-out for a request header, counted from the start of the connection or from the last
/// response.
const REQUEST_COMES_WITHIN: Duration = Duration::from_secs(5);
/// Longest life of a connection, so that a client that does not read its response cannot occupy it
/// for ever.
const CONNECTION_LIVES: Duration = Duration::from_mins(1);
/// Additional time, after the connection's longest life, for a response that is being sent.
const GRACE: Duration = Duration::from_secs(5);
const LARGEST_REQUEST_BYTES: usize = 16 * 1024;
/// Pause after accepting a connection failed. Without a free file descriptor, an immediate retry
/// would keep a core busy.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Handle of the running server. Dropping it does not wait for the thread; use
/// [`PageServer::stop`].
#[derive(Debug)]
pub(crate) struct PageServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl PageServer {
    /// Starts a thread that serves the newest page in `pages` to clients of `listener`.
    ///
    /// # Errors
    /// Fails if the operating system has no thread or file descriptor left.
    pub(crate) fn start(listener: TcpListener, pages: Arc<PageStore>) -> io::Result<Self> {
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
                        () = accept(listener, pages) => {}
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

    /// Returns the address and port that the server listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns true while the server thread is running. Only a bug ends it before
    /// [`PageServer::stop`].
    pub(crate) fn serves(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Closes every connection, frees the port, and waits until the thread has ended.
    pub(crate) fn stop(self) {
        // Both fail only if the thread has already ended.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

async fn accept(listener: tokio::net::TcpListener, pages: Arc<PageStore>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // Acquiring fails only if the semaphore is closed, which never happens.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&pages), place));
            }
            Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
        }
    }
}

/// Serves one connection until it ends or its longest life is over. Errors of the client are not
/// reported.
async fn serve(stream: TcpStream, pages: Arc<PageStore>, _place: OwnedSemaphorePermit) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(&request, &pages);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_COMES_WITHIN)
        .max_buf_size(LARGEST_REQUEST_BYTES)
        // A client that closes its sending side after the request still waits for the response.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // A client's errors are answered if possible, and are not reported.
    if timeout(CONNECTION_LIVES, connection.as_mut())
        .await
        .is_err()
    {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(GRACE, connection).await;
    }
}

fn respond<B>(request: &Request<B>, pages: &PageStore) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        return error_response(
            StatusCode::NOT_FOUND,
            "There is nothing here but /metrics.\n",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = error_response(StatusCode::METHOD_NOT_ALLOWED, "Ask with GET or HEAD.\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        refusal.headers_mut().insert(ALLOW, allowed);
        return refusal;
    }
    let accept = request.headers().get_all(ACCEPT).into_iter();
    let format = negotiation::format(accept.filter_map(|header| header.to_str().ok()));
    response(StatusCode::OK, format.content_type(), pages.scrape(format))
}

fn error_response(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    response(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(why.as_bytes()),
    )
}

fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
