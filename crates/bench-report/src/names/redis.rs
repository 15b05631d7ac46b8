//! Names of the figures of a Redis server in one step: growth of its counters, gauges, and what was sampled.

use super::macros::{families, figures, tables};

figures! { Server:
    /// Time between the two readings of the server, in seconds.
    INTERVAL_S = "interval_s";
    /// Reads that found their key.
    KEYSPACE_HITS = "keyspace_hits";
    /// Reads that found no key.
    KEYSPACE_MISSES = "keyspace_misses";
    /// Keys that expired.
    EXPIRED_KEYS = "expired_keys";
    /// Keys that were evicted.
    EVICTED_KEYS = "evicted_keys";
    /// Connections that were refused at the limit.
    REJECTED_CONNECTIONS = "rejected_connections";
    /// Errors that the server answered.
    TOTAL_ERROR_REPLIES = "total_error_replies";
    /// Connections that were opened.
    CONNECTIONS_RECEIVED = "connections_received";
    /// Commands that were executed.
    COMMANDS_PROCESSED = "commands_processed";
    /// Bytes that the server received.
    NET_INPUT_BYTES = "net_input_bytes";
    /// Bytes that the server sent.
    NET_OUTPUT_BYTES = "net_output_bytes";
    /// Child processes that were started.
    FORKS = "forks";
    /// Snapshots that were written.
    RDB_SAVES = "rdb_saves";
    /// Times that the append-only file was written anew.
    AOF_REWRITES = "aof_rewrites";
    /// Writes that waited for a flush of the append-only file.
    AOF_DELAYED_FSYNC = "aof_delayed_fsync";
    /// CPU time of looking for expired keys, in milliseconds.
    EXPIRE_CYCLE_CPU_MS = "expire_cycle_cpu_ms";
    /// Times that looking for expired keys reached its time limit.
    EXPIRE_CAP_REACHED = "expire_cap_reached";
    /// Growth of the number of scripts that are kept.
    SCRIPTS_CACHED = "scripts_cached";
    /// Full copies sent to replicas.
    SYNC_FULL = "sync_full";
    /// Replicas that could not continue where they had stopped.
    SYNC_PARTIAL_ERR = "sync_partial_err";
    /// Time of defragmenting memory, in milliseconds.
    ACTIVE_DEFRAG_MS = "active_defrag_ms";
    /// Commands that access rules denied.
    ACL_DENIED = "acl_denied";
    /// Time above `maxmemory`, in milliseconds.
    EVICTION_EXCEEDED_MS = "eviction_exceeded_ms";
    /// Clients that were cut off because of their memory.
    EVICTED_CLIENTS = "evicted_clients";
    /// Time that the main loop was at work, in microseconds.
    EVENTLOOP_BUSY_US = "eventloop_busy_us";
    /// Time of it in commands, in microseconds.
    EVENTLOOP_COMMANDS_US = "eventloop_commands_us";
    /// Clients that were cut off because they did not take their answers.
    OUTPUT_LIMIT_DISCONNECTIONS = "output_limit_disconnections";
    /// Clients that were cut off because their query was too long.
    QUERY_LIMIT_DISCONNECTIONS = "query_limit_disconnections";
    /// Time that the main thread worked, in seconds.
    MAIN_THREAD_ACTIVE_S = "main_thread_active_s";
    /// CPU time of the main thread, in seconds.
    CPU_MAIN_THREAD_S = "cpu_main_thread_s";
    /// Memory that the data uses.
    USED_MEMORY_BYTES = "used_memory_bytes";
    /// Memory of the process.
    RSS_BYTES = "rss_bytes";
    /// Limit of the memory for data.
    MAXMEMORY_BYTES = "maxmemory_bytes";
    /// Memory of the clients' buffers.
    CLIENTS_MEMORY_BYTES = "clients_memory_bytes";
    /// Number of scripts that are kept.
    CACHED_SCRIPTS = "cached_scripts";
    /// Objects that wait to be freed.
    LAZYFREE_PENDING_OBJECTS = "lazyfree_pending_objects";
    /// Limit of the number of clients.
    MAXCLIENTS = "maxclients";
    /// Connections of the cluster.
    CLUSTER_CONNECTIONS = "cluster_connections";
    /// 1 if I/O threads are at work.
    IO_THREADS_ACTIVE = "io_threads_active";
    /// 1 if there is an append-only file.
    AOF_ENABLED = "aof_enabled";
    /// Number of replicas.
    REPLICAS = "replicas";
    /// 1 if the server became a replica or a primary.
    ROLE_CHANGED = "role_changed";
    /// Estimated share of keys that have expired and are still kept.
    EXPIRED_STALE_RATIO = "expired_stale_ratio";
    /// Time of the latest fork, in microseconds.
    LATEST_FORK_US = "latest_fork_us";
    /// Largest number of clients.
    CONNECTED_CLIENTS_MAX = "connected_clients_max";
    /// Largest number of clients that wait on purpose.
    BLOCKED_CLIENTS_MAX = "blocked_clients_max";
    /// Largest output buffer of a client.
    OUTPUT_BUFFER_MAX_BYTES = "output_buffer_max_bytes";
    /// Share of the samples in which a child process was at work.
    SAVING_RATIO = "saving_ratio";
    /// Number of answers to the samples' command.
    ANSWERS = "answers";
    /// Mean time of an answer to it.
    ANSWER_MEAN_NS = "answer_mean_ns";
    /// Shortest time of an answer to it.
    ANSWER_LEAST_NS = "answer_least_ns";
    /// Longest time of an answer to it.
    ANSWER_MOST_NS = "answer_most_ns";
    /// Calls that entered the slow log.
    SLOWLOG_ENTRIES = "slowlog_entries";
    /// Time that the main thread was ready to run without a CPU, in seconds.
    MAIN_THREAD_READY_S = "main_thread_ready_s";
    /// Memory of the process that lies in swap.
    SWAP_BYTES = "swap_bytes";
    /// Number of cores that the main thread may use.
    CORES_ALLOWED = "cores_allowed";
    /// Number of cores that the main thread or the load may use.
    CORES_ALLOWED_EITHER = "cores_allowed_either";
    /// Commands of others per second, of a server that is watched without a load.
    COMMANDS_PER_S = "commands_per_s";
    /// Share of time for which the main thread of a watched server was busy.
    MAIN_THREAD_BUSY_RATIO = "main_thread_busy_ratio";
    /// Share of the reads of a watched server that found their key.
    KEYSPACE_HIT_RATIO = "keyspace_hit_ratio";
    /// Keys of a watched server that expired per second.
    EXPIRED_KEYS_PER_S = "expired_keys_per_s";
    /// Keys of a watched server that were evicted per second.
    EVICTED_KEYS_PER_S = "evicted_keys_per_s";
    /// Bytes per second that a watched server sent.
    NET_OUTPUT_BYTES_PER_S = "net_output_bytes_per_s";
    /// Speed of the network interface between load and server, in bytes per second and direction.
    LINK_BYTES_PER_S = "link_bytes_per_s";
    /// Share of the commands of all nodes of a cluster that the busiest node executed.
    BUSIEST_NODE_CALLS_RATIO = "busiest_node_calls_ratio";
    /// Largest memory that the data used since the server started, in bytes.
    USED_MEMORY_PEAK_BYTES = "used_memory_peak_bytes";
    /// Memory that the allocator uses for the data divided by that of the data.
    FRAGMENTATION_RATIO = "fragmentation_ratio";
    /// Memory of the server's own tables and buffers, in bytes.
    MEMORY_OVERHEAD_BYTES = "memory_overhead_bytes";
    /// Memory of the buffers of replicas, in bytes.
    REPLICAS_MEMORY_BYTES = "replicas_memory_bytes";
    /// Objects that another thread freed.
    LAZYFREED_OBJECTS = "lazyfreed_objects";
    /// Keys in all databases.
    KEYS = "keys";
    /// Keys that will expire.
    EXPIRING_KEYS = "expiring_keys";
    /// Keys whose size was sampled after the step.
    KEYS_SAMPLED = "keys_sampled";
}

families! { Server:
    /// Calls of a command.
    COMMAND_CALLS = "commands.", ".calls";
    /// Time in a command, in microseconds.
    COMMAND_USEC = "commands.", ".usec";
    /// Errors that the server answered, by code.
    ERRORS = "errors.", "";
}

tables! {
    /// Commands with their calls and time.
    commands = "commands" {
        /// Name of the command.
        COMMAND = "command";
        /// Sender: `load`, `pool`, `bench` or `others`.
        WHOSE = "whose";
        /// Calls of the command.
        CALLS = "calls";
        /// Time in it, in microseconds.
        USEC = "usec";
        /// Calls that were refused.
        REJECTED_CALLS = "rejected_calls";
        /// Calls that failed.
        FAILED_CALLS = "failed_calls";
        /// Longest call, in microseconds.
        LONGEST_US = "longest_us";
        /// Sum of the squares of the calls' times, in square microseconds.
        SQUARES_US2 = "squares_us2";
    }
    /// Commands of the slow log.
    slow_calls = "slow_calls" {
        /// Name of the command.
        COMMAND = "command";
        /// Number of its calls in the slow log.
        CALLS = "calls";
        /// Longest of them, in microseconds.
        LONGEST_US = "longest_us";
        /// Time of all of them, in microseconds.
        USEC = "usec";
        /// Largest number of arguments.
        ARGUMENTS_MAX = "arguments_max";
        /// Script of the longest of them: its function, or the start of its SHA-1; missing for other commands.
        SCRIPT = "script";
    }
    /// Clients that do something special.
    clients = "clients" {
        /// What they do, as in `monitor`.
        KIND = "kind";
        /// Name that the client gave itself.
        NAME = "name";
        /// Host of the client.
        ADDRESS = "address";
        /// Last command of the client.
        COMMAND = "command";
        /// Number of clients.
        CLIENTS = "clients";
        /// Answers that they have not taken.
        OUTPUT_BYTES = "output_bytes";
    }
    /// Times at which a child process was at work.
    saving = "saving" {
        /// Work that it did, as in `snapshot`.
        WHAT = "what";
        /// Start, in nanoseconds of the monotonic clock.
        FROM_NS = "from_ns";
        /// End, in nanoseconds of the monotonic clock.
        TO_NS = "to_ns";
    }
    /// Settings that influence the cost of requests.
    settings = "settings" {
        /// Name of the setting.
        SETTING = "setting";
        /// Value of the setting.
        VALUE = "value";
    }
    /// Nodes of a cluster. A replica repeats the writes of its primary, so it has a row and counts in no sum.
    nodes = "nodes" {
        /// Host and port of the node.
        NODE = "node";
        /// Role of the node: `primary` or `replica`; missing if it was not read.
        ROLE = "role";
        /// Reason for which the node was not read; missing if it was.
        REASON = "reason";
        /// Time between the two readings of the node, in seconds.
        INTERVAL_S = "interval_s";
        /// Number of slots whose keys the node holds.
        SLOTS = "slots";
        /// Commands that the node executed, without those of this program's own readings.
        CALLS = "calls";
        /// Commands per second.
        CALLS_PER_S = "calls_per_s";
        /// Share of the commands of all primaries; missing if one of them was not read.
        CALLS_RATIO = "calls_ratio";
        /// Share of time for which the thread that executes commands was busy.
        BUSY_RATIO = "busy_ratio";
        /// Bytes that the node received.
        NET_INPUT_BYTES = "net_input_bytes";
        /// Bytes that the node sent.
        NET_OUTPUT_BYTES = "net_output_bytes";
        /// Memory that its data uses.
        USED_MEMORY_BYTES = "used_memory_bytes";
        /// Keys in the node.
        KEYS = "keys";
    }
    /// Events of the server's latency monitor.
    latency_events = "latency_events" {
        /// Name of the event, as in `command` or `fork`.
        EVENT = "event";
        /// Seconds of the step in which it happened.
        SECONDS = "seconds";
        /// Longest of them, in microseconds.
        LONGEST_US = "longest_us";
    }
    /// Percentiles of the time in each command since the server started or its statistics were reset.
    call_percentiles = "call_percentiles" {
        /// Name of the command.
        COMMAND = "command";
        /// Median, in microseconds.
        P50_US = "p50_us";
        /// 99th percentile, in microseconds.
        P99_US = "p99_us";
        /// 99.9th percentile, in microseconds.
        P999_US = "p999_us";
    }
    /// Largest, most used and slow keys below the prefix of the run.
    key_hints = "key_hints" {
        /// Name of the key; parts of it that may be secret are masked.
        KEY = "key";
        /// Reason for which it is listed: `big`, `hot` or `slow`.
        WHY = "why";
        /// Command of the slow log that used it; missing for others.
        COMMAND = "command";
        /// Type of its value, as in `list`.
        TYPE = "type";
        /// Encoding of its value, as in `quicklist`.
        ENCODING = "encoding";
        /// Memory of key and value, in bytes.
        BYTES = "bytes";
        /// Number of elements of its value; missing for a string.
        ELEMENTS = "elements";
        /// Logarithmic counter of accesses that the server keeps for its eviction by frequency.
        FREQUENCY = "frequency";
    }
    /// Sizes of values up to which the server uses a compact encoding.
    encoding_limits = "encoding_limits" {
        /// Setting or property that the limit is about.
        LIMIT = "limit";
        /// Encoding up to the limit.
        COMPACT = "compact";
        /// Encoding beyond the limit.
        LARGER = "larger";
        /// Largest size that had the compact encoding.
        FOUND = "found";
        /// Limit by the server's setting.
        CONFIGURED = "configured";
    }
}
