//! Reading of the server at the beginning or the end of a step. Without an answer to `INFO` there
//! is no reading. Other parts that cannot be read are listed in the evidence as unavailable, with
//! the reason.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bench_report::ServerEvidence;
use bench_report::names::{self, TableName};
use redis::{Connection, RedisResult};

use super::client_list::{self, ClientEntry};
use super::command_scope::CommandScope;
use super::counter_resets::CounterResets;
use super::histogram::{self, Histograms};
use super::process::{self, ServerProcess};
use super::slow_log::{self, SlowCall};
use super::{commands, counters, settings};
use crate::server::failure;
use crate::server::info::Info;

/// Value that was read, or the reason why it could not be read, as a sentence.
type ReadResult<T> = Result<T, String>;

/// Everything that is read of the server at the beginning or the end of a step.
pub(super) struct ServerReading {
    at: Instant,
    pub(super) info: Info,
    histograms: ReadResult<Histograms>,
    clients: ReadResult<Vec<ClientEntry>>,
    process: ReadResult<ServerProcess>,
    /// Slow log: at the beginning of a step the number of the newest entry, at the end the entries
    /// added since then.
    slow: ReadResult<SlowLog>,
    settings: ReadResult<BTreeMap<String, String>>,
}

/// Part of the slow log that a reading contains.
enum SlowLog {
    Newest(Option<u64>),
    Since(Option<u64>, Vec<SlowCall>),
}

fn or_reason<T>(read: RedisResult<T>) -> ReadResult<T> {
    read.map_err(|error| failure::from_redis(&error).to_string())
}

impl ServerReading {
    /// Reads the server before a step. `INFO` is the last command, so that the other commands are
    /// not counted in the step.
    ///
    /// # Errors
    /// Fails if the server does not answer `INFO`.
    pub(super) fn before_step(connection: &mut Connection) -> RedisResult<Self> {
        let settings = or_reason(settings::read(connection));
        let slow = or_reason(slow_log::newest(connection)).map(SlowLog::Newest);
        let clients = Info::section(connection, "clients")?;
        let clients = client_list::read(connection, clients.number("connected_clients"));
        let histograms = or_reason(histogram::read(connection));
        let info = Info::read(connection)?;
        Ok(Self {
            at: Instant::now(),
            process: process::read(&info),
            info,
            histograms,
            clients,
            slow,
            settings,
        })
    }

    /// Reads the server after a step; `began` is the reading before it. `INFO` is the first
    /// command, so that the other commands are not counted in the step.
    ///
    /// # Errors
    /// Fails if the server does not answer `INFO`.
    pub(super) fn after_step(connection: &mut Connection, began: &Self) -> RedisResult<Self> {
        let info = Info::read(connection)?;
        let at = Instant::now();
        let histograms = or_reason(histogram::read(connection));
        let slow = match &began.slow {
            Ok(SlowLog::Newest(_)) if slow_log::was_reset(&began.info, &info) => {
                Err("was reset meanwhile (SLOWLOG RESET)".to_owned())
            }
            Ok(SlowLog::Newest(last)) => {
                slow_log::since(connection, *last).map(|calls| SlowLog::Since(*last, calls))
            }
            Ok(SlowLog::Since(..)) => Err("it was read before".to_owned()),
            Err(reason) => Err(reason.clone()),
        };
        Ok(Self {
            at,
            process: process::read(&info),
            clients: client_list::read(connection, info.number("connected_clients")),
            info,
            histograms,
            slow,
            settings: began.settings.clone(),
        })
    }
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
    let infos = (&before.info, &after.info);
    let mut evidence = ServerEvidence::default();
    let histograms = both(
        &mut evidence,
        "latency_histogram",
        (&before.histograms, &after.histograms),
    );
    let interval = after.at.saturating_duration_since(before.at);
    add_counters(&mut evidence, infos, interval, histograms, (scope, polls));
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
    evidence
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
