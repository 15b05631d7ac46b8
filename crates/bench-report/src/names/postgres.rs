//! Names of the figures of a PostgreSQL server in one step: growth of its counters, and means over samples.

use super::macros::{families, figures};

figures! { Server:
    /// Time between the two readings of the server's counters, in seconds.
    DELTAS_SPAN_S = "deltas.span_s";
    /// Number of samples of the sessions.
    SESSIONS_SAMPLES = "sessions.samples";
    /// Samples of the sessions per second.
    SESSIONS_SAMPLES_PER_S = "sessions.samples_per_s";
    /// Mean number of sessions at work without a wait.
    SESSIONS_CPU_MEAN = "sessions.cpu_mean";
    /// Mean number of sessions that wait for a lock.
    SESSIONS_LOCK_MEAN = "sessions.lock_mean";
    /// Mean number of sessions that wait for an internal lock.
    SESSIONS_LWLOCK_MEAN = "sessions.lwlock_mean";
    /// Mean number of sessions that read or write files.
    SESSIONS_IO_MEAN = "sessions.io_mean";
    /// Mean number of sessions that wait for their client within a statement.
    SESSIONS_CLIENT_MEAN = "sessions.client_mean";
    /// Mean number of sessions that wait for something else.
    SESSIONS_OTHER_WAIT_MEAN = "sessions.other_wait_mean";
    /// Mean number of idle sessions.
    SESSIONS_IDLE_MEAN = "sessions.idle_mean";
    /// Mean number of sessions whose client keeps a transaction open.
    SESSIONS_IDLE_IN_TRANSACTION_MEAN = "sessions.idle_in_transaction_mean";
    /// Largest age of a transaction of the load, in seconds.
    TRANSACTIONS_OLDEST_S = "transactions.oldest_s";
    /// Largest age of any transaction of the server, in seconds.
    TRANSACTIONS_OLDEST_AGE_S = "transactions.oldest_age_s";
    /// Number of prepared transactions, which have no session.
    TRANSACTIONS_PREPARED = "transactions.prepared";
    /// Largest number of connections in use.
    CONNECTIONS_USED_MAX = "connections.used_max";
    /// Number of connections that the server accepts (`max_connections`).
    CONNECTIONS_LIMIT = "connections.limit";
    /// Number of connections that are reserved for superusers.
    CONNECTIONS_RESERVED = "connections.reserved";
    /// Number of samples of the locks.
    LOCKS_LOOKS = "locks.looks";
    /// Mean number of ungranted locks over the samples.
    LOCKS_WAITING_MEAN = "locks.waiting_mean";
    /// Largest number of ungranted locks in a sample.
    LOCKS_WAITING_MAX = "locks.waiting_max";
    /// Longest chain of sessions of which each blocks the next.
    BLOCKING_CHAIN_MAX = "blocking.chain_max";
    /// Transactions that were committed.
    DATABASE_COMMITS = "database.commits";
    /// Transactions that were rolled back.
    DATABASE_ROLLBACKS = "database.rollbacks";
    /// Pages found in shared buffers.
    DATABASE_BLOCKS_HIT = "database.blocks_hit";
    /// Pages read from outside shared buffers.
    DATABASE_BLOCKS_READ = "database.blocks_read";
    /// Share of the pages that were found in shared buffers.
    DATABASE_CACHE_HIT_RATIO = "database.cache_hit_ratio";
    /// Time of reading pages.
    DATABASE_BLOCK_READ_NS = "database.block_read_ns";
    /// Time of writing pages.
    DATABASE_BLOCK_WRITE_NS = "database.block_write_ns";
    /// Rows that scans read.
    DATABASE_ROWS_RETURNED = "database.rows_returned";
    /// Rows that were fetched by index scans.
    DATABASE_ROWS_FETCHED = "database.rows_fetched";
    /// Rows that were inserted.
    DATABASE_ROWS_INSERTED = "database.rows_inserted";
    /// Rows that were updated.
    DATABASE_ROWS_UPDATED = "database.rows_updated";
    /// Rows that were deleted.
    DATABASE_ROWS_DELETED = "database.rows_deleted";
    /// Deadlocks that the server broke.
    DATABASE_DEADLOCKS = "database.deadlocks";
    /// Statements that were cancelled on a standby because of recovery.
    DATABASE_CONFLICTS = "database.conflicts";
    /// Temporary files that were written.
    DATABASE_TEMP_FILES = "database.temp_files";
    /// Bytes that were written to temporary files.
    DATABASE_TEMP_BYTES = "database.temp_bytes";
    /// Time that sessions existed.
    DATABASE_SESSION_NS = "database.session_ns";
    /// Time that sessions executed statements.
    DATABASE_ACTIVE_NS = "database.active_ns";
    /// Time that sessions were idle in a transaction.
    DATABASE_IDLE_IN_TRANSACTION_NS = "database.idle_in_transaction_ns";
    /// Sessions that were established.
    DATABASE_SESSIONS = "database.sessions";
    /// Sessions whose client was lost.
    DATABASE_SESSIONS_ABANDONED = "database.sessions_abandoned";
    /// Sessions that a fatal error ended.
    DATABASE_SESSIONS_FATAL = "database.sessions_fatal";
    /// Sessions that an operator ended.
    DATABASE_SESSIONS_KILLED = "database.sessions_killed";
    /// Records written to the log.
    WAL_RECORDS = "wal.records";
    /// Whole pages written to the log.
    WAL_FULL_PAGE_IMAGES = "wal.full_page_images";
    /// Bytes written to the log.
    WAL_BYTES = "wal.bytes";
    /// Writes of the log because its buffers were full.
    WAL_BUFFERS_FULL = "wal.buffers_full";
    /// Writes of the log's buffers to its files.
    WAL_WRITES = "wal.writes";
    /// Flushes of the log's files to disk.
    WAL_SYNCS = "wal.syncs";
    /// Time of writing the log's files.
    WAL_WRITE_NS = "wal.write_ns";
    /// Time of flushing the log's files.
    WAL_SYNC_NS = "wal.sync_ns";
    /// Reads by client backends.
    IO_CLIENT_READS = "io.client_reads";
    /// Writes by client backends.
    IO_CLIENT_WRITES = "io.client_writes";
    /// Extensions of relations by client backends.
    IO_CLIENT_EXTENDS = "io.client_extends";
    /// Pages that client backends evicted from shared buffers.
    IO_CLIENT_EVICTIONS = "io.client_evictions";
    /// Flushes by client backends.
    IO_CLIENT_FSYNCS = "io.client_fsyncs";
    /// Bytes that client backends read.
    IO_CLIENT_READ_BYTES = "io.client_read_bytes";
    /// Time of reads by client backends.
    IO_CLIENT_READ_NS = "io.client_read_ns";
    /// Time of writes by client backends.
    IO_CLIENT_WRITE_NS = "io.client_write_ns";
    /// Reads by other processes of the server.
    IO_OTHER_READS = "io.other_reads";
    /// Writes by other processes of the server.
    IO_OTHER_WRITES = "io.other_writes";
    /// Writes of the log.
    IO_WAL_WRITES = "io.wal_writes";
    /// Flushes of the log.
    IO_WAL_FSYNCS = "io.wal_fsyncs";
    /// Time of writes of the log.
    IO_WAL_WRITE_NS = "io.wal_write_ns";
    /// Time of flushes of the log.
    IO_WAL_FSYNC_NS = "io.wal_fsync_ns";
    /// Checkpoints that came when they were due.
    CHECKPOINTER_TIMED = "checkpointer.timed";
    /// Checkpoints that came before their time.
    CHECKPOINTER_REQUESTED = "checkpointer.requested";
    /// Checkpoints that were finished.
    CHECKPOINTER_DONE = "checkpointer.done";
    /// Time of writing pages in checkpoints.
    CHECKPOINTER_WRITE_NS = "checkpointer.write_ns";
    /// Time of flushing files in checkpoints.
    CHECKPOINTER_SYNC_NS = "checkpointer.sync_ns";
    /// Pages that checkpoints wrote.
    CHECKPOINTER_BUFFERS_WRITTEN = "checkpointer.buffers_written";
    /// Pages that the background writer wrote.
    BGWRITER_BUFFERS_CLEANED = "bgwriter.buffers_cleaned";
    /// Rounds that the background writer ended because it had written too many pages.
    BGWRITER_STOPPED_EARLY = "bgwriter.stopped_early";
    /// Pages of shared buffers that were allocated.
    BGWRITER_BUFFERS_ALLOCATED = "bgwriter.buffers_allocated";
    /// Pages that backends had to write themselves.
    BGWRITER_BACKEND_BUFFERS_WRITTEN = "bgwriter.backend_buffers_written";
    /// Flushes that backends had to make themselves.
    BGWRITER_BACKEND_FSYNCS = "bgwriter.backend_fsyncs";
    /// Times that the table of statements was full and forgot some.
    STATEMENTS_DEALLOC = "statements.dealloc";
    /// Calls of all statements.
    STATEMENTS_CALLS = "statements.calls";
    /// Time of executing all statements.
    STATEMENTS_EXEC_NS = "statements.exec_ns";
    /// Time of planning all statements.
    STATEMENTS_PLAN_NS = "statements.plan_ns";
    /// Times that statements were planned.
    STATEMENTS_PLANS = "statements.plans";
    /// Rows that all statements returned or changed.
    STATEMENTS_ROWS = "statements.rows";
    /// Pages that statements found in shared buffers.
    STATEMENTS_BLOCKS_HIT = "statements.blocks_hit";
    /// Pages that statements read.
    STATEMENTS_BLOCKS_READ = "statements.blocks_read";
    /// Pages that statements changed first.
    STATEMENTS_BLOCKS_DIRTIED = "statements.blocks_dirtied";
    /// Pages that statements wrote to temporary files.
    STATEMENTS_TEMP_BLOCKS_WRITTEN = "statements.temp_blocks_written";
    /// Pages that statements read from temporary files.
    STATEMENTS_TEMP_BLOCKS_READ = "statements.temp_blocks_read";
    /// Time of statements in reading pages.
    STATEMENTS_READ_NS = "statements.read_ns";
    /// Time of statements in temporary files.
    STATEMENTS_TEMP_NS = "statements.temp_ns";
    /// Bytes that statements wrote to the log.
    STATEMENTS_WAL_BYTES = "statements.wal_bytes";
    /// Whole pages that statements wrote to the log.
    STATEMENTS_WAL_FPI = "statements.wal_fpi";
    /// Time of compiling expressions of statements.
    STATEMENTS_JIT_NS = "statements.jit_ns";
    /// CPU time of the server's processes.
    SERVER_CPU_NS = "server.cpu_ns";
    /// CPU time of the load's sessions.
    SERVER_LOAD_CPU_NS = "server.load_cpu_ns";
    /// Time that the load's sessions were ready to run without a CPU.
    SERVER_LOAD_READY_NS = "server.load_ready_ns";
    /// Number of cores that the server's processes may use.
    CORES_ALLOWED = "cores_allowed";
    /// Number of cores that the server's processes or the load may use.
    CORES_ALLOWED_EITHER = "cores_allowed_either";
    /// CPU use of the connection that takes the samples, in cores.
    WATCH_CPU_RATIO = "watch.cpu_ratio";
    /// Periods of the CPU quota of the server's control group.
    SERVER_CGROUP_PERIODS = "server.cgroup.periods";
    /// Periods in which the quota stopped the server.
    SERVER_CGROUP_THROTTLED_PERIODS = "server.cgroup.throttled_periods";
    /// Time for which the quota stopped threads of the server.
    SERVER_CGROUP_THROTTLED_NS = "server.cgroup.throttled_ns";
    /// CPU quota of the server's control group, in cores.
    SERVER_CGROUP_QUOTA_CORES = "server.cgroup.quota_cores";
    /// Number of standbys that commits wait for.
    REPLICATION_SYNCHRONOUS_STANDBYS = "replication.synchronous_standbys";
    /// Longest delay until a standby had flushed the log.
    REPLICATION_FLUSH_LAG_NS_MAX = "replication.flush_lag_ns_max";
    /// Longest delay until a standby had replayed the log.
    REPLICATION_REPLAY_LAG_NS_MAX = "replication.replay_lag_ns_max";
}

families! { Server:
    /// Mean number of the load's parallel workers that wait for an event.
    PARALLEL_WAITS = "waits.parallel.", "_mean";
    /// Mean number of sessions that wait for an event, as `Lock.tuple`.
    WAITS = "waits.", "_mean";
}
