//! Settings of the server that affect a connection pool and its throughput.

use std::collections::BTreeMap;

use tokio_postgres::Error;

use crate::server::client::Client;

/// Names of the settings that are read; those that the server's version lacks are left out.
const NAMES: [&str; 74] = [
    "max_connections",
    "superuser_reserved_connections",
    "reserved_connections",
    "shared_buffers",
    "huge_pages",
    "huge_pages_status",
    "effective_cache_size",
    "work_mem",
    "hash_mem_multiplier",
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
    "synchronous_standby_names",
    "io_method",
    "io_workers",
    "effective_io_concurrency",
    "random_page_cost",
    "jit",
    "plan_cache_mode",
    "max_worker_processes",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "autovacuum",
    "default_transaction_isolation",
    "statement_timeout",
    "lock_timeout",
    "deadlock_timeout",
    "log_lock_waits",
    "max_locks_per_transaction",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "track_io_timing",
    "track_wal_io_timing",
    "track_activities",
    "track_counts",
    "track_functions",
    "pg_stat_statements.track",
    "pg_stat_statements.track_planning",
    "default_toast_compression",
    "subtransaction_buffers",
    "multixact_member_buffers",
    "multixact_offset_buffers",
    "transaction_buffers",
    "ssl",
    "autovacuum_naptime",
    "autovacuum_vacuum_cost_delay",
    "autovacuum_vacuum_cost_limit",
    "bgwriter_delay",
    "bgwriter_lru_maxpages",
    "commit_timestamp_buffers",
    "hot_standby_feedback",
    "io_max_concurrency",
    "jit_above_cost",
    "logical_decoding_work_mem",
    "max_pred_locks_per_transaction",
    "max_slot_wal_keep_size",
    "max_standby_streaming_delay",
    "min_wal_size",
    "notify_buffers",
    "old_snapshot_threshold",
    "pg_stat_statements.max",
    "serializable_buffers",
    "synchronize_seqscans",
    "temp_file_limit",
    "transaction_timeout",
];

/// Returns the values, with their units, of the settings that hold on `client`'s connection, by
/// name. Settings that this version of the server lacks are left out.
///
/// # Errors
/// Returns the error of the query.
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
