//! Client whose users share a few connections, on which their commands are interleaved. No user
//! waits for a free connection, and no round trip is spent on checking one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bench_report::names::FigureName;
use load_engine::{
    ArrivalInstants, Failure, OperationTable, Outcome, Session, Target, TargetFactory, Timestamps,
    UserId, WorkerShare,
};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;

use super::connection_counts::ConnectionCounts;
use super::timeout_stream::TimeoutStream;
use super::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT, Task, Work, failed, outcome};
use crate::server::address::RedisAddress;
use crate::server::failure;

/// Time after a failed attempt to connect in which no further attempt is made; users that need the
/// connection get the same error.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Number of no connection: the current one broke, and has no replacement yet.
const BROKEN: u64 = u64::MAX;

/// Factory that opens each worker's share of the shared connections.
#[derive(Debug)]
pub(crate) struct Multiplexed<W> {
    server: RedisAddress,
    connections: u64,
    work: Arc<W>,
}

impl<W: Work> Multiplexed<W> {
    /// Creates a factory for `connections` connections to `server`, which are divided among all
    /// workers. Each worker opens at least one.
    pub(super) fn new(server: RedisAddress, connections: u64, work: W) -> Self {
        Self {
            server,
            connections,
            work: Arc::new(work),
        }
    }
}

impl<W: Work> TargetFactory for Multiplexed<W> {
    type Target = MultiplexedTarget<W>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        let mut connections = Vec::new();
        let counts = Arc::<ConnectionCounts>::default();
        for _ in 0..worker.share_of(self.connections).max(1) {
            let shared = SharedConnection::connect(self.server.clone(), Arc::clone(&counts)).await;
            connections.push(Arc::new(
                shared.map_err(|error| failure::from_redis(&error))?,
            ));
        }
        Ok(MultiplexedTarget {
            connections,
            counts,
            workers: worker.count,
            work: Arc::clone(&self.work),
        })
    }
}

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
        let connection = counts.attempted(open_connection(&server).await)?;
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
        })
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
            match self.counts.attempted(open_connection(&self.server).await) {
                Ok(connection) => {
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

/// Opens a connection to `server` with the time-outs of all clients. If Sentinels name the server, asks
/// them for it.
///
/// # Errors
/// Fails with the error of the attempt to connect; after 5 s with a time-out.
pub(crate) async fn open_connection(
    address: &RedisAddress,
) -> Result<MultiplexedConnection, RedisError> {
    let opened = async {
        let Some(primary) = address.named_primary().await? else {
            return open_stream(address).await;
        };
        let mut connection = open_stream(&primary).await?;
        primary.check_primary(&mut connection).await?;
        Ok(connection)
    };
    tokio::time::timeout(CONNECT_TIMEOUT, opened)
        .await
        .unwrap_or_else(|late| Err(std::io::Error::from(late).into()))
}

async fn open_stream(address: &RedisAddress) -> Result<MultiplexedConnection, RedisError> {
    let server = address.info();
    match (server.addr(), address.tls()) {
        (ConnectionAddr::Tcp(host, port), _) => {
            log_in(server, tcp_stream(host, *port).await?).await
        }
        (ConnectionAddr::TcpTls { host, port, .. }, Some(tls)) => {
            let stream = tcp_stream(host, *port).await?;
            log_in(server, tls.handshake(host, stream).await?).await
        }
        (ConnectionAddr::Unix(path), _) => log_in(server, UnixStream::connect(path).await?).await,
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
async fn log_in<S>(server: &ConnectionInfo, stream: S) -> Result<MultiplexedConnection, RedisError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TimeoutStream::new(stream, RESPONSE_TIMEOUT);
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let settings = server.redis_settings();
    let (connection, driver) =
        MultiplexedConnection::new_with_config(settings, stream, config).await?;
    tokio::spawn(driver);
    Ok(connection)
}

/// Shared connections of one worker, among which its users are divided.
#[derive(Debug)]
pub(crate) struct MultiplexedTarget<W> {
    connections: Vec<Arc<SharedConnection>>,
    counts: Arc<ConnectionCounts>,
    workers: u64,
    work: Arc<W>,
}

impl<W: Work> Target for MultiplexedTarget<W> {
    type Session = MultiplexedSession<W::Task>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        // Users are assigned to workers in turn, so the numbers of one worker's users differ by `workers`.
        let index = (user.0 / self.workers) as usize % self.connections.len();
        let shared = Arc::clone(&self.connections[index]);
        Ok(MultiplexedSession::new(shared, self.work.task(user)).await)
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        self.work.arrivals()
    }

    fn tallies(&self) -> Vec<(FigureName, u64)> {
        self.counts.tallies()
    }
}

/// One user of a shared connection, with the user's requests.
#[derive(Debug)]
pub(crate) struct MultiplexedSession<T> {
    shared: Arc<SharedConnection>,
    connection: MultiplexedConnection,
    generation: u64,
    task: T,
}

impl<T: Task> MultiplexedSession<T> {
    /// Creates a user of the connection `shared` with the requests of `task`.
    pub(super) async fn new(shared: Arc<SharedConnection>, task: T) -> Self {
        let (connection, generation) = {
            let current = shared.current.lock().await;
            (current.connection.clone(), current.generation)
        };
        Self {
            shared,
            connection,
            generation,
            task,
        }
    }

    async fn reconnect(&mut self) -> Result<(), RedisError> {
        let (connection, generation) = self.shared.replacement(self.generation).await?;
        self.connection = connection;
        self.generation = generation;
        Ok(())
    }
}

impl<T: Task> Session for MultiplexedSession<T> {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.task.draw();
        timestamps.operation(operation);
        if self.shared.working.load(Ordering::Relaxed) != self.generation
            && let Err(error) = self.reconnect().await
        {
            return failed(operation, failure::from_redis(&error), true, timestamps).await;
        }
        let done = self.task.perform(&mut self.connection, timestamps).await;
        if let Err(error) = &done.result {
            // With Sentinels, a server that has become a replica is left for the one that they name.
            let is_over = error.is_read_only() && self.shared.server.has_sentinels();
            if error.breaks_connection() || is_over {
                self.shared.broke(self.generation);
            }
        }
        outcome(done, timestamps).await
    }

    fn between_requests(&mut self) -> Option<Duration> {
        self.task.between_requests()
    }
}
