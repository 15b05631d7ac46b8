//! TCP proxy that simulates a slow, stalled or broken network.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::TestbedError;
use crate::link_rate::LinkRate;

const CHUNK_BYTES: usize = 64 * 1024;
/// Largest number of bytes in flight in one direction of a connection, 64 MiB: enough for a
/// gigabyte per second at a delay of 64 ms.
const ON_THE_WAY_BYTES: usize = 64 * 1024 * 1024;

/// Faults that the proxy applies to connections. The default is no fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Time by which every byte is delayed, in each direction, rounded up to whole milliseconds.
    /// Later bytes are read meanwhile, so a delay does not limit throughput.
    pub delay: Duration,
    /// True to accept new connections and reset them at once; existing ones continue.
    pub refuse: bool,
    /// True to forward nothing on existing connections, and to keep new ones waiting before the
    /// target, until this is false again.
    pub stall: bool,
    /// Number of bytes, in both directions of one connection together, after which that connection
    /// is reset; `None` for no limit.
    pub cut_after_bytes: Option<u64>,
    /// Throughput of the network in bytes per second, in each direction, which all connections
    /// share; `None` for no limit. Bytes that have to wait are read meanwhile.
    pub bytes_per_s: Option<NonZeroU64>,
}

/// TCP proxy on a free port of 127.0.0.1, which runs on a thread of its own. Dropping the value
/// ends the proxy and its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    faults: watch::Sender<Faults>,
    round_trips: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy that forwards connections to `target`, with these faults until [`Proxy::set`]
    /// changes them.
    ///
    /// # Errors
    /// Fails with [`TestbedError::Io`] if there is no free port, or no thread can be created. An
    /// unreachable target is no error: the proxy then resets each connection.
    pub fn start(target: SocketAddr, faults: Faults) -> Result<Self, TestbedError> {
        let (sender, receiver) = watch::channel(faults);
        let (stop, stopped) = oneshot::channel();
        let round_trips = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&round_trips);
        let failed = |source| TestbedError::Io {
            action: "start a proxy for",
            path: target.to_string().into(),
            source,
        };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    outcome = serve(listener, target, receiver, counted) => {
                        if let Err(error) = outcome {
                            tracing::warn!(%error, %address, "the proxy has ended");
                        }
                    }
                    _ = stopped => {}
                }
            });
        };
        let thread = thread::Builder::new()
            .name("testbed-proxy".into())
            .spawn(work)
            .map_err(failed)?;
        Ok(Self {
            address,
            faults: sender,
            round_trips,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the address of the proxy, to which clients connect instead of the target's.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of round trips since the start, summed over all connections: how often a
    /// client sent data first, or after data of the server. This works for any protocol, even an
    /// encrypted one. A client that sends several requests without waiting for answers makes a
    /// single round trip.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Replaces the faults of all connections, existing and new. Bytes already in flight keep the
    /// delay with which they were read, and up to 5 ms of them per connection the throughput.
    pub fn set(&self, faults: Faults) {
        self.faults.send_replace(faults);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    target: SocketAddr,
    faults: watch::Receiver<Faults>,
    round_trips: Arc<AtomicU64>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let links = Arc::new(Links {
        to_server: LinkRate::new(),
        to_client: LinkRate::new(),
    });
    loop {
        let (client, _) = listener.accept().await?;
        let turns = Turns::new(Arc::clone(&round_trips));
        let links = Arc::clone(&links);
        tokio::spawn(carry(client, target, faults.clone(), turns, links));
    }
}

/// Both directions of the network, which all connections share.
struct Links {
    to_server: LinkRate,
    to_client: LinkRate,
}

/// Side of one connection that may begin a round trip: `clients` is true if the next data of the
/// client counts as a new one.
struct Turns {
    clients: AtomicBool,
    round_trips: Arc<AtomicU64>,
}

impl Turns {
    fn new(round_trips: Arc<AtomicU64>) -> Self {
        Self {
            clients: AtomicBool::new(true),
            round_trips,
        }
    }

    fn client_spoke(&self) {
        if self.clients.swap(false, Ordering::Relaxed) {
            self.round_trips.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn server_spoke(&self) {
        self.clients.store(true, Ordering::Relaxed);
    }
}

/// Forwards one connection in both directions until both are closed. Resets both ends if either
/// breaks or the limit of bytes is reached.
async fn carry(
    mut client: TcpStream,
    target: SocketAddr,
    mut faults: watch::Receiver<Faults>,
    turns: Turns,
    links: Arc<Links>,
) {
    let refuse = faults.borrow().refuse;
    if refuse || flowing(&mut faults).await.is_err() {
        return reset(&client);
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        return reset(&client);
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let forwarded = AtomicU64::new(0);
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let there = Delivery {
        link: &links.to_server,
        forwarded: &forwarded,
        faults: faults.clone(),
    };
    let back = Delivery {
        link: &links.to_client,
        ..there.clone()
    };
    let outcome = tokio::try_join!(
        forward(from_client, to_server, there, || turns.client_spoke()),
        forward(from_server, to_client, back, || turns.server_spoke()),
    );
    if outcome.is_err() {
        reset(&client);
        reset(&server);
    }
}

/// Makes closing the connection reset it, so that the peer sees a broken connection, not an orderly
/// end.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// Bytes in flight, the instant at which they are to be delivered, and their share of the buffer of
/// one direction, which dropping the chunk frees.
struct Chunk {
    bytes: Vec<u8>,
    due: Instant,
    _room: OwnedSemaphorePermit,
}

/// Conditions under which one direction of a connection delivers its bytes.
#[derive(Clone)]
struct Delivery<'a> {
    link: &'a LinkRate,
    /// Number of delivered bytes, in both directions of the connection.
    forwarded: &'a AtomicU64,
    faults: watch::Receiver<Faults>,
}

/// Forwards one direction of a connection until its sender closes it; calls `spoken` whenever data
/// is read. Fails if the connection breaks or reaches the limit of bytes.
async fn forward(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    delivery: Delivery<'_>,
    spoken: impl Fn(),
) -> io::Result<()> {
    let (way, arrivals) = mpsc::unbounded_channel();
    tokio::try_join!(
        collect(from, way, delivery.faults.clone(), spoken),
        delivery.deliver(arrivals, to)
    )?;
    Ok(())
}

async fn collect(
    mut from: ReadHalf<'_>,
    way: mpsc::UnboundedSender<Chunk>,
    faults: watch::Receiver<Faults>,
    spoken: impl Fn(),
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(ON_THE_WAY_BYTES));
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        spoken();
        let due = Instant::now() + faults.borrow().delay;
        let taken = room.clone().acquire_many_owned(length as u32).await;
        let room = taken.map_err(io::Error::other)?;
        let chunk = Chunk {
            bytes: buffer[..length].to_vec(),
            due,
            _room: room,
        };
        way.send(chunk).map_err(|_| io::ErrorKind::BrokenPipe)?;
    }
}

impl Delivery<'_> {
    async fn deliver(
        mut self,
        mut arrivals: mpsc::UnboundedReceiver<Chunk>,
        mut to: WriteHalf<'_>,
    ) -> io::Result<()> {
        while let Some(chunk) = arrivals.recv().await {
            if chunk.due > Instant::now() {
                sleep_until(chunk.due).await;
            }
            let mut rest = chunk.bytes.as_slice();
            while !rest.is_empty() {
                let rate = self.faults.borrow().bytes_per_s;
                let (piece, later) = rest.split_at(rest.len().min(LinkRate::turn_bytes(rate)));
                self.link.pass(piece.len(), rate).await;
                flowing(&mut self.faults).await?;
                self.write(piece, &mut to).await?;
                rest = later;
            }
        }
        to.shutdown().await
    }

    /// Writes `piece` as far as the connection's limit of bytes allows. Fails if that is reached.
    async fn write(&self, piece: &[u8], to: &mut WriteHalf<'_>) -> io::Result<()> {
        let limit = self.faults.borrow().cut_after_bytes.unwrap_or(u64::MAX);
        let length = piece.len() as u64;
        let before = self.forwarded.fetch_add(length, Ordering::Relaxed);
        let allowed = limit.saturating_sub(before).min(length);
        to.write_all(&piece[..allowed as usize]).await?;
        if before.saturating_add(length) >= limit {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

/// Waits until faults no longer stall the connection. Fails if the proxy has ended.
async fn flowing(faults: &mut watch::Receiver<Faults>) -> io::Result<()> {
    let waited = faults.wait_for(|faults| !faults.stall).await;
    waited
        .map(drop)
        .map_err(|_| io::ErrorKind::ConnectionAborted.into())
}
