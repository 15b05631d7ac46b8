//! Names of the series of a load over time.

use super::macros::{families, figures};

figures! { Series:
    /// Answers per second.
    THROUGHPUT_PER_S = "throughput_per_s";
    /// Failed requests per second.
    ERRORS_PER_S = "errors_per_s";
    /// Median response time.
    LATENCY_P50_NS = "latency.p50_ns";
    /// 99th percentile of the response time.
    LATENCY_P99_NS = "latency.p99_ns";
    /// Longest response time.
    LATENCY_MAX_NS = "latency.max_ns";
    /// Requests that are due and have no answer yet.
    LOAD_UNANSWERED = "load.unanswered";
    /// Rate that the load was to have.
    LOAD_INTENDED_RATE_PER_S = "load.intended_rate_per_s";
    /// Number of users that are present.
    LOAD_USERS = "load.users";
    /// Number of sessions that are present.
    LOAD_SESSIONS = "load.sessions";
    /// Number of users that the load was to have.
    LOAD_INTENDED_USERS = "load.intended_users";
    /// Number of open connections.
    OPEN_CONNECTIONS = "open_connections";
}

families! { Series:
    /// Answers of an operation per second, where the load has two to eight operations.
    OPERATIONS_PER_S = "operations.", ".per_s";
    /// Figure of a server that was watched without a load.
    SERVER = "server.", "";
}
