//! Smallest possible load with the same library as `ws-bench throughput`: a task for each connection
//! that sends a message and waits for its echo, again and again. No latency is recorded, and no
//! answer is checked. The difference to `ws-bench throughput` is the cost of measuring.
//!
//! `WS_URL=… minimal_websocket --connections 100 --message-size 20 --duration 5s` prints
//! `operations=N seconds=S operations_per_s=R cpu_per_operation_ns=C`, where an operation is a
//! message with its echo.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_report::clock::process_cpu_ns;
use bytes::Bytes;
use clap::Parser;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

/// Size of the buffers of a connection, in bytes.
const BUFFER_BYTES: usize = 4_096;

#[derive(Clone, Parser)]
struct Flags {
    /// Number of connections
    #[arg(long, default_value = "100")]
    connections: usize,
    /// Size of a message, in bytes
    #[arg(long, default_value = "20")]
    message_size: usize,
    /// Number of threads [default: one less than the machine has cores]
    #[arg(long)]
    threads: Option<usize>,
    /// Duration of the load, such as 5s
    #[arg(long, value_parser = bench_cli::flags::duration, default_value = "5s")]
    duration: Duration,
    /// URL of the server
    #[arg(long, env = "WS_URL", hide_env_values = true)]
    url: Url,
}

fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = flags.threads.unwrap_or(cores - 1);
    let threads = threads.clamp(1, flags.connections.max(1));
    let stop = Arc::new(AtomicBool::new(false));
    let ready = Arc::new(std::sync::Barrier::new(threads + 1));
    let workers: Vec<_> = (0..threads)
        .map(|index| {
            let (flags, stop) = (flags.clone(), Arc::clone(&stop));
            let ready = Arc::clone(&ready);
            thread::spawn(move || worker(&flags, (index, threads), &stop, &ready))
        })
        .collect();
    ready.wait();
    let (cpu_ns, started) = (process_cpu_ns(), Instant::now());
    thread::sleep(flags.duration);
    stop.store(true, Ordering::Relaxed);
    let (seconds, cpu_ns) = (started.elapsed().as_secs_f64(), process_cpu_ns() - cpu_ns);
    let mut operations = 0;
    for worker in workers {
        operations += worker
            .join()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    bench_cli::output::print(&format!(
        "operations={operations} seconds={seconds} operations_per_s={:.0} cpu_per_operation_ns={:.0}\n",
        operations as f64 / seconds,
        cpu_ns as f64 / operations as f64,
    ))
}

/// Opens the share `(index, count)` of the connections, exchanges messages on them until `stop` is
/// set, and returns their number.
fn worker(
    flags: &Flags,
    (index, count): (usize, usize),
    stop: &Arc<AtomicBool>,
    ready: &std::sync::Barrier,
) -> anyhow::Result<u64> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut sockets = Vec::new();
        for _ in (index..flags.connections).step_by(count) {
            sockets.push(open(flags).await);
        }
        // The barrier is passed also after a failure, so that the others do not wait for ever.
        ready.wait();
        let message = Bytes::from(vec![b'x'; flags.message_size]);
        let mut tasks = JoinSet::new();
        for socket in sockets {
            tasks.spawn(repeat(socket?, message.clone(), Arc::clone(stop)));
        }
        let mut operations = 0;
        while let Some(done) = tasks.join_next().await {
            operations += done??;
        }
        anyhow::Ok(operations)
    })
}

async fn open(flags: &Flags) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let url = &flags.url;
    let host = url.host_str().context("the URL names no host")?;
    let port = url
        .port_or_known_default()
        .context("the URL names no port")?;
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES);
    let upgraded = client_async_with_config(url.as_str(), stream, Some(config)).await?;
    Ok(upgraded.0)
}

async fn repeat(
    mut socket: WebSocketStream<TcpStream>,
    message: Bytes,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<u64> {
    let mut operations = 0;
    while !stop.load(Ordering::Relaxed) {
        socket.send(Message::Binary(message.clone())).await?;
        socket.next().await.context("the connection ended")??;
        operations += 1;
    }
    Ok(operations)
}
