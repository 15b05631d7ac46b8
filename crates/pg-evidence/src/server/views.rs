//! Statistics views of the server by its version, with their counters and the counters' names in
//! reports. All times are converted to nanoseconds.

use std::ops::Range;

/// Statistics view of the server, of which one row is read.
#[derive(Debug)]
pub(crate) struct StatisticsView {
    /// Name under which evidence reports that the view is unavailable; counters' names begin with
    /// it.
    pub(crate) name: &'static str,
    /// SQL of the relation and condition that select one row, as after `FROM`.
    pub(crate) source: &'static str,
    /// Versions of the server that have the view, as a range of `server_version_num`.
    pub(crate) versions: Range<i32>,
    /// Counters that are read from the view.
    pub(crate) counters: &'static [Counter],
}

/// Counter in a statistics view, which rises until it is reset.
#[derive(Debug)]
pub(crate) struct Counter {
    /// Name of the counter in reports, such as `database.commits`.
    pub(crate) name: &'static str,
    /// SQL expression of the counter's value.
    pub(crate) sql: &'static str,
    /// Versions of the server that have the counter, as a range of `server_version_num`.
    versions: Range<i32>,
    /// Setting without which the value stays 0 because nothing is measured; `None` if it is always
    /// measured.
    pub(crate) needs: Option<&'static str>,
}

const ALL: Range<i32> = 0..i32::MAX;
const FROM_14: Range<i32> = 140_000..i32::MAX;
const FROM_16: Range<i32> = 160_000..i32::MAX;
const FROM_17: Range<i32> = 170_000..i32::MAX;
const FROM_18: Range<i32> = 180_000..i32::MAX;
const BEFORE_17: Range<i32> = 0..170_000;
const BEFORE_18: Range<i32> = 0..180_000;
const FROM_14_BEFORE_18: Range<i32> = 140_000..180_000;

const IO_TIMED: Option<&str> = Some("track_io_timing");
const WAL_TIMED: Option<&str> = Some("track_wal_io_timing");

/// SQL that sums a column of `pg_stat_io` over client backends, followed by a conversion to another
/// unit if one is given.
macro_rules! of_clients {
    ($column:literal $(, $unit:literal)?) => {
        concat!("sum(", $column, ") FILTER (WHERE backend_type = 'client backend')" $(, $unit)?)
    };
}

/// SQL that sums a column of `pg_stat_io` over WAL, followed by a conversion to another unit if one
/// is given.
macro_rules! of_wal {
    ($column:literal $(, $unit:literal)?) => {
        concat!("sum(", $column, ") FILTER (WHERE object = 'wal')" $(, $unit)?)
    };
}

const fn all(name: &'static str, sql: &'static str) -> Counter {
    some(name, sql, ALL)
}

const fn some(name: &'static str, sql: &'static str, versions: Range<i32>) -> Counter {
    timed(name, sql, versions, None)
}

const fn timed(
    name: &'static str,
    sql: &'static str,
    versions: Range<i32>,
    needs: Option<&'static str>,
) -> Counter {
    Counter {
        name,
        sql,
        versions,
        needs,
    }
}

impl Counter {
    /// Returns true if a server of `version` (a `server_version_num`) has the counter.
    pub(crate) fn is_in(&self, version: i32) -> bool {
        self.versions.contains(&version)
    }
}

/// All statistics views, in the order in which they are read.
pub(crate) const VIEWS: [StatisticsView; 5] = [
    StatisticsView {
        name: "database",
        source: "pg_stat_database WHERE datname = current_database()",
        versions: ALL,
        counters: &[
            all("database.commits", "xact_commit"),
            all("database.rollbacks", "xact_rollback"),
            all("database.blocks_hit", "blks_hit"),
            all("database.blocks_read", "blks_read"),
            timed(
                "database.block_read_ns",
                "blk_read_time * 1e6",
                ALL,
                IO_TIMED,
            ),
            timed(
                "database.block_write_ns",
                "blk_write_time * 1e6",
                ALL,
                IO_TIMED,
            ),
            all("database.rows_returned", "tup_returned"),
            all("database.rows_fetched", "tup_fetched"),
            all("database.rows_inserted", "tup_inserted"),
            all("database.rows_updated", "tup_updated"),
            all("database.rows_deleted", "tup_deleted"),
            all("database.deadlocks", "deadlocks"),
            all("database.conflicts", "conflicts"),
            all("database.temp_files", "temp_files"),
            all("database.temp_bytes", "temp_bytes"),
            some("database.session_ns", "session_time * 1e6", FROM_14),
            some("database.active_ns", "active_time * 1e6", FROM_14),
            some(
                "database.idle_in_transaction_ns",
                "idle_in_transaction_time * 1e6",
                FROM_14,
            ),
            some("database.sessions", "sessions", FROM_14),
            some("database.sessions_abandoned", "sessions_abandoned", FROM_14),
            some("database.sessions_fatal", "sessions_fatal", FROM_14),
            some("database.sessions_killed", "sessions_killed", FROM_14),
        ],
    },
    StatisticsView {
        name: "wal",
        source: "pg_stat_wal",
        versions: FROM_14,
        counters: &[
            all("wal.records", "wal_records"),
            all("wal.full_page_images", "wal_fpi"),
            all("wal.bytes", "wal_bytes"),
            all("wal.buffers_full", "wal_buffers_full"),
            some("wal.writes", "wal_write", FROM_14_BEFORE_18),
            some("wal.syncs", "wal_sync", FROM_14_BEFORE_18),
            timed(
                "wal.write_ns",
                "wal_write_time * 1e6",
                FROM_14_BEFORE_18,
                WAL_TIMED,
            ),
            timed(
                "wal.sync_ns",
                "wal_sync_time * 1e6",
                FROM_14_BEFORE_18,
                WAL_TIMED,
            ),
        ],
    },
    StatisticsView {
        name: "io",
        source: "pg_stat_io",
        versions: FROM_16,
        counters: &[
            all("io.client_reads", of_clients!("reads")),
            all("io.client_writes", of_clients!("writes")),
            all("io.client_extends", of_clients!("extends")),
            all("io.client_evictions", of_clients!("evictions")),
            all("io.client_fsyncs", of_clients!("fsyncs")),
            some(
                "io.client_read_bytes",
                of_clients!("reads * op_bytes"),
                BEFORE_18,
            ),
            some("io.client_read_bytes", of_clients!("read_bytes"), FROM_18),
            timed(
                "io.client_read_ns",
                of_clients!("read_time", " * 1e6"),
                ALL,
                IO_TIMED,
            ),
            timed(
                "io.client_write_ns",
                of_clients!("write_time", " * 1e6"),
                ALL,
                IO_TIMED,
            ),
            all(
                "io.other_reads",
                "sum(reads) FILTER (WHERE backend_type <> 'client backend')",
            ),
            all(
                "io.other_writes",
                "sum(writes) FILTER (WHERE backend_type <> 'client backend')",
            ),
            some("io.wal_writes", of_wal!("writes"), FROM_18),
            some("io.wal_fsyncs", of_wal!("fsyncs"), FROM_18),
            timed(
                "io.wal_write_ns",
                of_wal!("write_time", " * 1e6"),
                FROM_18,
                WAL_TIMED,
            ),
            timed(
                "io.wal_fsync_ns",
                of_wal!("fsync_time", " * 1e6"),
                FROM_18,
                WAL_TIMED,
            ),
        ],
    },
    StatisticsView {
        name: "checkpointer",
        source: "pg_stat_checkpointer",
        versions: FROM_17,
        counters: &[
            all("checkpointer.timed", "num_timed"),
            all("checkpointer.requested", "num_requested"),
            some("checkpointer.done", "num_done", FROM_18),
            all("checkpointer.write_ns", "write_time * 1e6"),
            all("checkpointer.sync_ns", "sync_time * 1e6"),
            all("checkpointer.buffers_written", "buffers_written"),
        ],
    },
    StatisticsView {
        name: "bgwriter",
        source: "pg_stat_bgwriter",
        versions: ALL,
        counters: &[
            all("bgwriter.buffers_cleaned", "buffers_clean"),
            all("bgwriter.stopped_early", "maxwritten_clean"),
            all("bgwriter.buffers_allocated", "buffers_alloc"),
            some(
                "bgwriter.backend_buffers_written",
                "buffers_backend",
                BEFORE_17,
            ),
            some(
                "bgwriter.backend_fsyncs",
                "buffers_backend_fsync",
                BEFORE_17,
            ),
            // Up to version 16, one view covered both the checkpointer and the background writer.
            some("checkpointer.timed", "checkpoints_timed", BEFORE_17),
            some("checkpointer.requested", "checkpoints_req", BEFORE_17),
            some(
                "checkpointer.write_ns",
                "checkpoint_write_time * 1e6",
                BEFORE_17,
            ),
            some(
                "checkpointer.sync_ns",
                "checkpoint_sync_time * 1e6",
                BEFORE_17,
            ),
            some(
                "checkpointer.buffers_written",
                "buffers_checkpoint",
                BEFORE_17,
            ),
        ],
    },
];
