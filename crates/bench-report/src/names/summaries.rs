//! Names of the figures of a report's summary.

use super::macros::{families, figures};

figures! { Summary:
    /// Highest throughput of a setting.
    BEST_THROUGHPUT_PER_S = "best_throughput_per_s";
    /// Share of the load's reads that found their key.
    HIT_RATIO = "hit_ratio";
    /// Share of the server's reads that found their key.
    SERVER_HIT_RATIO = "server_hit_ratio";
    /// Share of the pages that were found in shared buffers.
    CACHE_HIT_RATIO = "cache_hit_ratio";
    /// Connections that are left for all but superusers.
    CONNECTIONS_HEADROOM = "connections.headroom";
    /// Connections that were held at once.
    CONNECTIONS_HELD = "connections_held";
    /// Connections that the server has for all instances.
    FLEET_CONNECTIONS_AVAILABLE = "fleet_connections_available";
    /// Largest error of the predictions of memory, without its sign.
    WORST_PREDICTION_ERROR_RATIO = "memory.worst_prediction_error_ratio";
    /// CPU time of the recorder.
    OWN_CPU_NS = "own.cpu_ns";
    /// CPU time of the recorder per sample.
    OWN_CPU_PER_SAMPLE_NS = "own.cpu_per_sample_ns";
    /// Largest memory of the recorder.
    OWN_RSS_MAX_BYTES = "own.rss_max_bytes";
    /// Mean time of reading the GPUs.
    OWN_GPU_READ_NS_MEAN = "own.gpu_read_ns_mean";
    /// Longest time of reading the GPUs.
    OWN_GPU_READ_NS_MAX = "own.gpu_read_ns_max";
    /// Number of samples.
    SAMPLES = "samples";
    /// Number of samples that were left out.
    MISSED_SAMPLES = "missed_samples";
    /// Rows of the raw recording.
    RAW_ROWS = "raw.rows";
    /// Bytes of the raw recording.
    RAW_WRITTEN_BYTES = "raw.written_bytes";
    /// Samples that could not be written.
    RAW_DROPPED_SAMPLES = "raw.dropped_samples";
    /// Time in which nothing could be written.
    RAW_OUTAGE_NS = "raw.outage_ns";
    /// Exit code of the command that was recorded.
    COMMAND_EXIT_CODE = "command.exit_code";
    /// CPU time of the command that was recorded.
    COMMAND_CPU_NS = "command.cpu_ns";
}

families! { Summary:
    /// Highest throughput of a client or scenario.
    THROUGHPUT_BY_GROUP = "throughput_per_s.", "";
    /// Connections of all instances with the recommended pool.
    FLEET_CONNECTIONS = "", ".fleet_connections";
    /// Pool size that was predicted from another host.
    PREDICTED_CONNECTIONS = "", ".predicted_connections";
    /// Error of that prediction.
    PREDICTION_ERROR_RATIO = "", ".prediction_error_ratio";
    /// Throughput of one user, by the universal scalability law.
    USL_LAMBDA_PER_S = "", ".usl.lambda_per_s";
    /// Share of the work that cannot be done in parallel.
    USL_CONTENTION_RATIO = "", ".usl.contention_ratio";
    /// Cost of keeping users consistent with each other.
    USL_COHERENCY_RATIO = "", ".usl.coherency_ratio";
    /// Share of the variance that the law explains.
    USL_R_SQUARED = "", ".usl.r_squared";
    /// Number of users with the highest throughput, by the law.
    USL_PEAK = "", ".usl.peak";
    /// Round trips that a driver adds to each request.
    EXTRA_ROUND_TRIPS = "", "_extra_round_trips_per_request";
    /// Number of users from which requests wait for a connection.
    WAIT_BEGINS_USERS = "", ".wait_begins_users";
    /// Difference between the users and throughput × time of a request.
    LITTLE_DISCREPANCY_RATIO = "", ".little_discrepancy_ratio";
    /// Highest throughput of a driver.
    BEST_THROUGHPUTS = "", ".best_throughput_per_s";
    /// Longest wait for a connection.
    LONGEST_WAITS = "", ".longest_wait_ns";
    /// Requests that waited far longer than the others.
    STARVED = "", ".starved";
    /// Time until requests were as fast as before.
    RECOVERIES = "", ".recovery_ns";
    /// Times that requests waited for each other's connections.
    DEADLOCKS = "", ".deadlocks";
    /// Connections that were opened.
    OPENED = "", ".opened";
    /// Connections that were closed.
    CLOSED = "", ".closed";
    /// Connections that were opened after others had been closed.
    ESTABLISHED_AGAIN = "", ".established_again";
    /// Time in which the server could not be asked.
    UNCOUNTED_NS = "", ".uncounted_ns";
    /// Sessions that were lost while the server was away.
    LOST = "", ".lost";
    /// Sessions that were established again afterwards.
    REESTABLISHED = "", ".reestablished";
    /// Connections that never came back.
    LEAKED = "", ".leaked";
    /// Median time of a phase of opening a connection.
    CONNECT_PHASES = "connect.", "_ns";
    /// Mean of a series of the machine.
    MACHINE_MEANS = "", "_mean";
    /// Largest value of a series of the machine.
    MACHINE_MAXIMA = "", "_max";
}
