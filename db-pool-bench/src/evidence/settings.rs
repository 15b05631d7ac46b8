//! The server's settings that matter to a pool and its throughput.

use std::collections::BTreeMap;

use tokio_postgres::Error;

use crate::connect::Client;

/// What a server of a version does not know is left out.
const NAMES: [&str; 37] = [
    "max_connections",
    "superuser_reserved_connections",
    "reserved_connections",
    "shared_buffers",
    "huge_pages",
    "effective_cache_size",
    "work_mem",
    "maintenance_work_mem",
    "temp_buffers",
    "wal_level",
    "wal_buffers",
    "wal_compression",
    "max_wal_size",
    "checkpoint_timeout",
    "checkpoint_completion_target",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "commit_delay",
    "io_method",
    "effective_io_concurrency",
    "random_page_cost",
    "jit",
    "max_worker_processes",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "autovacuum",
    "default_transaction_isolation",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "track_io_timing",
    "track_wal_io_timing",
    "track_activities",
    "track_counts",
    "ssl",
];

/// The settings as a new connection of this login has them, by name, with their units.
///
/// # Errors
/// What the server said.
pub async fn read(client: &Client) -> Result<BTreeMap<String, String>, Error> {
    let query = "SELECT /* plimsoll evidence */ name, current_setting(name, true) FROM unnest($1::text[]) AS name";
    let names: Vec<&str> = NAMES.to_vec();
    let rows = client.query(query, &[&names]).await?;
    let mut settings = BTreeMap::new();
    for row in rows {
        if let Some(value) = row.try_get::<_, Option<String>>(1)? {
            settings.insert(row.try_get(0)?, value);
        }
    }
    Ok(settings)
}
