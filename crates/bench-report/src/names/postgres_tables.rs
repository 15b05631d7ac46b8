//! Names of the tables about a PostgreSQL server, and of their columns.

use super::macros::tables;

tables! {
    /// Statements of the load with their work, from `pg_stat_statements`.
    statements = "statements" {
        /// Text of the statement without values.
        STATEMENT = "statement";
        /// `false` if a function sent the statement.
        TOPLEVEL = "toplevel";
        /// Calls of the statement.
        CALLS = "calls";
        /// Time of executing it.
        EXEC_NS = "exec_ns";
        /// Mean time of a call.
        EXEC_MEAN_NS = "exec_mean_ns";
        /// Time of planning it.
        PLAN_NS = "plan_ns";
        /// Times that it was planned.
        PLANS = "plans";
        /// Rows that it returned or changed.
        ROWS = "rows";
        /// Pages that it found in shared buffers.
        BLOCKS_HIT = "blocks_hit";
        /// Pages that it read.
        BLOCKS_READ = "blocks_read";
        /// Pages that it changed first.
        BLOCKS_DIRTIED = "blocks_dirtied";
        /// Pages that it wrote to temporary files.
        TEMP_BLOCKS_WRITTEN = "temp_blocks_written";
        /// Pages that it read from temporary files.
        TEMP_BLOCKS_READ = "temp_blocks_read";
        /// Time of reading pages.
        READ_NS = "read_ns";
        /// Time in temporary files.
        TEMP_NS = "temp_ns";
        /// Bytes that it wrote to the log.
        WAL_BYTES = "wal_bytes";
        /// Whole pages that it wrote to the log.
        WAL_FPI = "wal_fpi";
        /// Time of compiling its expressions.
        JIT_NS = "jit_ns";
        /// Longest call since the statement was first counted.
        MAX_EXEC_NS = "max_exec_ns";
        /// Standard deviation of the time of its calls since it was first counted.
        STDDEV_EXEC_NS = "stddev_exec_ns";
    }
    /// Statements by what their sessions wait for.
    waiting_statements = "waiting_statements" {
        /// Text of the statement without values.
        STATEMENT = "statement";
        /// Event that its sessions wait for; empty at work.
        EVENT = "event";
        /// Mean number of sessions.
        SESSIONS_MEAN = "sessions_mean";
    }
    /// Sessions and processes that are not of the load, by what they wait for.
    backends = "backends" {
        /// Kind of process, as in `autovacuum worker`.
        BACKEND_TYPE = "backend_type";
        /// Name of the application; `ours` for the load.
        APPLICATION = "application";
        /// Event that it waits for; empty at work.
        EVENT = "event";
        /// Mean number of sessions.
        SESSIONS_MEAN = "sessions_mean";
    }
    /// Connections by application and state.
    connections = "connections" {
        /// Name of the application.
        APPLICATION = "application";
        /// State of the session, as in `idle`.
        STATE = "state";
        /// Mean number of sessions.
        SESSIONS_MEAN = "sessions_mean";
        /// Largest number of sessions.
        SESSIONS_MAX = "sessions_max";
    }
    /// Limits on the connections of a role or a database, where such a limit is set.
    connection_limits = "connection_limits" {
        /// Kind of thing that has the limit, `role` or `database`.
        KIND = "kind";
        /// Name of the role or the database.
        NAME = "name";
        /// Number of connections that the limit allows.
        LIMIT = "limit";
        /// Largest number of connections in use that count towards the limit.
        USED_MAX = "used_max";
    }
    /// Statements that ran for long.
    running = "running" {
        /// Text of the statement without values.
        STATEMENT = "statement";
        /// Name of the application.
        APPLICATION = "application";
        /// State of the session.
        STATE = "state";
        /// Longest time that it was seen to run, in seconds.
        LONGEST_S = "longest_s";
        /// Mean number of sessions that ran it.
        SESSIONS_MEAN = "sessions_mean";
    }
    /// Ungranted locks by kind.
    locks = "locks" {
        /// Kind of the lock, as in `tuple`.
        LOCK = "lock";
        /// Mean number of sessions that wait for it.
        WAITING_MEAN = "waiting_mean";
    }
    /// Pairs of a waiting session and one that blocks it.
    blocking = "blocking" {
        /// Kind of the lock.
        LOCK = "lock";
        /// Table of the lock.
        RELATION = "relation";
        /// Application of the waiting session.
        WAITING = "waiting";
        /// Statement that waits.
        WAITING_STATEMENT = "waiting_statement";
        /// Application of the blocking session.
        BLOCKING = "blocking";
        /// State of the blocking session.
        BLOCKING_STATE = "blocking_state";
        /// Statement of the blocking session.
        BLOCKING_STATEMENT = "blocking_statement";
        /// Mean number of sessions that wait.
        WAITING_MEAN = "waiting_mean";
    }
    /// Sessions that block others and wait for no lock themselves.
    blockers = "blockers" {
        /// Kind of the lock that others wait for.
        LOCK = "lock";
        /// Key of an advisory lock.
        KEY = "key";
        /// Table of the lock.
        RELATION = "relation";
        /// Statement that waits.
        WAITING_STATEMENT = "waiting_statement";
        /// Statement of the blocking session.
        BLOCKING_STATEMENT = "blocking_statement";
        /// State of the blocking session.
        BLOCKING_STATE = "blocking_state";
        /// Event that the blocking session waits for.
        BLOCKING_EVENT = "blocking_event";
        /// Application of the blocking session.
        BLOCKING_APPLICATION = "blocking_application";
        /// `true` if the blocking session is of the load.
        OURS = "ours";
        /// Samples in which it was seen.
        LOOKS = "looks";
        /// Samples taken while somebody waited.
        LOOKS_TOTAL = "looks_total";
        /// Mean number of sessions behind it.
        WAITING_MEAN = "waiting_mean";
        /// Largest age of its transaction, in seconds.
        TRANSACTION_AGE_MAX_S = "transaction_age_max_s";
    }
    /// Tables with their scans and changes.
    tables = "tables" {
        /// Name of the table.
        RELATION = "relation";
        /// Scans of the whole table.
        SEQ_SCAN = "seq_scan";
        /// Rows that these scans read.
        SEQ_TUP_READ = "seq_tup_read";
        /// Scans of its indexes.
        IDX_SCAN = "idx_scan";
        /// Entries that these scans read.
        IDX_ENTRIES_READ = "idx_entries_read";
        /// Rows that were inserted.
        INSERTED = "inserted";
        /// Rows that were updated.
        UPDATED = "updated";
        /// Updates that touched no index.
        HOT_UPDATED = "hot_updated";
        /// Rows that were deleted.
        DELETED = "deleted";
        /// Rows that are in the table.
        LIVE = "live";
        /// Dead rows that are in the table.
        DEAD = "dead";
        /// Pages of the table and its indexes that were read.
        BLOCKS_READ = "blocks_read";
        /// Pages of them that were found in shared buffers.
        BLOCKS_HIT = "blocks_hit";
        /// Pages of long values that were read or found.
        TOAST_BLOCKS = "toast_blocks";
        /// Size of the table in pages.
        PAGES = "pages";
        /// Number of rows that the planner assumes.
        ROWS_ESTIMATED = "rows_estimated";
        /// Time since the table was last analyzed, in seconds.
        SECONDS_SINCE_ANALYZE = "seconds_since_analyze";
        /// Number of rows that changed since then.
        MODIFIED_SINCE_ANALYZE = "modified_since_analyze";
    }
    /// Holders that keep VACUUM from removing dead rows: of each kind the one that has held for longest.
    xmin_holders = "xmin_holders" {
        /// Kind of holder: session, prepared transaction, replication slot or standby.
        KIND = "kind";
        /// Name of the application, gid of the prepared transaction, or name of the slot.
        NAME = "name";
        /// State of the session; `active` or `inactive` for a slot.
        STATE = "state";
        /// Transactions whose dead rows it keeps, at the end of the step.
        AGE_TRANSACTIONS = "age_transactions";
        /// The same at the beginning of the step; absent if it began to hold, or let go of some, later.
        BEGIN_AGE_TRANSACTIONS = "begin_age_transactions";
    }
    /// Replication slots with the write-ahead log that they keep.
    replication_slots = "replication_slots" {
        /// Name of the slot.
        SLOT = "slot";
        /// `active` if a consumer is connected at the end of the step, else `inactive`.
        STATE = "state";
        /// State of the log that it keeps, as in `extended`.
        WAL_STATUS = "wal_status";
        /// Log that it kept at the beginning of the step.
        BEGIN_KEPT_BYTES = "begin_kept_bytes";
        /// Log that it keeps at the end of the step.
        KEPT_BYTES = "kept_bytes";
        /// Log that it let go of in the step.
        RELEASED_BYTES = "released_bytes";
        /// Transactions whose dead rows in system catalogs it keeps.
        CATALOG_AGE_TRANSACTIONS = "catalog_age_transactions";
    }
    /// Functions with their time.
    functions = "functions" {
        /// Name of the function.
        FUNCTION = "function";
        /// Calls of the function.
        CALLS = "calls";
        /// Time in it with the functions that it calls.
        TOTAL_NS = "total_ns";
        /// Time in it alone.
        SELF_NS = "self_ns";
    }
    /// Caches of transaction states.
    slru = "slru" {
        /// Name of the cache.
        NAME = "name";
        /// Pages that were read.
        BLOCKS_READ = "blocks_read";
        /// Pages that were found.
        BLOCKS_HIT = "blocks_hit";
        /// Pages that were made.
        BLOCKS_ZEROED = "blocks_zeroed";
    }
    /// Triggers of the tables that were changed.
    triggers = "triggers" {
        /// Table of the trigger.
        RELATION = "relation";
        /// Name of the trigger.
        TRIGGER = "trigger";
        /// Function that it calls.
        FUNCTION = "function";
    }
    /// Indexes of the tables that the load touched.
    indexes = "indexes" {
        /// Table.
        RELATION = "relation";
        /// Name of the index.
        INDEX = "index";
        /// Its columns or expressions, the leading one first.
        COLUMNS = "columns";
    }
    /// Foreign keys without an index on the side that refers.
    unindexed_foreign_keys = "unindexed_foreign_keys" {
        /// Table that refers.
        CHILD = "child";
        /// Columns that refer.
        COLUMNS = "columns";
        /// Table that is referred to.
        PARENT = "parent";
    }
    /// Processes of the server with their CPU time.
    processes = "processes" {
        /// Kind of process.
        BACKEND_TYPE = "backend_type";
        /// Name of the application; `ours` for the load.
        APPLICATION = "application";
        /// Number of processes.
        COUNT = "count";
        /// CPU time of the processes.
        CPU_NS = "cpu_ns";
        /// Time that they were ready to run without a CPU.
        READY_NS = "ready_ns";
    }
    /// Work of the server's background processes, as spans of time.
    background_work = "background_work" {
        /// Kind of process, as in `checkpointer`.
        PROCESS = "process";
        /// Work that it did, as in `checkpoint`.
        WORK = "work";
        /// Start, in nanoseconds of the monotonic clock.
        BEGIN_NS = "begin_ns";
        /// End, in nanoseconds of the monotonic clock.
        END_NS = "end_ns";
    }
}
