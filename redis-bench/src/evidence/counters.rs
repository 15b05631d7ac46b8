//! Growth of the counters of `INFO` over a step, and values of gauges at its end. A field that the
//! server does not have gives no figure. What `CONFIG RESETSTAT` clears is apart from the rest,
//! because after a reset none of it is known.

use bench_report::ServerEvidence;
use bench_report::names::{self, FigureName};

use crate::server::info::Info;

/// Counters that `CONFIG RESETSTAT` clears: a field of `INFO`, and the name of the figure with its
/// growth over a step.
pub(super) const CLEARED: [(&str, FigureName); 27] = [
    ("keyspace_hits", names::redis::KEYSPACE_HITS),
    ("keyspace_misses", names::redis::KEYSPACE_MISSES),
    ("expired_keys", names::redis::EXPIRED_KEYS),
    ("evicted_keys", names::redis::EVICTED_KEYS),
    ("rejected_connections", names::redis::REJECTED_CONNECTIONS),
    ("total_error_replies", names::redis::TOTAL_ERROR_REPLIES),
    (
        "total_connections_received",
        names::redis::CONNECTIONS_RECEIVED,
    ),
    ("total_commands_processed", names::redis::COMMANDS_PROCESSED),
    ("total_net_input_bytes", names::redis::NET_INPUT_BYTES),
    ("total_net_output_bytes", names::redis::NET_OUTPUT_BYTES),
    ("total_forks", names::redis::FORKS),
    ("rdb_saves", names::redis::RDB_SAVES),
    ("aof_rewrites", names::redis::AOF_REWRITES),
    ("aof_delayed_fsync", names::redis::AOF_DELAYED_FSYNC),
    (
        "expire_cycle_cpu_milliseconds",
        names::redis::EXPIRE_CYCLE_CPU_MS,
    ),
    (
        "expired_time_cap_reached_count",
        names::redis::EXPIRE_CAP_REACHED,
    ),
    ("sync_full", names::redis::SYNC_FULL),
    ("sync_partial_err", names::redis::SYNC_PARTIAL_ERR),
    ("total_active_defrag_time", names::redis::ACTIVE_DEFRAG_MS),
    ("acl_access_denied_cmd", names::redis::ACL_DENIED),
    ("lazyfreed_objects", names::redis::LAZYFREED_OBJECTS),
    // Field since version 7.0.
    (
        "total_eviction_exceeded_time",
        names::redis::EVICTION_EXCEEDED_MS,
    ),
    ("evicted_clients", names::redis::EVICTED_CLIENTS),
    // Fields since version 7.2: time that the event loop was busy, and the part of it spent in commands.
    // Commands inside other commands are not counted twice.
    ("eventloop_duration_sum", names::redis::EVENTLOOP_BUSY_US),
    (
        "eventloop_duration_cmd_sum",
        names::redis::EVENTLOOP_COMMANDS_US,
    ),
    // Field since version 7.4.
    (
        "client_output_buffer_limit_disconnections",
        names::redis::OUTPUT_LIMIT_DISCONNECTIONS,
    ),
    (
        "client_query_buffer_limit_disconnections",
        names::redis::QUERY_LIMIT_DISCONNECTIONS,
    ),
];

/// Other fields of `INFO` whose growth over a step is a figure; `CONFIG RESETSTAT` leaves them.
const KEPT: [(&str, FigureName); 2] = [
    ("number_of_cached_scripts", names::redis::SCRIPTS_CACHED),
    // Field of Valkey: with I/O threads the main thread looks busy while it only polls.
    (
        "used_active_time_main_thread",
        names::redis::MAIN_THREAD_ACTIVE_S,
    ),
];

/// Gauges: a field of `INFO`, and the name of the figure with its value at the end of a step.
const GAUGES: [(&str, FigureName); 15] = [
    ("used_memory", names::redis::USED_MEMORY_BYTES),
    ("used_memory_rss", names::redis::RSS_BYTES),
    ("maxmemory", names::redis::MAXMEMORY_BYTES),
    ("used_memory_peak", names::redis::USED_MEMORY_PEAK_BYTES),
    ("used_memory_overhead", names::redis::MEMORY_OVERHEAD_BYTES),
    // The field `mem_fragmentation_ratio` is about the whole process, whose fixed parts make it large for
    // little data. Source: redis/redis#3786.
    ("allocator_frag_ratio", names::redis::FRAGMENTATION_RATIO),
    ("mem_clients_normal", names::redis::CLIENTS_MEMORY_BYTES),
    ("mem_clients_slaves", names::redis::REPLICAS_MEMORY_BYTES),
    ("number_of_cached_scripts", names::redis::CACHED_SCRIPTS),
    (
        "lazyfree_pending_objects",
        names::redis::LAZYFREE_PENDING_OBJECTS,
    ),
    ("maxclients", names::redis::MAXCLIENTS),
    ("cluster_connections", names::redis::CLUSTER_CONNECTIONS),
    ("io_threads_active", names::redis::IO_THREADS_ACTIVE),
    ("aof_enabled", names::redis::AOF_ENABLED),
    ("connected_slaves", names::redis::REPLICAS),
];

/// Adds to `evidence` the growth from `before` to `after` of what `CONFIG RESETSTAT` leaves, the gauges
/// of `after`, and whether the role of the server changed.
pub(super) fn add_kept(evidence: &mut ServerEvidence, (before, after): (&Info, &Info)) {
    add_growth(evidence, &KEPT, (before, after));
    // Field since version 6.2; the CPU time of the whole process includes background threads.
    let user = growth("used_cpu_user_main_thread", before, after);
    let system = growth("used_cpu_sys_main_thread", before, after);
    if let (Some(user), Some(system)) = (user, system) {
        evidence.figure(names::redis::CPU_MAIN_THREAD_S, user + system);
    }
    for (field, figure) in GAUGES {
        if let Some(value) = after.number(field) {
            evidence.figure(figure, value);
        }
    }
    for (part, figure) in [
        ("keys", names::redis::KEYS),
        ("expires", names::redis::EXPIRING_KEYS),
    ] {
        if let Some(keys) = after.keyspace(part) {
            evidence.figure(figure, keys);
        }
    }
    if let (Some(was), Some(is)) = (before.text("role"), after.text("role")) {
        evidence.figure(names::redis::ROLE_CHANGED, f64::from(was != is));
    }
}

/// Adds to `evidence` what `CONFIG RESETSTAT` clears and what is meaningless after it: the growth
/// of the counters from `before` to `after`, the growth of the errors by their code, the share of
/// expired keys, which the server averages over time, and the length of a fork. The caller must
/// have checked that nothing was reset in between.
pub(super) fn add_cleared(evidence: &mut ServerEvidence, (before, after): (&Info, &Info)) {
    add_growth(evidence, &CLEARED, (before, after));
    if let Some(percent) = after.number("expired_stale_perc") {
        evidence.figure(names::redis::EXPIRED_STALE_RATIO, percent / 100.0);
    }
    // If no fork happened in the step, the field is about an earlier fork.
    if evidence
        .figures
        .get("forks")
        .is_some_and(|forks| *forks > 0.0)
        && let Some(usec) = after.number("latest_fork_usec")
    {
        evidence.figure(names::redis::LATEST_FORK_US, usec);
    }
    let earlier = before.errors();
    for (code, count) in after.errors() {
        let grown = count - earlier.get(code).copied().unwrap_or(0.0);
        if grown > 0.0 {
            evidence.member(names::redis::ERRORS, code, grown);
        }
    }
}

fn add_growth(
    evidence: &mut ServerEvidence,
    fields: &[(&str, FigureName)],
    (before, after): (&Info, &Info),
) {
    for (field, figure) in fields {
        if let Some(growth) = growth(field, before, after) {
            evidence.figure(*figure, growth);
        }
    }
}

/// Returns the growth of the field `name` from `before` to `after`. `None` if one of them does not
/// have it, or if it became smaller: then it was cleared in between, and its growth is not known.
fn growth(name: &str, before: &Info, after: &Info) -> Option<f64> {
    let grown = after.number(name)? - before.number(name)?;
    (grown >= 0.0).then_some(grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(before: &Info, after: &Info) -> ServerEvidence {
        let mut evidence = kept(before, after);
        add_cleared(&mut evidence, (before, after));
        evidence
    }

    fn kept(before: &Info, after: &Info) -> ServerEvidence {
        let mut evidence = ServerEvidence::default();
        add_kept(&mut evidence, (before, after));
        evidence
    }

    #[test]
    fn counters_are_reported_by_their_growth_and_gauges_as_they_stand() {
        let before = Info::parse(
            "keyspace_hits:10\nused_memory:5\nused_cpu_user_main_thread:1.0\n\
             used_cpu_sys_main_thread:0.5\nerrorstat_OOM:count=3\n",
        );
        let after = Info::parse(
            "keyspace_hits:25\nused_memory:7\nused_cpu_user_main_thread:1.5\n\
             used_cpu_sys_main_thread:0.75\nerrorstat_OOM:count=7\nerrorstat_READONLY:count=2\n",
        );
        let figures = all(&before, &after).figures;
        assert!((figures["keyspace_hits"] - 15.0).abs() < 1e-9);
        assert!((figures["used_memory_bytes"] - 7.0).abs() < 1e-9);
        assert!((figures["cpu_main_thread_s"] - 0.75).abs() < 1e-9);
        assert!((figures["errors.OOM"] - 4.0).abs() < 1e-9);
        assert!((figures["errors.READONLY"] - 2.0).abs() < 1e-9);
        assert!(!figures.contains_key("evicted_keys"), "missing is not zero");
    }

    #[test]
    fn the_length_of_a_fork_is_told_only_of_a_step_that_had_one() {
        let at = |forks: u64| Info::parse(&format!("total_forks:{forks}\nlatest_fork_usec:900\n"));
        let of = |before, after| all(&at(before), &at(after)).figures;
        assert!(!of(3, 3).contains_key("latest_fork_us"));
        assert!((of(3, 4)["latest_fork_us"] - 900.0).abs() < 1e-9);
    }

    #[test]
    fn keys_of_all_databases_add_up_and_an_empty_server_has_none() {
        let of = |info: &str| {
            let info = Info::parse(info);
            kept(&info, &info).figures
        };
        let figures =
            of("# Keyspace\ndb0:keys=7,expires=2,avg_ttl=9\ndb11:keys=3,expires=1,avg_ttl=9\n");
        assert_eq!((figures["keys"], figures["expiring_keys"]), (10.0, 3.0));
        assert_eq!(of("# Keyspace\n")["keys"], 0.0);
        assert!(!of("# Stats\n").contains_key("keys"), "missing is not zero");
    }

    #[test]
    fn scripts_that_were_flushed_and_cpu_time_that_fell_have_no_growth() {
        let at = |scripts: u64, cpu_s: f64| {
            Info::parse(&format!(
                "number_of_cached_scripts:{scripts}\nused_cpu_user_main_thread:{cpu_s}\n\
                 used_cpu_sys_main_thread:1.0\n"
            ))
        };
        let figures = kept(&at(9, 5.0), &at(2, 4.0)).figures;
        assert!(!figures.contains_key("scripts_cached"));
        assert!(!figures.contains_key("cpu_main_thread_s"));
        assert_eq!(figures["cached_scripts"], 2.0);
    }

    /// Excerpts of `INFO` of several versions: each version must give its own figures and no
    /// others.
    #[test]
    fn each_version_is_read_for_what_it_tells() {
        let older = "total_forks:1\nexpire_cycle_cpu_milliseconds:4\naof_delayed_fsync:0\n";
        let seven = format!("{older}total_eviction_exceeded_time:2\nevicted_clients:0\n");
        let seven_two = format!("{seven}eventloop_duration_sum:9\neventloop_duration_cmd_sum:5\n");
        let seven_four = format!("{seven_two}client_output_buffer_limit_disconnections:0\n");
        let valkey = format!("{seven_four}used_active_time_main_thread:1.5\n");
        for (info, told, untold) in [
            (
                older.to_owned(),
                "expire_cycle_cpu_ms",
                "eviction_exceeded_ms",
            ),
            (seven, "eviction_exceeded_ms", "eventloop_commands_us"),
            (
                seven_two,
                "eventloop_commands_us",
                "output_limit_disconnections",
            ),
            (
                seven_four,
                "output_limit_disconnections",
                "main_thread_active_s",
            ),
            (valkey, "main_thread_active_s", "acl_denied"),
        ] {
            let info = Info::parse(&info);
            let figures = all(&info, &info).figures;
            assert!(
                figures.contains_key(told) && !figures.contains_key(untold),
                "{told}"
            );
        }
    }
}
