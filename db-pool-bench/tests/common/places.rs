//! A server with k places: before a real one stands a proxy that lets k requests be served at
//! once, each for a time that is known, however many connections ask.

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

/// The bench's own connections beside its load: they watch and prepare, and take no place.
const NOT_LOAD: [&[u8]; 2] = [b".watch", b".control"];
/// A connection may ask for TLS before it says who it is.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// A request begins by binding a prepared statement.
const BIND: u8 = b'B';
/// Its answer ends with `ReadyForQuery`: a type, the length, and the state.
const READY: [u8; 5] = [b'Z', 0, 0, 0, 5];

/// The proxy; it ends with this value.
pub(crate) struct Places {
    pub(crate) url: String,
    _runtime: Runtime,
}

impl Places {
    /// `count` places before `server`, each taken for about `service` by one request.
    ///
    /// A request has its answer after half of that. For the other half its connection is busy
    /// still, and so is its place: the next request on this connection comes meanwhile, and as many
    /// connections as places keep every place busy, however long an answer and the next request
    /// take on their way. Were a place free with the answer, it would stand idle for that long, and
    /// connections beyond `count` would be worth something.
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
                // A connection that breaks off is the bench's to notice.
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

/// Within a tenth of `service`, and that on average: places that all came free at once would serve
/// in step for ever, and a step would count a whole round more or less.
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

/// All that the server says until it is ready for the next request.
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
