//! Smallest possible load with the same libraries as `redis-bench pool`: tasks that send one command
//! or a pipeline of it again and again, each to keys of its own. No latency is recorded. The
//! difference to `redis-bench pool` with the same client is the cost of measuring.
//!
//! `REDIS_URL=… minimal --client pooled --command get --users 50 --duration 5s` prints
//! `operations=N seconds=S operations_per_s=R cpu_per_operation_ns=C`, where an operation is a
//! request: a command, or a whole pipeline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_report::clock::process_cpu_ns;
use bench_report::redaction;
use clap::{Parser, ValueEnum};
use deadpool_redis::{Manager, Pool, Runtime};
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, IntoConnectionInfo as _, Pipeline,
};
use tokio::runtime;
use tokio::task::JoinSet;

/// Longest wait for an answer, the same as in `redis-bench`.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a connection, the same as in `redis-bench`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Number of keys, the same as in `redis-bench pool`.
const KEYS: usize = 64;

#[derive(Clone, Parser)]
struct Flags {
    /// Way to connect
    #[arg(long, value_enum, default_value = "multiplexed")]
    client: Kind,
    /// Command of all requests
    #[arg(long, value_enum, default_value = "set")]
    command: Command,
    /// Number of commands in each request
    #[arg(long, default_value = "1")]
    pipeline: usize,
    /// Length of the values, in bytes
    #[arg(long, default_value = "3")]
    value_size: usize,
    /// Number of tasks
    #[arg(long, default_value = "50")]
    users: usize,
    /// Number of connections of the client that has a pool
    #[arg(long, default_value = "8")]
    pool_size: usize,
    /// Duration of the load, such as 5s
    #[arg(long, value_parser = bench_cli::flags::duration, default_value = "5s")]
    duration: Duration,
    /// URL of the Redis server
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    url: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Pooled,
    Multiplexed,
    Managed,
    Plain,
    PerRequest,
}

#[derive(Clone, Copy, ValueEnum)]
enum Command {
    Set,
    Get,
}

/// Way to connect, ready to be used by the tasks of one thread.
#[derive(Clone)]
enum Ready {
    Pooled(Pool),
    Multiplexed(MultiplexedConnection),
    Managed(ConnectionManager),
    Plain(Client),
    PerRequest(Client),
}

/// Request of one task.
enum Request {
    Command(Cmd),
    Pipeline(Pipeline),
}

fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let run = format!("plimsoll:minimal-{}", std::process::id());
    let keys: Arc<Vec<String>> = Arc::new((0..KEYS).map(|n| format!("{run}:{n}")).collect());
    let mut admin = Client::open(server(&flags)?)?
        .get_connection()
        .with_context(|| format!("cannot connect to {}", redaction::url(&flags.url)))?;
    for key in keys.iter() {
        set(&flags, key).exec(&mut admin)?;
    }
    let threads = threads(&flags);
    let stop = Arc::new(AtomicBool::new(false));
    let (cpu_ns, started) = (process_cpu_ns(), Instant::now());
    let workers: Vec<_> = (0..threads)
        .map(|index| {
            let (flags, keys, stop) = (flags.clone(), Arc::clone(&keys), Arc::clone(&stop));
            thread::spawn(move || worker(&flags, (index, threads), &keys, &stop))
        })
        .collect();
    thread::sleep(flags.duration);
    stop.store(true, Ordering::Relaxed);
    let mut operations = 0;
    for worker in workers {
        operations += worker
            .join()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    let (seconds, cpu_ns) = (started.elapsed().as_secs_f64(), process_cpu_ns() - cpu_ns);
    redis::cmd("DEL").arg(keys.as_slice()).exec(&mut admin)?;
    bench_cli::output::print(&format!(
        "operations={operations} seconds={seconds} operations_per_s={:.0} cpu_per_operation_ns={:.0}\n",
        operations as f64 / seconds,
        cpu_ns as f64 / operations as f64,
    ))
}

/// Returns the number of threads, as `redis-bench` has with a runtime for each core: no more than
/// users, and no more than connections.
fn threads(flags: &Flags) -> usize {
    let connections = match flags.client {
        Kind::Pooled => flags.pool_size,
        Kind::Multiplexed | Kind::Managed => 1,
        Kind::Plain | Kind::PerRequest => flags.users,
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    cores.min(connections).min(flags.users).max(1)
}

/// Makes the share `(index, count)` of the load until `stop` is set, and returns its number of
/// requests.
fn worker(
    flags: &Flags,
    (index, count): (usize, usize),
    keys: &Arc<Vec<String>>,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<u64> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let share = |all: usize| all / count + usize::from(index < all % count);
        let ready = open(flags, share(flags.pool_size).max(1)).await?;
        let mut tasks = JoinSet::new();
        for user in (index..flags.users).step_by(count) {
            let (request, stop) = (request(flags, keys, user), Arc::clone(stop));
            tasks.spawn(repeat(ready.clone(), request, stop));
        }
        let mut operations = 0;
        while let Some(done) = tasks.join_next().await {
            operations += done??;
        }
        anyhow::Ok(operations)
    })
}

async fn open(flags: &Flags, pool_size: usize) -> anyhow::Result<Ready> {
    let client = Client::open(server(flags)?)?;
    Ok(match flags.client {
        Kind::Pooled => {
            let manager = Manager::new_with_config(server(flags)?, config())?;
            let pool = Pool::builder(manager)
                .max_size(pool_size)
                .wait_timeout(Some(RESPONSE_TIMEOUT))
                .runtime(Runtime::Tokio1)
                .build()?;
            let mut held = Vec::new();
            for _ in 0..pool_size {
                held.push(pool.get().await?);
            }
            drop(held);
            Ready::Pooled(pool)
        }
        Kind::Multiplexed => Ready::Multiplexed(connection(&client).await?),
        Kind::Managed => {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(CONNECT_TIMEOUT))
                .set_response_timeout(Some(RESPONSE_TIMEOUT));
            Ready::Managed(ConnectionManager::new_with_config(client, config).await?)
        }
        Kind::Plain => Ready::Plain(client),
        Kind::PerRequest => Ready::PerRequest(client),
    })
}

async fn repeat(ready: Ready, request: Request, stop: Arc<AtomicBool>) -> anyhow::Result<u64> {
    let running = || !stop.load(Ordering::Relaxed);
    let mut operations = 0;
    match ready {
        Ready::Pooled(pool) => {
            while running() {
                let mut connection = pool.get().await?;
                send(&mut connection, &request).await?;
                operations += 1;
            }
        }
        Ready::Multiplexed(mut connection) => {
            while running() {
                send(&mut connection, &request).await?;
                operations += 1;
            }
        }
        Ready::Plain(client) => {
            let mut connection = connection(&client).await?;
            while running() {
                send(&mut connection, &request).await?;
                operations += 1;
            }
        }
        Ready::Managed(mut manager) => {
            while running() {
                match &request {
                    Request::Command(command) => {
                        manager
                            .send_packed_command(command)
                            .await?
                            .extract_error()?;
                    }
                    Request::Pipeline(pipeline) => {
                        let sent = manager.send_packed_commands(pipeline, 0, pipeline.len());
                        for answer in sent.await? {
                            answer.extract_error()?;
                        }
                    }
                }
                operations += 1;
            }
        }
        Ready::PerRequest(client) => {
            while running() {
                send(&mut connection(&client).await?, &request).await?;
                operations += 1;
            }
        }
    }
    Ok(operations)
}

async fn send(connection: &mut MultiplexedConnection, request: &Request) -> anyhow::Result<()> {
    match request {
        Request::Command(command) => {
            connection
                .send_packed_command(command)
                .await?
                .extract_error()?;
        }
        Request::Pipeline(pipeline) => {
            let sent = connection.send_packed_commands(pipeline, 0, pipeline.len());
            for answer in sent.await? {
                answer.extract_error()?;
            }
        }
    }
    Ok(())
}

/// Prepares the request of `user`; the commands of a pipeline use one key after the other.
fn request(flags: &Flags, keys: &[String], user: usize) -> Request {
    let command = |index: usize| match (flags.command, &keys[index % keys.len()]) {
        (Command::Set, key) => set(flags, key),
        (Command::Get, key) => redis::Cmd::get(key),
    };
    if flags.pipeline <= 1 {
        return Request::Command(command(user));
    }
    let mut pipeline = Pipeline::with_capacity(flags.pipeline);
    for index in user..user + flags.pipeline {
        pipeline.add_command(command(index));
    }
    Request::Pipeline(pipeline)
}

fn set(flags: &Flags, key: &str) -> Cmd {
    Cmd::set(key, vec![b'x'; flags.value_size])
}

async fn connection(client: &Client) -> redis::RedisResult<MultiplexedConnection> {
    client
        .get_multiplexed_async_connection_with_config(&config())
        .await
}

/// Applications usually have a time-out for each request.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
}

fn server(flags: &Flags) -> redis::RedisResult<ConnectionInfo> {
    let settings = TcpSettings::default().set_nodelay(true);
    let server = flags.url.as_str().into_connection_info()?;
    Ok(server.set_tcp_settings(settings))
}
