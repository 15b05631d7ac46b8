//! Proxy before a real server that serves exactly `count` requests at once, each for a known time,
//! however many connections send requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use testbed::Postgres;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Suffixes of the application names of the bench's own connections, which observe and prepare.
/// Their requests take no place.
const NOT_LOAD: [&[u8]; 2] = [b".watch", b".control"];
/// Bytes of the message with which a client requests TLS before it logs in.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// First byte of a request of the load: type of the message that binds a prepared statement.
const BIND: u8 = b'B';
/// Beginning of the last message of an answer, `ReadyForQuery`: its type and its length. One byte
/// with the transaction state follows.
const READY: [u8; 5] = [b'Z', 0, 0, 0, 5];

/// Running proxy with a limited number of places; it ends when this value is dropped.
pub(crate) struct Places {
    pub(crate) url: String,
    _runtime: Runtime,
}

impl Places {
    /// Starts a proxy with `count` places before `server`. Each request occupies a place for about
    /// `service`.
    ///
    /// The answer is sent after half of that time. For the other half the connection and the place
    /// stay busy, and the connection's next request arrives. As many connections as places thus
    /// keep every place busy, however long answers and requests are on their way. If a place were
    /// free as soon as the answer is sent, it would be idle for that long, and more than `count`
    /// connections would serve more.
    pub(crate) fn before(server: &Postgres, count: usize, service: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let target: SocketAddr = format!("127.0.0.1:{}", server.port()).parse().unwrap();
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let places = Arc::new(Semaphore::new(count));
        let begun = Arc::new(AtomicU64::new(0));
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (places, begun) = (Arc::clone(&places), Arc::clone(&begun));
                let takes = move || uneven(service, begun.fetch_add(1, Ordering::Relaxed));
                // The bench itself notices a connection that breaks.
                tokio::spawn(async move { carry(client, target, &places, takes).await.ok() });
            }
        });
        let url = server
            .url()
            .replace(&format!(":{}/", server.port()), &format!(":{port}/"));
        Self {
            url,
            _runtime: runtime,
        }
    }
}

/// Returns the service time of the request with the number `n`. It differs from `service` by up to
/// a tenth, and equals it on average. If all places became free at once, they would serve in step
/// for ever, and a step would count a whole round more or less.
fn uneven(service: Duration, n: u64) -> Duration {
    let golden_ratio = 0.618_033_988_749_895;
    service.mul_f64(0.9 + 0.2 * (n as f64 * golden_ratio).fract())
}

async fn carry(
    mut client: TcpStream,
    target: SocketAddr,
    places: &Semaphore,
    takes: impl Fn() -> Duration,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut asked, mut told) = (vec![0; 16_384], vec![0; 16_384]);
    let mut is_load = None;
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let request = &asked[..length?];
                if request.is_empty() {
                    return Ok(());
                }
                let holds = |part: &[u8]| request.windows(part.len()).any(|w| w == part);
                if is_load.is_none() && request != SSL_REQUEST {
                    is_load = Some(!NOT_LOAD.into_iter().any(holds));
                }
                if is_load == Some(true) && request[0] == BIND {
                    let place = places.acquire().await.map_err(std::io::Error::other)?;
                    let half = takes() / 2;
                    let begun = Instant::now();
                    tokio::time::sleep_until(begun + half).await;
                    server.write_all(request).await?;
                    client.write_all(&answer(&mut server).await?).await?;
                    tokio::time::sleep_until(begun + 2 * half).await;
                    drop(place);
                } else {
                    server.write_all(request).await?;
                }
            }
            length = server.read(&mut told) => {
                let length = length?;
                if length == 0 {
                    return Ok(());
                }
                client.write_all(&told[..length]).await?;
            }
        }
    }
}

/// Reads everything that the server sends up to the end of `ReadyForQuery` or of the stream, and
/// returns it.
///
/// # Errors
/// Fails with the error of the socket.
async fn answer(server: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let (mut answer, mut told) = (Vec::new(), vec![0; 16_384]);
    loop {
        let length = server.read(&mut told).await?;
        answer.extend_from_slice(&told[..length]);
        let end = answer.len().saturating_sub(READY.len() + 1);
        if length == 0 || answer[end..].starts_with(&READY) {
            return Ok(answer);
        }
    }
}
