//! Reading of the server at the beginning or the end of a step. Parts that the server refuses, `INFO`
//! among them, are listed in the evidence as unavailable, with the reason. Without an answer to `INFO`
//! there is no reading.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bench_report::ServerEvidence;
use bench_report::names::{self, TableName};
use redis::{Connection, RedisResult};

use super::client_list::{self, ClientEntry};
use super::command_scope::CommandScope;
use super::counter_resets::CounterResets;
use super::histogram::{self, Histograms};
use super::key_hints::{self, KeyHints};
use super::key_scope::KeyScope;
use super::latency_events::{self, LatencyEvent, LatencyMonitor};
use super::process::{self, ServerProcess};
use super::slow_log::{self, SlowCall};
use super::{call_percentiles, commands, counters, node_row, settings};
use crate::server::cluster_nodes::{self, ClusterNode};
use crate::server::failure;
use crate::server::info::Info;

/// Value that was read, or the reason why it could not be read, as a sentence.
type ReadResult<T> = Result<T, String>;

/// Everything that is read of the server at the beginning or the end of a step.
pub(super) struct ServerReading {
    at: Instant,
    pub(super) info: ReadResult<Info>,
    histograms: ReadResult<Histograms>,
    clients: ReadResult<Vec<ClientEntry>>,
    process: ReadResult<ServerProcess>,
    /// Slow log: at the beginning of a step the number of the newest entry, at the end the entries
    /// added since then.
    slow: ReadResult<SlowLog>,
    settings: ReadResult<BTreeMap<String, String>>,
    /// Latency monitor: its state at the beginning of a step, its events at the end.
    latency: ReadResult<LatencyReading>,
    /// Keys below the prefix, at the end of a step; `None` if there is no prefix.
    hints: ReadResult<Option<KeyHints>>,
    /// Nodes of the cluster, at the end of a step; empty if the server is no node of a cluster.
    pub(super) nodes: ReadResult<Vec<ClusterNode>>,
}

/// Part of the slow log that a reading contains.
enum SlowLog {
    Newest(Option<u64>),
    Since(Option<u64>, Vec<SlowCall>),
}

/// Part of the latency monitor that a reading contains.
enum LatencyReading {
    Before(LatencyMonitor),
    Since(Vec<LatencyEvent>),
}

fn or_reason<T>(read: RedisResult<T>) -> ReadResult<T> {
    read.map_err(|error| failure::from_redis(&error).to_string())
}

/// Reads the part of `INFO` with this name, or the reason for which the server refuses `INFO`.
///
/// # Errors
/// Fails if the server does not answer, or with another error.
fn info_unless_refused(connection: &mut Connection, part: &str) -> RedisResult<ReadResult<Info>> {
    match Info::section(connection, part) {
        Err(error) if !failure::is_refused(&error) => Err(error),
        read => Ok(or_reason(read)),
    }
}

impl ServerReading {
    /// Reads the server before a step. `INFO` is the last command, so that the other commands are
    /// not counted in the step.
    ///
    /// # Errors
    /// Fails if the server does not answer `INFO`, even with a refusal.
    pub(super) fn before_step(connection: &mut Connection) -> RedisResult<Self> {
        let settings = or_reason(settings::read(connection));
        let slow = or_reason(slow_log::newest(connection)).map(SlowLog::Newest);
        let latency = latency_events::before(connection, settings.as_ref().ok());
        let counted = info_unless_refused(connection, "clients")?;
        let clients = client_list::read(connection, connected(&counted));
        let histograms = or_reason(histogram::read(connection));
        let info = info_unless_refused(connection, "all")?;
        Ok(Self {
            at: Instant::now(),
            process: process_of(&info),
            info,
            histograms,
            clients,
            slow,
            settings,
            latency: latency.map(LatencyReading::Before),
            hints: Ok(None),
            nodes: Ok(Vec::new()),
        })
    }

    /// Reads the server after a step; `began` is the reading before it, and `keys` are the keys about
    /// which it may tell. `INFO` is the first command, so that the other commands are not counted in the
    /// step.
    ///
    /// # Errors
    /// Fails if the server does not answer `INFO`, even with a refusal.
    pub(super) fn after_step(
        connection: &mut Connection,
        began: &Self,
        keys: Option<&KeyScope>,
    ) -> RedisResult<Self> {
        let info = info_unless_refused(connection, "all")?;
        let at = Instant::now();
        let histograms = or_reason(histogram::read(connection));
        let slow = match &began.slow {
            Ok(SlowLog::Newest(_)) if was_slow_log_reset(&began.info, &info) => {
                Err("was reset meanwhile (SLOWLOG RESET)".to_owned())
            }
            Ok(SlowLog::Newest(last)) => {
                slow_log::since(connection, *last, keys).map(|calls| SlowLog::Since(*last, calls))
            }
            Ok(SlowLog::Since(..)) => Err("it was read before".to_owned()),
            Err(reason) => Err(reason.clone()),
        };
        let latency = match &began.latency {
            Ok(LatencyReading::Before(monitor)) => {
                latency_events::since(connection, monitor).map(LatencyReading::Since)
            }
            Ok(LatencyReading::Since(_)) => Err("it was read before".to_owned()),
            Err(reason) => Err(reason.clone()),
        };
        let is_node = info.as_ref().is_ok_and(node_row::is_cluster_node);
        let is_replica = is_node && info.as_ref().is_ok_and(node_row::is_replica);
        // A replica in a cluster sends those who ask for a key to its primary.
        let hints = match keys.filter(|_| !is_replica) {
            Some(keys) => hints(connection, keys, &slow, &began.settings).map(Some),
            None => Ok(None),
        };
        Ok(Self {
            at,
            nodes: if is_node {
                or_reason(cluster_nodes::read(connection))
            } else {
                Ok(Vec::new())
            },
            process: process_of(&info),
            clients: client_list::read(connection, connected(&info)),
            info,
            histograms,
            slow,
            settings: began.settings.clone(),
            latency,
            hints,
        })
    }
}

/// Reads what is told of the keys in `scope`: those of the slow log, large and much used ones.
fn hints(
    connection: &mut Connection,
    scope: &KeyScope,
    slow: &ReadResult<SlowLog>,
    settings: &ReadResult<BTreeMap<String, String>>,
) -> ReadResult<KeyHints> {
    let calls = match slow {
        Ok(SlowLog::Since(_, calls)) => calls.as_slice(),
        _ => &[],
    };
    let policy = settings.as_ref().ok();
    let policy = policy.and_then(|settings| settings.get("maxmemory-policy"));
    let counts_accesses = policy.is_some_and(|policy| policy.ends_with("-lfu"));
    key_hints::read(connection, scope, calls, counts_accesses)
}

fn connected(info: &ReadResult<Info>) -> Option<f64> {
    info.as_ref().ok()?.number("connected_clients")
}

fn process_of(info: &ReadResult<Info>) -> ReadResult<ServerProcess> {
    process::read(info.as_ref().map_err(Clone::clone)?)
}

/// Returns true if the slow log was emptied between the readings; false if `INFO` does not tell.
fn was_slow_log_reset(before: &ReadResult<Info>, after: &ReadResult<Info>) -> bool {
    let infos = before.as_ref().ok().zip(after.as_ref().ok());
    infos.is_some_and(|(before, after)| slow_log::was_reset(before, after))
}

/// Returns the evidence of a step from the readings before and after it. `scope` tells the commands
/// of the load from others, and `polls` is the number of `INFO` calls that this program made during
/// the step. If a counter was reset in between, all counters are left out, and listed as
/// unavailable.
pub(super) fn between(
    before: &ServerReading,
    after: &ServerReading,
    scope: CommandScope,
    polls: u64,
) -> ServerEvidence {
    let mut evidence = ServerEvidence::default();
    let infos = both(&mut evidence, "info", (&before.info, &after.info));
    let histograms = both(
        &mut evidence,
        "latency_histogram",
        (&before.histograms, &after.histograms),
    );
    if let Some(infos) = infos {
        let interval = after.at.saturating_duration_since(before.at);
        add_counters(&mut evidence, infos, interval, histograms, (scope, polls));
    }
    if let Some((before, after)) = both(&mut evidence, "clients", (&before.clients, &after.clients))
    {
        table(
            &mut evidence,
            names::redis::clients::TABLE,
            client_list::rows(before, after),
        );
    }
    if let Some((before, after)) = both(&mut evidence, "process", (&before.process, &after.process))
    {
        add_process(&mut evidence, *before, *after);
    }
    match &after.slow {
        Ok(SlowLog::Since(last, calls)) => {
            evidence.figure(
                names::redis::SLOWLOG_ENTRIES,
                slow_log::entered(*last, calls) as f64,
            );
            table(
                &mut evidence,
                names::redis::slow_calls::TABLE,
                slow_log::rows(calls),
            );
        }
        Ok(SlowLog::Newest(_)) => {}
        Err(reason) => unread(&mut evidence, "slowlog", reason),
    }
    match &after.settings {
        Ok(settings) => table(
            &mut evidence,
            names::redis::settings::TABLE,
            settings::rows(settings),
        ),
        Err(reason) => unread(&mut evidence, "settings", reason),
    }
    add_events_and_keys(&mut evidence, after);
    if let Err(reason) = &after.nodes {
        unread(&mut evidence, "nodes", reason);
    }
    if let Some(infos) = infos {
        let slots = after.nodes.as_ref().ok().and_then(|nodes| {
            let asked = nodes.iter().find(|node| node.is_asked);
            asked.map(|node| node.slots)
        });
        node_row::add(&mut evidence, infos.1, polls, slots);
        call_percentiles::add(&mut evidence, infos.1);
    }
    evidence
}

/// Adds the events of the latency monitor, and what is told of keys, from the reading `after` a step.
fn add_events_and_keys(evidence: &mut ServerEvidence, after: &ServerReading) {
    match &after.latency {
        Ok(LatencyReading::Since(events)) => table(
            evidence,
            names::redis::latency_events::TABLE,
            latency_events::rows(events),
        ),
        Ok(LatencyReading::Before(_)) => {}
        Err(reason) => unread(evidence, "latency_events", reason),
    }
    match &after.hints {
        Ok(Some(hints)) => hints.add_to(evidence),
        Ok(None) => {}
        Err(reason) => unread(evidence, "key_hints", reason),
    }
}

/// Adds what two readings of `INFO` tell, the second of them `interval` after the first, and the use
/// of commands. `histograms` are those of the two readings, if the server has them. `scope` and `polls`
/// are as for [`between`].
pub(super) fn add_counters(
    evidence: &mut ServerEvidence,
    infos: (&Info, &Info),
    interval: Duration,
    histograms: Option<(&Histograms, &Histograms)>,
    (scope, polls): (CommandScope, u64),
) {
    counters::add_kept(evidence, infos);
    evidence.figure(names::redis::INTERVAL_S, interval.as_secs_f64());
    if let Some(resets) = CounterResets::between(infos, histograms) {
        resets.add_to(evidence);
    } else {
        counters::add_cleared(evidence, infos);
        commands::add(evidence, infos, histograms, scope, polls);
    }
}

fn unread(evidence: &mut ServerEvidence, what: &str, reason: &str) {
    evidence
        .unavailable
        .insert(what.to_owned(), reason.to_owned());
}

fn table(evidence: &mut ServerEvidence, name: TableName, rows: Vec<bench_report::EvidenceRow>) {
    if !rows.is_empty() {
        evidence.table(name, rows);
    }
}

/// Returns the values of the readings before and after the step, in that order. If one is missing,
/// adds the reason to `evidence` under the name `what` and returns `None`.
fn both<'a, T>(
    evidence: &mut ServerEvidence,
    what: &str,
    ends: (&'a ReadResult<T>, &'a ReadResult<T>),
) -> Option<(&'a T, &'a T)> {
    match ends {
        (Ok(before), Ok(after)) => Some((before, after)),
        (Err(reason), _) | (_, Err(reason)) => {
            unread(evidence, what, reason);
            None
        }
    }
}

fn add_process(evidence: &mut ServerEvidence, before: ServerProcess, after: ServerProcess) {
    if let (Some(before), Some(after)) = (before.ready_ns, after.ready_ns) {
        let ready_s = after.saturating_sub(before) as f64 / 1e9;
        evidence.figure(names::redis::MAIN_THREAD_READY_S, ready_s);
    }
    if let Some(swap) = after.swap_bytes {
        evidence.figure(names::redis::SWAP_BYTES, swap as f64);
    }
    if let Some(cores) = after.cores.filter(|_| before.cores == after.cores) {
        evidence.figure(names::redis::CORES_ALLOWED, cores.server as f64);
        evidence.figure(names::redis::CORES_ALLOWED_EITHER, cores.either as f64);
    }
}
