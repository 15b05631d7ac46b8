//! Connection that several users share, and that the first of them replaces when it breaks.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline,
    ProtocolVersion, PushInfo, RedisError, RedisResult, Value,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;

use super::connection_counts::ConnectionCounts;
use super::timeout_stream::TimeoutStream;
use super::{CONNECT_TIMEOUT, ClientCache, RESPONSE_TIMEOUT, RedisConnection};
use crate::server::address::RedisAddress;

/// Time after a failed attempt to connect in which no further attempt is made; users that need the
/// connection get the same error.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Number of no connection: the current one broke, and has no replacement yet.
const BROKEN: u64 = u64::MAX;

/// Connection that several users share. When it breaks, the first of them opens a replacement for
/// all.
#[derive(Debug)]
pub(super) struct SharedConnection {
    server: RedisAddress,
    current: Mutex<CurrentConnection>,
    /// Number of the connection that works, as far as it is known; [`BROKEN`] once a user found that it
    /// does not. Every user looks here, so that no other one has to find it out by a failure.
    working: AtomicU64,
    counts: Arc<ConnectionCounts>,
    /// Values that the server keeps valid; `None` without such a cache.
    cache: Option<Arc<ClientCache>>,
}

#[derive(Debug)]
struct CurrentConnection {
    connection: MultiplexedConnection,
    /// Number of times that the connection was replaced so far.
    generation: u64,
    /// Instant and reason of the last failed attempt to replace the connection; `None` after a
    /// success or without an attempt.
    last_error: Option<(Instant, RedisError)>,
}

impl SharedConnection {
    /// Opens a connection to `server`, and counts it in `counts`.
    ///
    /// # Errors
    /// Fails with the error of the attempt to connect.
    pub(super) async fn connect(
        server: RedisAddress,
        counts: Arc<ConnectionCounts>,
    ) -> Result<Self, RedisError> {
        Self::with_cache(server, counts, None).await
    }

    /// Opens a connection to `server` as [`Self::connect`] does, which keeps values in `cache` if it is
    /// given.
    ///
    /// # Errors
    /// Fails with the error of the attempt to connect, or of the server if it does not track keys.
    pub(super) async fn with_cache(
        server: RedisAddress,
        counts: Arc<ConnectionCounts>,
        cache: Option<Arc<ClientCache>>,
    ) -> Result<Self, RedisError> {
        let connection = counts.attempted(open(&server, cache.as_ref()).await)?;
        let current = Mutex::new(CurrentConnection {
            connection,
            generation: 0,
            last_error: None,
        });
        Ok(Self {
            server,
            current,
            working: AtomicU64::new(0),
            counts,
            cache,
        })
    }

    /// Returns the cache of the connection; `None` if it has none.
    pub(super) fn client_cache(&self) -> Option<&ClientCache> {
        self.cache.as_deref()
    }

    /// Notes that the connection with number `generation` broke.
    fn broke(&self, generation: u64) {
        // Fails if it was replaced meanwhile.
        let _ =
            self.working
                .compare_exchange(generation, BROKEN, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Returns the connection that replaces the one with number `generation`, and its own number.
    /// Opens it, unless another user has already done so.
    ///
    /// # Errors
    /// Fails with the error of the attempt to connect, or with the same error again within 100 ms
    /// of it.
    async fn replacement(
        &self,
        generation: u64,
    ) -> Result<(MultiplexedConnection, u64), RedisError> {
        let mut current = self.current.lock().await;
        if current.generation == generation {
            if let Some((at, error)) = &current.last_error
                && at.elapsed() < RETRY_INTERVAL
            {
                return Err(error.clone());
            }
            if current.last_error.is_none() {
                // The first user that needs a replacement counts the loss for all.
                self.counts.lost();
            }
            let opened = open(&self.server, self.cache.as_ref()).await;
            match self.counts.attempted(opened) {
                Ok(connection) => {
                    if let Some(cache) = &self.cache {
                        // Nobody told the new connection of the keys that the old one read.
                        cache.clear();
                    }
                    current.connection = connection;
                    current.generation += 1;
                    self.working.store(current.generation, Ordering::Relaxed);
                    current.last_error = None;
                }
                Err(error) => {
                    current.last_error = Some((Instant::now(), error.clone()));
                    return Err(error);
                }
            }
        }
        Ok((current.connection.clone(), current.generation))
    }
}

/// One user's access to a shared connection.
#[derive(Debug, Clone)]
pub(super) struct SharedLink {
    shared: Arc<SharedConnection>,
    connection: MultiplexedConnection,
    generation: u64,
}

impl SharedLink {
    /// Creates the access of one user to `shared`.
    pub(super) async fn new(shared: Arc<SharedConnection>) -> Self {
        let (connection, generation) = {
            let current = shared.current.lock().await;
            (current.connection.clone(), current.generation)
        };
        Self {
            shared,
            connection,
            generation,
        }
    }

    /// Returns true if Sentinels name the server.
    pub(super) fn has_sentinels(&self) -> bool {
        self.shared.server.has_sentinels()
    }

    /// Notes for all users that the connection cannot be used any more.
    pub(super) fn broke(&self) {
        self.shared.broke(self.generation);
    }

    /// Returns the connection, or the one that replaces it if it is broken.
    ///
    /// # Errors
    /// Fails with the error of the attempt to connect.
    pub(super) async fn connection(&mut self) -> Result<&mut MultiplexedConnection, RedisError> {
        if self.shared.working.load(Ordering::Relaxed) != self.generation {
            (self.connection, self.generation) = self.shared.replacement(self.generation).await?;
        }
        Ok(&mut self.connection)
    }
}

impl RedisConnection for SharedLink {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.connection.command(command).await
    }

    fn client_cache(&self) -> Option<&ClientCache> {
        self.shared.client_cache()
    }

    async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        self.connection.pipeline(pipeline).await
    }
}

/// Opens a connection to `server` with the time-outs of all clients. If Sentinels name the server, asks
/// them for it.
///
/// # Errors
/// Fails with the error of the attempt to connect; after 5 s with a time-out.
pub(crate) async fn open_connection(
    address: &RedisAddress,
) -> Result<MultiplexedConnection, RedisError> {
    open(address, None).await
}

/// Opens a connection as [`open_connection`] does, whose server keeps the values of `cache` valid if it
/// is given.
async fn open(
    address: &RedisAddress,
    cache: Option<&Arc<ClientCache>>,
) -> Result<MultiplexedConnection, RedisError> {
    let opened = async {
        let Some(primary) = address.named_primary().await? else {
            return open_stream(address, cache).await;
        };
        let mut connection = open_stream(&primary, cache).await?;
        primary.check_primary(&mut connection).await?;
        Ok(connection)
    };
    tokio::time::timeout(CONNECT_TIMEOUT, opened)
        .await
        .unwrap_or_else(|late| Err(std::io::Error::from(late).into()))
}

async fn open_stream(
    address: &RedisAddress,
    cache: Option<&Arc<ClientCache>>,
) -> Result<MultiplexedConnection, RedisError> {
    let server = address.info();
    match (server.addr(), address.tls()) {
        (ConnectionAddr::Tcp(host, port), _) => {
            log_in(server, tcp_stream(host, *port).await?, cache).await
        }
        (ConnectionAddr::TcpTls { host, port, .. }, Some(tls)) => {
            let stream = tcp_stream(host, *port).await?;
            log_in(server, tls.handshake(host, stream).await?, cache).await
        }
        (ConnectionAddr::Unix(path), _) => {
            log_in(server, UnixStream::connect(path).await?, cache).await
        }
        _ => Err(RedisError::from((
            ErrorKind::InvalidClientConfig,
            "connections of this kind cannot be shared",
        ))),
    }
}

async fn tcp_stream(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Logs in on a new stream and starts the driver's task, which runs until the last user drops the
/// connection. The stream has the time-out for answers. When it expires, the request that waited
/// longest fails with a time-out, and those behind it with a closed connection.
///
/// # Errors
/// Fails with the error of the server or the stream.
async fn log_in<S>(
    server: &ConnectionInfo,
    stream: S,
    cache: Option<&Arc<ClientCache>>,
) -> Result<MultiplexedConnection, RedisError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TimeoutStream::new(stream, RESPONSE_TIMEOUT);
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let settings = server.redis_settings();
    let Some(cache) = cache.map(Arc::clone) else {
        let (connection, driver) =
            MultiplexedConnection::new_with_config(settings, stream, config).await?;
        tokio::spawn(driver);
        return Ok(connection);
    };
    // Only RESP3 has messages of the server between its answers.
    let settings = settings.clone().set_protocol(ProtocolVersion::RESP3);
    let config = config.set_push_sender(move |push: PushInfo| {
        cache.note(&push);
        Ok::<(), Infallible>(())
    });
    let (mut connection, driver) =
        MultiplexedConnection::new_with_config(&settings, stream, config).await?;
    tokio::spawn(driver);
    let tracking = redis::cmd("CLIENT").arg("TRACKING").arg("ON").to_owned();
    connection.command(&tracking).await?;
    Ok(connection)
}
