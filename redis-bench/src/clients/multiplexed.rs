//! A few connections that all requests share: commands of many users travel interleaved, nobody
//! waits for a free connection, and no round trip goes to checking one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use load_engine::{
    Failure, Outcome, Session, Target, TargetFactory, Timestamps, UserId, WorkerShare,
};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;

use super::patient::Patient;
use super::{CONNECT_PATIENCE, RESPONSE_PATIENCE, Task, Work, failed, outcome};
use crate::failure;

/// A failed attempt to connect stands for all that come within this time.
const RETRIED_AFTER: Duration = Duration::from_millis(100);

/// Makes the connections of each worker; their numbers add up to the one asked for.
#[derive(Debug)]
pub struct Multiplexed<W> {
    server: ConnectionInfo,
    connections: u64,
    work: Arc<W>,
}

impl<W: Work> Multiplexed<W> {
    /// `connections` connections to `server`.
    pub fn new(server: ConnectionInfo, connections: u64, work: W) -> Self {
        Self {
            server,
            connections,
            work: Arc::new(work),
        }
    }
}

impl<W: Work> TargetFactory for Multiplexed<W> {
    type Target = MultiplexedTarget<W>;

    fn operations(&self) -> &'static [&'static str] {
        self.work.operations()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        let mut lines = Vec::new();
        for _ in 0..worker.share_of(self.connections).max(1) {
            let line = Line::connect(self.server.clone()).await;
            lines.push(Arc::new(line.map_err(|error| failure::of_redis(&error))?));
        }
        Ok(MultiplexedTarget {
            lines,
            workers: worker.count,
            work: Arc::clone(&self.work),
        })
    }
}

/// A connection that is replaced when it breaks, once for all who share it.
#[derive(Debug)]
struct Line {
    server: ConnectionInfo,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    connection: MultiplexedConnection,
    /// Number of times that it was replaced.
    generation: u64,
    /// Time and reason of the last failure to replace it.
    refused: Option<(Instant, RedisError)>,
}

impl Line {
    async fn connect(server: ConnectionInfo) -> Result<Self, RedisError> {
        let connection = dial(&server).await?;
        let current = Mutex::new(Current {
            connection,
            generation: 0,
            refused: None,
        });
        Ok(Self { server, current })
    }

    /// The connection after the one of `generation`, made now unless somebody else has.
    async fn after(&self, generation: u64) -> Result<(MultiplexedConnection, u64), RedisError> {
        let mut current = self.current.lock().await;
        if current.generation == generation {
            if let Some((at, error)) = &current.refused
                && at.elapsed() < RETRIED_AFTER
            {
                return Err(error.clone());
            }
            match dial(&self.server).await {
                Ok(connection) => {
                    current.connection = connection;
                    current.generation += 1;
                    current.refused = None;
                }
                Err(error) => {
                    current.refused = Some((Instant::now(), error.clone()));
                    return Err(error);
                }
            }
        }
        Ok((current.connection.clone(), current.generation))
    }
}

async fn dial(server: &ConnectionInfo) -> Result<MultiplexedConnection, RedisError> {
    let dialled = async {
        match server.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                greet(server, stream).await
            }
            ConnectionAddr::Unix(path) => greet(server, UnixStream::connect(path).await?).await,
            _ => Err(RedisError::from((
                ErrorKind::InvalidClientConfig,
                "only plain connections can be shared",
            ))),
        }
    };
    tokio::time::timeout(CONNECT_PATIENCE, dialled)
        .await
        .unwrap_or_else(|late| Err(std::io::Error::from(late).into()))
}

/// Logs in on a new stream and lets the driver work on it until the last user is gone. Patience
/// belongs to the stream: when it ends, the request that waited longest is told of a time-out and
/// those behind it of a closed connection.
async fn greet<S>(server: &ConnectionInfo, stream: S) -> Result<MultiplexedConnection, RedisError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Patient::new(stream, RESPONSE_PATIENCE);
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let settings = server.redis_settings();
    let (connection, driver) =
        MultiplexedConnection::new_with_config(settings, stream, config).await?;
    tokio::spawn(driver);
    Ok(connection)
}

/// One worker's connections.
#[derive(Debug)]
pub struct MultiplexedTarget<W> {
    lines: Vec<Arc<Line>>,
    workers: u64,
    work: Arc<W>,
}

impl<W: Work> Target for MultiplexedTarget<W> {
    type Session = MultiplexedSession<W::Task>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        // Users are dealt to workers in turn, so that those of one worker lie `workers` apart.
        let index = (user.0 / self.workers) as usize % self.lines.len();
        let line = Arc::clone(&self.lines[index]);
        let (connection, generation) = {
            let current = line.current.lock().await;
            (current.connection.clone(), current.generation)
        };
        Ok(MultiplexedSession {
            line,
            connection,
            generation,
            broken: false,
            task: self.work.task(user),
        })
    }
}

/// One user of a shared connection.
#[derive(Debug)]
pub struct MultiplexedSession<T> {
    line: Arc<Line>,
    connection: MultiplexedConnection,
    generation: u64,
    broken: bool,
    task: T,
}

impl<T: Task> MultiplexedSession<T> {
    async fn mend(&mut self) -> Result<(), RedisError> {
        let (connection, generation) = self.line.after(self.generation).await?;
        self.connection = connection;
        self.generation = generation;
        self.broken = false;
        Ok(())
    }
}

impl<T: Task> Session for MultiplexedSession<T> {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.task.draw();
        timestamps.operation(operation);
        if self.broken
            && let Err(error) = self.mend().await
        {
            return failed(operation, failure::of_redis(&error), true, timestamps).await;
        }
        let done = self.task.perform(&mut self.connection, timestamps).await;
        if let Err(error) = &done.result {
            self.broken = failure::breaks_connection(error);
        }
        outcome(done, timestamps).await
    }
}
