//! Statistics views of the server by its version, with their counters and the counters' names in
//! reports. All times are converted to nanoseconds.

use std::ops::Range;

use bench_report::names::{FigureName, postgres};

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
    pub(crate) name: FigureName,
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

/// SQL that sums a column of `pg_stat_io` over client backends and all files but the log's, which
/// version 18 counts there too. A conversion to another unit follows if one is given.
macro_rules! of_clients {
    ($column:literal $(, $unit:literal)?) => {
        concat!(
            "sum(", $column, ") FILTER (WHERE backend_type = 'client backend' AND object <> 'wal')"
            $(, $unit)?
        )
    };
}

/// SQL that sums a column of `pg_stat_io` over WAL, followed by a conversion to another unit if one
/// is given.
macro_rules! of_wal {
    ($column:literal $(, $unit:literal)?) => {
        concat!("sum(", $column, ") FILTER (WHERE object = 'wal')" $(, $unit)?)
    };
}

const fn all(name: FigureName, sql: &'static str) -> Counter {
    some(name, sql, ALL)
}

const fn some(name: FigureName, sql: &'static str, versions: Range<i32>) -> Counter {
    timed(name, sql, versions, None)
}

const fn timed(
    name: FigureName,
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
            all(postgres::DATABASE_COMMITS, "xact_commit"),
            all(postgres::DATABASE_ROLLBACKS, "xact_rollback"),
            all(postgres::DATABASE_BLOCKS_HIT, "blks_hit"),
            all(postgres::DATABASE_BLOCKS_READ, "blks_read"),
            timed(
                postgres::DATABASE_BLOCK_READ_NS,
                "blk_read_time * 1e6",
                ALL,
                IO_TIMED,
            ),
            timed(
                postgres::DATABASE_BLOCK_WRITE_NS,
                "blk_write_time * 1e6",
                ALL,
                IO_TIMED,
            ),
            all(postgres::DATABASE_ROWS_RETURNED, "tup_returned"),
            all(postgres::DATABASE_ROWS_FETCHED, "tup_fetched"),
            all(postgres::DATABASE_ROWS_INSERTED, "tup_inserted"),
            all(postgres::DATABASE_ROWS_UPDATED, "tup_updated"),
            all(postgres::DATABASE_ROWS_DELETED, "tup_deleted"),
            all(postgres::DATABASE_DEADLOCKS, "deadlocks"),
            all(postgres::DATABASE_CONFLICTS, "conflicts"),
            all(postgres::DATABASE_TEMP_FILES, "temp_files"),
            all(postgres::DATABASE_TEMP_BYTES, "temp_bytes"),
            some(postgres::DATABASE_SESSION_NS, "session_time * 1e6", FROM_14),
            some(postgres::DATABASE_ACTIVE_NS, "active_time * 1e6", FROM_14),
            some(
                postgres::DATABASE_IDLE_IN_TRANSACTION_NS,
                "idle_in_transaction_time * 1e6",
                FROM_14,
            ),
            some(postgres::DATABASE_SESSIONS, "sessions", FROM_14),
            some(
                postgres::DATABASE_SESSIONS_ABANDONED,
                "sessions_abandoned",
                FROM_14,
            ),
            some(postgres::DATABASE_SESSIONS_FATAL, "sessions_fatal", FROM_14),
            some(
                postgres::DATABASE_SESSIONS_KILLED,
                "sessions_killed",
                FROM_14,
            ),
        ],
    },
    StatisticsView {
        name: "wal",
        source: "pg_stat_wal",
        versions: FROM_14,
        counters: &[
            all(postgres::WAL_RECORDS, "wal_records"),
            all(postgres::WAL_FULL_PAGE_IMAGES, "wal_fpi"),
            all(postgres::WAL_BYTES, "wal_bytes"),
            all(postgres::WAL_BUFFERS_FULL, "wal_buffers_full"),
            some(postgres::WAL_WRITES, "wal_write", FROM_14_BEFORE_18),
            some(postgres::WAL_SYNCS, "wal_sync", FROM_14_BEFORE_18),
            timed(
                postgres::WAL_WRITE_NS,
                "wal_write_time * 1e6",
                FROM_14_BEFORE_18,
                WAL_TIMED,
            ),
            timed(
                postgres::WAL_SYNC_NS,
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
            all(postgres::IO_CLIENT_READS, of_clients!("reads")),
            all(postgres::IO_CLIENT_WRITES, of_clients!("writes")),
            all(postgres::IO_CLIENT_EXTENDS, of_clients!("extends")),
            all(postgres::IO_CLIENT_EVICTIONS, of_clients!("evictions")),
            all(postgres::IO_CLIENT_FSYNCS, of_clients!("fsyncs")),
            some(
                postgres::IO_CLIENT_READ_BYTES,
                of_clients!("reads * op_bytes"),
                BEFORE_18,
            ),
            some(
                postgres::IO_CLIENT_READ_BYTES,
                of_clients!("read_bytes"),
                FROM_18,
            ),
            timed(
                postgres::IO_CLIENT_READ_NS,
                of_clients!("read_time", " * 1e6"),
                ALL,
                IO_TIMED,
            ),
            timed(
                postgres::IO_CLIENT_WRITE_NS,
                of_clients!("write_time", " * 1e6"),
                ALL,
                IO_TIMED,
            ),
            all(
                postgres::IO_OTHER_READS,
                "sum(reads) FILTER (WHERE backend_type <> 'client backend' AND object <> 'wal')",
            ),
            all(
                postgres::IO_OTHER_WRITES,
                "sum(writes) FILTER (WHERE backend_type <> 'client backend' AND object <> 'wal')",
            ),
            some(postgres::IO_WAL_WRITES, of_wal!("writes"), FROM_18),
            some(postgres::IO_WAL_FSYNCS, of_wal!("fsyncs"), FROM_18),
            timed(
                postgres::IO_WAL_WRITE_NS,
                of_wal!("write_time", " * 1e6"),
                FROM_18,
                WAL_TIMED,
            ),
            timed(
                postgres::IO_WAL_FSYNC_NS,
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
            all(postgres::CHECKPOINTER_TIMED, "num_timed"),
            all(postgres::CHECKPOINTER_REQUESTED, "num_requested"),
            some(postgres::CHECKPOINTER_DONE, "num_done", FROM_18),
            all(postgres::CHECKPOINTER_WRITE_NS, "write_time * 1e6"),
            all(postgres::CHECKPOINTER_SYNC_NS, "sync_time * 1e6"),
            all(postgres::CHECKPOINTER_BUFFERS_WRITTEN, "buffers_written"),
        ],
    },
    StatisticsView {
        name: "bgwriter",
        source: "pg_stat_bgwriter",
        versions: ALL,
        counters: &[
            all(postgres::BGWRITER_BUFFERS_CLEANED, "buffers_clean"),
            all(postgres::BGWRITER_STOPPED_EARLY, "maxwritten_clean"),
            all(postgres::BGWRITER_BUFFERS_ALLOCATED, "buffers_alloc"),
            some(
                postgres::BGWRITER_BACKEND_BUFFERS_WRITTEN,
                "buffers_backend",
                BEFORE_17,
            ),
            some(
                postgres::BGWRITER_BACKEND_FSYNCS,
                "buffers_backend_fsync",
                BEFORE_17,
            ),
            // Up to version 16, one view covered both the checkpointer and the background writer.
            some(postgres::CHECKPOINTER_TIMED, "checkpoints_timed", BEFORE_17),
            some(
                postgres::CHECKPOINTER_REQUESTED,
                "checkpoints_req",
                BEFORE_17,
            ),
            some(
                postgres::CHECKPOINTER_WRITE_NS,
                "checkpoint_write_time * 1e6",
                BEFORE_17,
            ),
            some(
                postgres::CHECKPOINTER_SYNC_NS,
                "checkpoint_sync_time * 1e6",
                BEFORE_17,
            ),
            some(
                postgres::CHECKPOINTER_BUFFERS_WRITTEN,
                "buffers_checkpoint",
                BEFORE_17,
            ),
        ],
    },
];
