//! Smallest loop on the same pools as in `db-pool-bench`: users take a connection out, read one row
//! of pgbench's table by its key, and return the connection. Nothing is recorded. Compared with
//! `db-pool-bench sweep`, its throughput shows what measuring costs.
//!
//! `DATABASE_URL=… minimal_pool --pool deadpool --connections 8 --duration 5s` prints `operations=N
//! seconds=S operations_per_s=R cpu_per_operation_ns=C`, where the CPU time is that of this
//! process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bench_report::clock::process_cpu_ns;
use clap::{Parser, ValueEnum};
use deadpool_postgres::{Manager, Pool, Runtime};
use pg_connect::Address;
use pg_evidence::Client;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{SqlSafeStr as _, SqlStr};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

const APPLICATION: &str = "plimsoll_minimal";
/// SQL statement of the workload `point-select` of `db-pool-bench`.
const READ: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = $1";
/// Longest wait for a connection of the pool, 30 s: the default of `db-pool-bench`.
const CHECKOUT_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Flags {
    /// Library whose pool is measured
    #[arg(long, value_enum)]
    pool: Kind,
    /// Number of connections in the pool, and of users
    #[arg(long, default_value = "8")]
    connections: usize,
    /// Duration of the measurement
    #[arg(long, value_parser = bench_cli::flags::duration, default_value = "5s")]
    duration: Duration,
    /// URL of the PostgreSQL server
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    url: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Deadpool,
    Sqlx,
}

fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let address = Address::parse(&flags.url)?;
    // Most applications, and `db-pool-bench` by default, use a thread for each core.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = Client::open(&address, APPLICATION).await?;
        let largest = "SELECT max(aid)::int4 FROM pgbench_accounts";
        let rows: i32 = client.query_one(largest, &[]).await?.try_get(0)?;
        drop(client);
        match flags.pool {
            Kind::Deadpool => with_deadpool(&flags, &address, rows).await,
            Kind::Sqlx => with_sqlx(&flags, &address, rows).await,
        }
    })
}

async fn with_deadpool(flags: &Flags, address: &Address, rows: i32) -> anyhow::Result<()> {
    let manager = Manager::new(address.config(APPLICATION), NoTls);
    let pool = Pool::builder(manager)
        .max_size(flags.connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CHECKOUT_TIMEOUT))
        .create_timeout(Some(CHECKOUT_TIMEOUT))
        .build()?;
    let mut held = Vec::new();
    for _ in 0..flags.connections {
        held.push(pool.get().await?);
    }
    drop(held);
    load(flags, |user, stop| {
        repeat_deadpool(pool.clone(), rows, user, stop)
    })
    .await
}

async fn with_sqlx(flags: &Flags, address: &Address, rows: i32) -> anyhow::Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(flags.connections as u32)
        .acquire_timeout(CHECKOUT_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(address.sqlx(APPLICATION));
    let mut held = Vec::new();
    for _ in 0..flags.connections {
        held.push(pool.acquire().await?);
    }
    drop(held);
    let read = READ.into_sql_str();
    load(flags, |user, stop| {
        repeat_sqlx(pool.clone(), read.clone(), rows, user, stop)
    })
    .await?;
    pool.close().await;
    Ok(())
}

/// Runs `repeat` for each user, with the user's number from 0 and a flag that ends it, for the
/// duration in `flags`; prints the operations of all users together. Fails with the first failure
/// of a user.
async fn load<Users: Future<Output = anyhow::Result<u64>> + Send + 'static>(
    flags: &Flags,
    repeat: impl Fn(u64, Arc<AtomicBool>) -> Users,
) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let (cpu_ns, started) = (process_cpu_ns(), Instant::now());
    let mut users = JoinSet::new();
    for user in 0..flags.connections {
        users.spawn(repeat(user as u64, Arc::clone(&stop)));
    }
    tokio::time::sleep(flags.duration).await;
    stop.store(true, Ordering::Relaxed);
    let mut operations = 0;
    while let Some(done) = users.join_next().await {
        operations += done??;
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu_ns = process_cpu_ns() - cpu_ns;
    bench_cli::output::print(&format!(
        "operations={operations} seconds={seconds} operations_per_s={:.0} cpu_per_operation_ns={:.0}\n",
        operations as f64 / seconds,
        cpu_ns as f64 / operations as f64,
    ))
}

async fn repeat_deadpool(
    pool: Pool,
    rows: i32,
    user: u64,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<u64> {
    let (mut random, mut operations) = (SmallRng::seed_from_u64(user), 0);
    while !stop.load(Ordering::Relaxed) {
        let id = random.random_range(1..=rows);
        let client = pool.get().await?;
        let read = client.prepare_cached(READ).await?;
        client.query_opt(&read, &[&id]).await?;
        operations += 1;
    }
    Ok(operations)
}

async fn repeat_sqlx(
    pool: PgPool,
    read: SqlStr,
    rows: i32,
    user: u64,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<u64> {
    let (mut random, mut operations) = (SmallRng::seed_from_u64(user), 0);
    while !stop.load(Ordering::Relaxed) {
        let id = random.random_range(1..=rows);
        let mut connection = pool.acquire().await?;
        let query = sqlx::query::<sqlx::Postgres>(read.clone()).bind(id);
        query.fetch_optional(&mut *connection).await?;
        operations += 1;
    }
    Ok(operations)
}
