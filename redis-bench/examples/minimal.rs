//! Smallest possible load with the same Redis client: tasks that share a connection send SET with
//! three bytes, each to a key of its own. No latency is recorded. The difference to `redis-bench
//! pool --client multiplexed --workload set` is the cost of measuring.
//!
//! `REDIS_URL=… minimal --users 50 --duration 5s` prints `operations=N seconds=S operations_per_s=R
//! cpu_per_operation_ns=C`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_report::clock::process_cpu_ns;
use bench_report::redaction;
use clap::Parser;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo as _};

/// Longest wait for an answer, the same as in `redis-bench`.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Flags {
    /// Number of tasks that share the connection
    #[arg(long, default_value = "50")]
    users: usize,
    /// Duration of the load, such as 5s
    #[arg(long, value_parser = bench_cli::flags::duration, default_value = "5s")]
    duration: Duration,
    /// URL of the Redis server
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    url: String,
}

fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    // One thread, as redis-bench uses for one connection with a runtime for each core.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let cpu_ns = process_cpu_ns();
    let (operations, took) = runtime.block_on(load(&flags))?;
    let cpu_ns = process_cpu_ns() - cpu_ns;
    let (count, seconds) = (operations as f64, took.as_secs_f64());
    bench_cli::output::print(&format!(
        "operations={operations} seconds={seconds} operations_per_s={:.0} cpu_per_operation_ns={:.0}\n",
        count / seconds,
        cpu_ns as f64 / count,
    ))
}

async fn load(flags: &Flags) -> anyhow::Result<(u64, Duration)> {
    let key = format!("plimsoll:minimal-{}", std::process::id());
    // Applications usually have a time-out for each request.
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE_TIMEOUT));
    let settings = TcpSettings::default().set_nodelay(true);
    let server = flags
        .url
        .as_str()
        .into_connection_info()?
        .set_tcp_settings(settings);
    let mut connection = Client::open(server)?
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .with_context(|| format!("cannot connect to {}", redaction::url(&flags.url)))?;
    let keys: Vec<String> = (0..flags.users).map(|n| format!("{key}:{n}")).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let tasks: Vec<_> = keys
        .iter()
        .map(|key| {
            let mut set = redis::cmd("SET");
            set.arg(key).arg("abc");
            tokio::spawn(repeat(connection.clone(), set, Arc::clone(&stop)))
        })
        .collect();
    tokio::time::sleep(flags.duration).await;
    stop.store(true, Ordering::Relaxed);
    let mut operations = 0;
    for task in tasks {
        operations += task.await??;
    }
    let took = started.elapsed();
    redis::cmd("DEL")
        .arg(&keys)
        .exec_async(&mut connection)
        .await?;
    Ok((operations, took))
}

async fn repeat(
    mut connection: MultiplexedConnection,
    command: Cmd,
    stop: Arc<AtomicBool>,
) -> redis::RedisResult<u64> {
    let mut operations = 0;
    while !stop.load(Ordering::Relaxed) {
        connection
            .send_packed_command(&command)
            .await?
            .extract_error()?;
        operations += 1;
    }
    Ok(operations)
}
