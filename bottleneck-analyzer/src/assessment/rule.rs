//! Names of the rules.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Defines [`Rule`]: one variant for each rule, with its name in assessments.
macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Rule of this program. A finding's parent and another rule's symptom refer to rules by this type, so
        /// that the compiler checks that they exist.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Rule {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Rule {
            /// All rules, by name.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the name used in assessments and in the ids of findings, as in `lock_waits`. It never
            /// changes, because reports of earlier versions contain it.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

rules! {
    /// Calls take longer while autovacuum works.
    Autovacuum = "autovacuum",
    /// Many requests call the back-end at once when a value of a cache expires.
    CacheStampede = "cache_stampede",
    /// Requests that never came back make the tail longer than shown.
    CensoredTail = "censored_tail",
    /// A pool asks the server before each call whether the connection still works.
    CheckoutCheck = "checkout_check",
    /// Checkout from the pool takes a large share of a call.
    CheckoutCost = "checkout_cost",
    /// Sessions wait for the client to read or send.
    ClientWaits = "client_waits",
    /// Commits wait until their log is on disk.
    CommitWaits = "commit_waits",
    /// Connections are opened during the load.
    ConnectionStorm = "connection_storm",
    /// The server's connections are nearly used up.
    ConnectionsNearLimit = "connections_near_limit",
    /// The firewall's table of connections is full.
    ConntrackFull = "conntrack_full",
    /// Programs outside the run use the CPU.
    CpuOthers = "cpu_others",
    /// Server and generator use the CPU up.
    CpuSaturated = "cpu_saturated",
    /// Dead rows are read with the live ones.
    DeadRows = "dead_rows",
    /// The server ended transactions that waited for each other.
    Deadlocks = "deadlocks",
    /// Calls get slower, or throughput falls, in the course of a step.
    Drift = "drift",
    /// A program outside the run keeps the disks busy.
    DiskOthers = "disk_others",
    /// Requests fail, within the objective.
    Errors = "errors",
    /// Requests fail at settings that are not the operating point.
    ErrorsElsewhere = "errors_elsewhere",
    /// More requests fail than the objective allows.
    ErrorsPastObjective = "errors_past_objective",
    /// Redis evicts keys because its memory is full.
    Evictions = "evictions",
    /// A file system is nearly full.
    FileSystemFull = "file_system_full",
    /// A file system does not answer.
    FileSystemHung = "file_system_hung",
    /// A search found the highest rate that holds.
    FoundRate = "found_rate",
    /// Whole pages are written to the log after checkpoints.
    FullPageImages = "full_page_images",
    /// A function or trigger takes the time.
    FunctionTime = "function_time",
    /// The generator itself was late or full.
    GeneratorSpoiltResults = "generator_spoilt_results",
    /// The memory or the compute of a GPU is used up.
    GpuLimit = "gpu_limit",
    /// A control group is at its memory limit.
    GroupMemoryLimit = "group_memory_limit",
    /// A control group may start no more processes.
    GroupPidsLimit = "group_pids_limit",
    /// A file system has hardly any inodes left.
    InodesUsedUp = "inodes_used_up",
    /// Sessions wait for files.
    IoWaits = "io_waits",
    /// Compiling expressions takes the time.
    Jit = "jit",
    /// Transactions stay open while the client does something else.
    KeptTransactions = "kept_transactions",
    /// Calls take longer than the objective allows.
    LatencyPastObjective = "latency_past_objective",
    /// Connections are not given back to the pool.
    LeakedConnections = "leaked_connections",
    /// Counters of a rate limiter never expire.
    LimiterLocksOut = "limiter_locks_out",
    /// A rate limiter admits more than its limit allows.
    LimiterOverAdmits = "limiter_over_admits",
    /// A network link is used up.
    LinkSaturated = "link_saturated",
    /// A listening socket refused connections.
    ListenOverflows = "listen_overflows",
    /// Throughput and times of a step contradict the number of its users.
    LittlesLaw = "littles_law",
    /// Sessions wait for a lock that another session holds.
    LockWaits = "lock_waits",
    /// Few reads find their key in the cache.
    LowHitRatio = "low_hit_ratio",
    /// Sessions wait for an internal lock.
    LwlockWaits = "lwlock_waits",
    /// The memory of a process keeps growing.
    MemoryGrowth = "memory_growth",
    /// Programs wait for memory.
    MemoryPressure = "memory_pressure",
    /// The machine's memory is nearly used up.
    MemoryUsed = "memory_used",
    /// A request takes a second connection while it holds one.
    NestedCheckout = "nested_checkout",
    /// The kernel ended a process for lack of memory.
    OomKill = "oom_kill",
    /// Other applications use the same server.
    OtherApplications = "other_applications",
    /// Sessions wait for something that the catalogue does not know.
    OtherWaits = "other_waits",
    /// The machine dropped packets.
    PacketDrops = "packet_drops",
    /// Sessions wait for their parallel workers.
    ParallelQueries = "parallel_queries",
    /// Planning takes the time.
    PlanningTime = "planning_time",
    /// A smaller pool would carry the same load.
    PoolTooLarge = "pool_too_large",
    /// Calls queue for a connection, and the server has room.
    PoolTooSmall = "pool_too_small",
    /// Ports for outgoing connections are used up.
    PortsUsedUp = "ports_used_up",
    /// Prepared transactions that nobody ends.
    PreparedTransactions = "prepared_transactions",
    /// Sessions wait for pages that are not in memory.
    ReadWaits = "read_waits",
    /// Writes wait for the append-only file.
    RedisAppendOnly = "redis_append_only",
    /// Bytes sent and received use Redis's thread.
    RedisBytes = "redis_bytes",
    /// Connections are opened all the time.
    RedisChurn = "redis_churn",
    /// A command of another client holds Redis up.
    RedisCommand = "redis_command",
    /// Small collections of Redis are not stored compactly.
    RedisEncodings = "redis_encodings",
    /// Expiring keys takes the time.
    RedisExpiry = "redis_expiry",
    /// Redis keeps memory that its data cannot use.
    RedisFragmentation = "redis_fragmentation",
    /// A node of a Redis cluster gets most of the commands.
    RedisHotKey = "redis_hot_key",
    /// Redis turns clients away.
    RedisMaxclients = "redis_maxclients",
    /// Redis does otherwise than its policy says when its memory is full.
    RedisMemoryLimit = "redis_memory_limit",
    /// Keys take another memory than predicted.
    RedisMemoryPrediction = "redis_memory_prediction",
    /// A client runs MONITOR.
    RedisMonitor = "redis_monitor",
    /// Carrying large values takes the time.
    RedisNetworkBytes = "redis_network_bytes",
    /// Redis waits for a CPU.
    RedisNoCpu = "redis_no_cpu",
    /// Single commands take far longer than the others.
    RedisOutliers = "redis_outliers",
    /// A client does not read its answers.
    RedisOutput = "redis_output",
    /// A command paused the clients.
    RedisPaused = "redis_paused",
    /// Redis cut clients off whose request was too long.
    RedisQueryLimit = "redis_query_limit",
    /// A pool checks each connection with a round trip before it hands it out.
    RedisRecycling = "redis_recycling",
    /// The way to Redis takes the time.
    RedisRoundTrips = "redis_round_trips",
    /// Redis writes its data to disk.
    RedisSaving = "redis_saving",
    /// Redis keeps many scripts.
    RedisScripts = "redis_scripts",
    /// The server was not observed.
    RedisServer = "redis_server",
    /// Redis did not answer for a while.
    RedisStall = "redis_stall",
    /// Memory of Redis was swapped out.
    RedisSwap = "redis_swap",
    /// Repeats of one setting measure different things.
    RepeatsDisagree = "repeats_disagree",
    /// Checkpoints came before their time.
    RequestedCheckpoints = "requested_checkpoints",
    /// TCP sends segments again.
    Retransmits = "retransmits",
    /// Transactions were rolled back although no request failed.
    RolledBack = "rolled_back",
    /// Answers from the network take the time.
    RoundTrips = "round_trips",
    /// Whole tables are read.
    SequentialScans = "sequential_scans",
    /// A store of sessions loses changes or sessions.
    SessionRaces = "session_races",
    /// Statements sleep.
    Sleeps = "sleeps",
    /// A replication slot keeps more and more of the write-ahead log.
    SlotWal = "slot_wal",
    /// Time until a target answers as fast as before a spike.
    SpikeRecovery = "spike_recovery",
    /// Calls stood still for a while.
    Stalls = "stalls",
    /// A statement uses the CPU.
    StatementCpu = "statement_cpu",
    /// The hypervisor gave the machine's CPU to others.
    Steal = "steal",
    /// A step could not run.
    StepFailed = "step_failed",
    /// A stop rule ended steps.
    StepsStopped = "stopped_by_rule",
    /// The machine swaps.
    Swapping = "swapping",
    /// Commits wait for a replica.
    SyncReplica = "sync_replica",
    /// The machine was not recorded.
    SysmonMissing = "sysmon_missing",
    /// Sorts or hashes spill to disk.
    TempFiles = "temp_files",
    /// A CPU quota holds the server up.
    Throttled = "throttled",
    /// Large values are read from TOAST tables.
    Toast = "toast",
    /// Full buffers drop datagrams.
    UdpDrops = "udp_drops",
    /// Time of a call that no figure of the reports explains.
    UnexplainedTime = "unexplained_time",
    /// A foreign key without an index is checked by whole scans.
    UnindexedForeignKey = "unindexed_foreign_key",
    /// Updates write to every index.
    UpdatesTouchIndexes = "updates_touch_indexes",
    /// The sessions of the server were not sampled.
    Waits = "waits",
    /// Connections reached a limit.
    WebsocketLimit = "websocket_limit",
}

impl Rule {
    /// Finds a rule by its name; `None` if no rule is called `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialOrd for Rule {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rule {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name)
            .ok_or_else(|| serde::de::Error::custom(format!("no rule is called {name}")))
    }
}

/// Comparison with the name that an assessment shows, for tests.
#[cfg(test)]
impl PartialEq<&str> for Rule {
    fn eq(&self, name: &&str) -> bool {
        self.name() == *name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_by_its_name_and_a_stranger_is_refused() {
        for rule in Rule::ALL {
            let read: Rule = serde_json::from_str(&format!("\"{rule}\"")).unwrap();
            assert_eq!(read, *rule);
        }
        assert!(serde_json::from_str::<Rule>("\"lock_wait\"").is_err());
    }
}
