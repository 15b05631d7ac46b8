//! Names of the figures of a step.

use super::macros::{families, figures};

figures! { Step:
    /// Answers ÷ planned arrivals.
    CARRIED_RATIO = "carried_ratio";
    /// Commands of successful requests per second, of which a pipeline has several.
    COMMANDS_PER_S = "commands_per_s";
    /// Largest 99th percentile of an interval of the measured part.
    WORST_INTERVAL_P99_NS = "worst_interval_p99_ns";
    /// Arrivals that a lost worker process did not make.
    ARRIVALS_NOT_MADE = "arrivals_not_made";
    /// Round trips that the driver adds to each request.
    EXTRA_ROUND_TRIPS_PER_REQUEST = "extra_round_trips_per_request";
    /// Time from the release of the connections until requests were as fast as before.
    RECOVERY_NS = "recovery_ns";
    /// Median wait for a connection.
    WAIT_MEDIAN_NS = "wait.median_ns";
    /// Longest wait for a connection.
    WAIT_LONGEST_NS = "wait.longest_ns";
    /// Longest wait ÷ median wait.
    WAIT_LONGEST_BY_MEDIAN_RATIO = "wait.longest_by_median_ratio";
    /// Requests that gave up waiting.
    WAIT_GAVE_UP = "wait.gave_up";
    /// Requests that others overtook.
    WAIT_PASSED_OVER = "wait.passed_over";
    /// Requests that waited far longer than the others.
    WAIT_STARVED = "wait.starved";
    /// Holders that got no connection.
    HOLDERS_FAILED = "holders.failed";
    /// Holders that did not give their connection back.
    HOLDERS_KEPT = "holders.kept";
    /// Times that every connection was held by a request that waits for another one.
    DEADLOCK_TIMES = "deadlock.times";
    /// Time of these deadlocks.
    DEADLOCK_TOTAL_NS = "deadlock.total_ns";
    /// Longest of these deadlocks.
    DEADLOCK_LONGEST_NS = "deadlock.longest_ns";
    /// Requests that ended such a deadlock by giving up.
    DEADLOCK_TIMED_OUT = "deadlock.timed_out";
    /// Median time of connecting to the port.
    CONNECT_NETWORK_NS = "connect.network_ns";
    /// Median time of the TLS handshake.
    CONNECT_TLS_NS = "connect.tls_ns";
    /// Median time of the login.
    CONNECT_LOGIN_NS = "connect.login_ns";
    /// Median time of the first statement.
    CONNECT_FIRST_STATEMENT_NS = "connect.first_statement_ns";
    /// Median time of the same statement once more.
    CONNECT_SAME_AGAIN_NS = "connect.same_again_ns";
    /// Median time until the first answer.
    CONNECT_WHOLE_NS = "connect.whole_ns";
    /// Logins that were asked for at once.
    STORM_LOGINS = "storm.logins";
    /// Time until all of them were in.
    STORM_WHOLE_NS = "storm.whole_ns";
    /// Logins of the storm that failed.
    STORM_FAILED = "storm.failed";
    /// Median time from the beginning of the storm to the first answer on a connection.
    STORM_MEDIAN_NS = "storm.median_ns";
    /// Longest of these times.
    STORM_LONGEST_NS = "storm.longest_ns";
    /// Connections of a client that an event at the server ended.
    EVENT_CONNECTIONS_ENDED = "event.connections_ended";
    /// Requests that failed or were never answered from the event on.
    EVENT_REQUESTS_FAILED = "event.requests_failed";
    /// Time from the end of the event to the first success.
    EVENT_FIRST_SUCCESS_NS = "event.first_success_ns";
    /// 99th percentile of the latency before the event.
    EVENT_BASE_P99_NS = "event.base_p99_ns";
    /// Time from the end of the event until requests were as fast as before.
    EVENT_P99_BACK_NS = "event.p99_back_ns";
    /// The same time, if the step ended too early to confirm it.
    EVENT_P99_UNCONFIRMED_NS = "event.p99_unconfirmed_ns";
    /// Connections that the server took from the client since the event.
    EVENT_CONNECTIONS_OPENED = "event.connections_opened";
    /// Requests that were not over when the part ended.
    UNFINISHED = "unfinished";
    /// Connections that the pool opened.
    POOL_OPENED = "pool.opened";
    /// Sessions that the server began.
    SERVER_OPENED = "server.opened";
    /// Sessions that the server ended.
    SERVER_CLOSED = "server.closed";
    /// Sessions that were open at the end.
    SERVER_OPEN_AT_END = "server.open_at_end";
    /// Largest number of sessions at once.
    SERVER_OPEN_MOST = "server.open_most";
    /// Time in which the server could not be asked.
    SERVER_UNCOUNTED_NS = "server.uncounted_ns";
    /// Sessions that were lost while the server was away.
    SERVER_LOST = "server.lost";
    /// Sessions that were established again afterwards.
    SERVER_REESTABLISHED = "server.reestablished";
    /// Connections that never came back to the pool.
    LEAKS_IN_USE = "leaks.in_use";
    /// Sessions of the server that belong to them.
    LEAKS_SESSIONS = "leaks.sessions";
    /// Response time of the first requests after a pause.
    WARM_UP_FIRST_NS = "warm_up.first_ns";
    /// Response time of later requests.
    WARM_UP_LATER_NS = "warm_up.later_ns";
    /// Share of the load's reads that found their key.
    HIT_RATIO = "hit_ratio";
    /// Share of the server's reads that found their key.
    SERVER_HIT_RATIO = "server_hit_ratio";
    /// Decisions of a rate limiter.
    LIMITER_DECISIONS = "limiter.decisions";
    /// Whole windows of the clock, counted for each limiter.
    LIMITER_WINDOWS = "limiter.windows";
    /// Requests admitted in whole windows ÷ requests that the limit allows in them.
    LIMITER_ADMITTED_RATIO = "limiter.admitted_ratio";
    /// Requests admitted beyond the limit of their window ÷ requests that the limit allows.
    LIMITER_OVER_ADMITTED_RATIO = "limiter.over_admitted_ratio";
    /// Requests refused within the limit of their window ÷ requests that the limit allows.
    LIMITER_UNDER_ADMITTED_RATIO = "limiter.under_admitted_ratio";
    /// Most requests that a limiter admitted in any stretch as long as a window ÷ the limit.
    LIMITER_WORST_WINDOW_RATIO = "limiter.worst_window_ratio";
    /// Most requests that the algorithm admits in a stretch as long as a window ÷ the limit.
    LIMITER_BOUND_RATIO = "limiter.bound_ratio";
    /// Most requests that a limiter admitted in any tenth of a window.
    LIMITER_WORST_BURST = "limiter.worst_burst";
    /// Limiters that refused requests to the end because of a counter without an expiry.
    LIMITER_NEVER_EXPIRING = "limiter.never_expiring";
    /// Decisions that clients made without an answer of Redis.
    LIMITER_WITHOUT_ANSWER = "limiter.without_answer";
    /// Time of the server's thread in the commands of one decision.
    LIMITER_SERVER_NS = "limiter.server_ns";
    /// Decisions that are those of the algorithm's model.
    LIMITER_AGREED = "limiter.agreed";
    /// Decisions that are not those of the algorithm's model.
    LIMITER_DISAGREED = "limiter.disagreed";
    /// Decisions that could not be compared with a model.
    LIMITER_UNVERIFIED = "limiter.unverified";
    /// Share of reads that find their key after a long time at the throughput of the step.
    THEORY_HIT_RATIO = "theory_hit_ratio";
    /// Hit ratio in the last third of the step less that in the first.
    HIT_DRIFT_RATIO = "hit_drift_ratio";
    /// Mean latency of reads, hits and misses together, with the back-end behind the cache.
    EFFECTIVE_MEAN_NS = "effective_mean_ns";
    /// 99th percentile of the latency of reads, hits and misses together.
    EFFECTIVE_P99_NS = "effective_p99_ns";
    /// Mean time that a miss waited for the back-end.
    BACKEND_MEAN_NS = "backend_mean_ns";
    /// Calls of the back-end per second by misses that were answered.
    BACKEND_CALLS_PER_S = "backend_calls_per_s";
    /// Share of the reads that did not call the back-end.
    BACKEND_SAVED_RATIO = "backend_saved_ratio";
    /// Share of the reads that a cache in the client's memory answered, whether still valid or not.
    CLIENT_CACHE_HIT_RATIO = "client_cache.hit_ratio";
    /// Share of the reads that this cache answered with a value that the load's writes had outdated.
    CLIENT_CACHE_STALE_RATIO = "client_cache.stale_ratio";
    /// Keys that the server told this cache to remove while the load was measured.
    CLIENT_CACHE_INVALIDATIONS = "client_cache.invalidations";
    /// Keys that this cache removed for others while the load was measured.
    CLIENT_CACHE_EVICTIONS = "client_cache.evictions";
    /// Expiries of the hot key, with the warm-up.
    STAMPEDE_EXPIRIES = "stampede.expiries";
    /// Calls of the back-end at an expiry of the hot key, on average.
    STAMPEDE_CALLS_PER_EXPIRY = "stampede.calls_per_expiry";
    /// Calls at an expiry that theory expects without a guard.
    STAMPEDE_EXPECTED_CALLS = "stampede.expected_calls";
    /// Largest number of calls at one expiry.
    STAMPEDE_WORST_CALLS = "stampede.worst_calls";
    /// Largest number of calls of the back-end at the same time.
    STAMPEDE_MOST_AT_ONCE = "stampede.most_at_once";
    /// Requests at an expiry that found no value, on average.
    STAMPEDE_STALLED_PER_EXPIRY = "stampede.stalled_per_expiry";
    /// Requests per second in whose steady state the keys were when the step began.
    PRELOAD_RATE_PER_S = "preload_rate_per_s";
    /// Connections that the load opened while it was measured.
    CONNECTIONS_OPENED = "connections.opened";
    /// Attempts of the load to open a connection that failed while it was measured.
    CONNECTIONS_FAILED = "connections.failed";
    /// Connections that the load gave up while it was measured, because they broke or failed a check.
    CONNECTIONS_LOST = "connections.lost";
    /// Redirections to the node to which a slot of a cluster belongs now, which the load followed.
    REDIRECTIONS_MOVED = "redirections.moved";
    /// Redirections to the node that is about to get a slot of a cluster, which the load followed.
    REDIRECTIONS_ASK = "redirections.ask";
    /// Longest time in which no request succeeded, whoever made it, in a step with failures.
    OUTAGE_LONGEST_NS = "outage.longest_ns";
    /// 1 if that time lasted until the end of the step, 0 otherwise.
    OUTAGE_OPEN = "outage.open";
    /// Bytes of the replication that the replica had not received, on average.
    REPLICA_LAG_MEAN_BYTES = "replica.lag_mean_bytes";
    /// Largest number of these bytes that was seen.
    REPLICA_LAG_MOST_BYTES = "replica.lag_most_bytes";
    /// Share of the looks at which the replica was not connected to its primary.
    REPLICA_UNLINKED_RATIO = "replica.unlinked_ratio";
    /// Share of the reads that find their key in a simulation of the server's evictions.
    SIMULATED_HIT_RATIO = "simulated_hit_ratio";
    /// Keys that a server with a limit of its memory held at the end.
    KEYS_HELD = "keys_held";
    /// Connections that were open at the end.
    OPEN_CONNECTIONS = "open_connections";
    /// Memory of the load's processes.
    CLIENT_RSS_BYTES = "client.rss_bytes";
    /// Connections that were checked at the end.
    CHECKED_CONNECTIONS = "checked_connections";
    /// Connections that were lost.
    LOST_CONNECTIONS = "lost_connections";
    /// Messages that were sent in the measured part.
    MESSAGES_SENT = "messages_sent";
    /// Messages that were received in the measured part.
    MESSAGES_RECEIVED = "messages_received";
    /// Bytes in the messages that were sent in the measured part.
    BYTES_SENT = "bytes_sent";
    /// Bytes in the messages that were received in the measured part.
    BYTES_RECEIVED = "bytes_received";
    /// Messages that were sent per second.
    MESSAGES_SENT_PER_S = "messages_sent_per_s";
    /// Messages that were received per second.
    MESSAGES_RECEIVED_PER_S = "messages_received_per_s";
    /// Bytes in messages that were sent per second.
    BYTES_SENT_PER_S = "bytes_sent_per_s";
    /// Bytes in messages that were received per second.
    BYTES_RECEIVED_PER_S = "bytes_received_per_s";
    /// Messages that were never answered.
    LOST_MESSAGES = "lost_messages";
    /// Answers that came after the time-out of their message.
    LATE_ANSWERS = "late_answers";
    /// Answers to messages that had been answered before.
    DUPLICATE_ANSWERS = "duplicate_answers";
    /// Incoming messages that answer none.
    UNMATCHED_MESSAGES = "unmatched_messages";
    /// Connections that were established per second.
    ESTABLISHED_PER_S = "established_per_s";
    /// Keys whose memory was measured.
    MEMORY_MEASURED_KEYS = "memory.measured_keys";
    /// Measured memory of a key with its value and its share of the tables.
    MEMORY_KEY_BYTES = "memory.key_bytes";
    /// Memory of a key that was predicted before the keys were written.
    MEMORY_PREDICTED_BYTES = "memory.predicted_bytes";
    /// Predicted memory ÷ measured memory − 1.
    MEMORY_PREDICTION_ERROR_RATIO = "memory.prediction_error_ratio";
    /// Bytes of a key's name and value that the application stores.
    MEMORY_PAYLOAD_BYTES = "memory.payload_bytes";
    /// Measured memory of a key beyond its payload.
    MEMORY_OVERHEAD_BYTES = "memory.overhead_bytes";
    /// Part of the prediction: MEMORY USAGE of a key.
    MEMORY_USAGE_BYTES = "memory.usage_bytes";
    /// Part of the prediction: rounding of a key's allocations.
    MEMORY_ROUNDING_BYTES = "memory.rounding_bytes";
    /// Part of the prediction: expiry of a key.
    MEMORY_EXPIRY_BYTES = "memory.expiry_bytes";
    /// Part of the prediction: growth of the tables for a key.
    MEMORY_TABLES_BYTES = "memory.tables_bytes";
    /// Keys that were written before the server refused or evicted one.
    LIMIT_KEYS = "limit.keys";
    /// Keys that were predicted to fit.
    LIMIT_PREDICTED_KEYS = "limit.predicted_keys";
    /// Memory that the server used when it first refused or evicted a key.
    LIMIT_USED_BYTES = "limit.used_bytes";
    /// Keys that clients wrote or tried to write.
    LIMIT_WRITES = "limit.writes";
    /// Writes that the server refused.
    LIMIT_REFUSED_WRITES = "limit.refused_writes";
    /// Keys that the server evicted.
    LIMIT_EVICTED_KEYS = "limit.evicted_keys";
    /// Keys that the server took and that clients could not find afterwards.
    LIMIT_LOST_KEYS = "limit.lost_keys";
    /// Log-ins of users that were acknowledged, in the whole step.
    SESSIONS_LOG_INS = "sessions.log_ins";
    /// Log-outs that were acknowledged, in the whole step.
    SESSIONS_LOG_OUTS = "sessions.log_outs";
    /// Changes of users' sessions that were acknowledged, in the whole step.
    SESSIONS_UPDATES = "sessions.updates";
    /// Acknowledged changes that a later read did not find.
    SESSIONS_LOST_UPDATES = "sessions.lost_updates";
    /// Changes that were written over another one, which they had not read.
    SESSIONS_OVERWRITTEN_UPDATES = "sessions.overwritten_updates";
    /// Changes that the store refused because another one had come first; they were repeated.
    SESSIONS_REFUSED_UPDATES = "sessions.refused_updates";
    /// Sessions that were there after their acknowledged log-out, or in part after their expiry.
    SESSIONS_RESURRECTED = "sessions.resurrected";
    /// Sessions that were gone before the end of their life.
    SESSIONS_LOST = "sessions.lost";
    /// Sessions that expired between two page views of their user.
    SESSIONS_TIMED_OUT = "sessions.timed_out";
    /// Abandoned sessions that were still there after their expiry.
    SESSIONS_OUTLIVED = "sessions.outlived";
    /// Members of users' indexes whose session had expired.
    SESSIONS_ORPHANS = "sessions.orphans";
    /// CSRF tokens that were checked.
    SESSIONS_TOKEN_CHECKS = "sessions.token_checks";
    /// CSRF tokens that were accepted more than once.
    SESSIONS_TOKENS_ACCEPTED_TWICE = "sessions.tokens_accepted_twice";
    /// CSRF tokens that were refused before the end of their life.
    SESSIONS_TOKENS_LOST = "sessions.tokens_lost";
    /// Memory of a session on the server, with the index of a user who has one session.
    SESSIONS_EACH_BYTES = "sessions.each_bytes";
    /// Requests of the trace that a replay was to send, in the whole step.
    REPLAY_REQUESTS = "replay.requests";
    /// Requests of the trace that were not sent.
    REPLAY_UNSENT = "replay.unsent";
    /// Requests that were sent more than 10 ms after their instant in the trace.
    REPLAY_LATE = "replay.late";
    /// Longest time from the instant of a request in the trace until it was sent.
    REPLAY_LONGEST_LAG_NS = "replay.longest_lag_ns";
}

families! { Step:
    /// Logins of the storm that failed, by the kind of failure.
    STORM_FAILED_BY_KIND = "storm.failed.", "";
    /// Largest number of requests that were due and had no answer, in a segment of the load.
    BACKLOG_BY_SEGMENT = "backlog.", "";
    /// Share of the users' time in a part, as in `checkout`.
    TIME_SHARES = "time.", "_ratio";
    /// Percentile of a phase of opening a connection, as in `tcp_p99`.
    CONNECT_PHASES = "connect.", "_ns";
    /// Time that a leaked session was idle, in seconds, by its process.
    LEAK_IDLE_S = "leaks.idle_s.pid_", "";
    /// Connections that were lost, by the kind of failure.
    LOST_BY_KIND = "lost_connections.", "";
    /// Memory that the server used in a state of the churn, as in `halved`.
    CHURN_USED_BYTES = "churn.", ".used_bytes";
    /// Memory of the server's process in a state of the churn.
    CHURN_RSS_BYTES = "churn.", ".rss_bytes";
    /// Memory that the allocator keeps ÷ memory that is used, in a state of the churn.
    CHURN_FRAGMENTATION_RATIO = "churn.", ".fragmentation_ratio";
}
