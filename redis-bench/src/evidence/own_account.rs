//! Comparison of what the server counted in a step with what this run did itself. What is left over
//! was done by others, or by the load's own client in a way that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use bench_report::names;
use bench_report::names::redis::commands as columns;
use bench_report::{EvidenceRow, Load, ServerEvidence, Step, StepEnd, Warning, WarningCode};

use super::commands::{CONNECTING, POOL};

/// Smallest surplus that is told, as a share of what this run did itself.
const TOLD_RATIO: f64 = 0.02;
/// Smallest surplus that is told, as a multiple of the requests at once: the server's counters are
/// read a moment before and after the measured part, and count what is under way then.
const TOLD_ROUNDS: f64 = 3.0;
/// Largest number of errors that a client gets when it connects to a server that does not know the
/// commands with which it introduces itself (`HELLO`, and two `CLIENT SETINFO`).
const ERRORS_PER_CONNECTION: f64 = 3.0;
/// Commands that programs send which monitor a server.
const MONITORING: [&str; 16] = [
    "info",
    "ping",
    "command",
    "config",
    "config|get",
    "client",
    "client|list",
    "client|setname",
    "dbsize",
    "latency",
    "latency|histogram",
    "latency|latest",
    "role",
    "slowlog",
    "slowlog|get",
    "slowlog|len",
];

/// What a request of the load sends, and over which connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadShape<'a> {
    /// Commands of the load, in lower case.
    pub(crate) commands: &'a [&'a str],
    /// Commands among them whose number in a request has no bound.
    pub(crate) unbounded: &'a [&'a str],
    /// Operations that send nothing to the server.
    pub(crate) without_commands: &'a [&'a str],
    /// Number of times that a request sends each of its commands.
    pub(crate) times: u64,
    /// Number of connections, or the largest number at once.
    pub(crate) connections: u64,
    /// True if each request opens a connection.
    pub(crate) connects: bool,
    /// Number of connections that the run opens beside those of the load's requests.
    pub(crate) opened_beside: u64,
}

/// What this run did itself in a step, as upper bounds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct OwnAccount {
    /// Length of the measured part, in seconds.
    measured_s: f64,
    /// Requests that finished in the measured part.
    pub(super) requests: f64,
    /// Largest number of requests at once.
    at_once: f64,
    /// Calls by command, in lower case as in the server's statistics: the commands of the load, and
    /// for a pool those of its check.
    pub(super) calls: BTreeMap<String, f64>,
    /// Connections that the load opened.
    opened: f64,
    /// Error answers by code.
    errors: BTreeMap<String, f64>,
}

/// Count of the server that is larger than this run's own.
#[derive(Debug, PartialEq)]
struct Difference {
    /// What was counted, in words, as in `GET calls`.
    what: String,
    server: f64,
    ours: f64,
    /// Probable cause, as a part of a sentence.
    cause: String,
    /// Figures below the step that contain the surplus.
    fields: Vec<String>,
}

/// Compares the server's counts in `step`, the step at `index`, with those of this run, and returns
/// a warning if the server counted more. `None` for a step that did not end as planned, because the
/// server was then read for longer than the load lasted.
pub(crate) fn surplus_doubt(step: &Step, index: usize, load: &LoadShape<'_>) -> Option<Warning> {
    if step.end != StepEnd::Completed {
        return None;
    }
    let server = step.server.as_ref()?;
    let differences = differences(server, &OwnAccount::of(step, load), load.unbounded);
    let told: Vec<String> = differences.iter().map(Difference::told).collect();
    if told.is_empty() {
        return None;
    }
    let fields = differences.iter().flat_map(|difference| &difference.fields);
    let fields: BTreeSet<&str> = fields.map(String::as_str).collect();
    let fields: Vec<&str> = fields.into_iter().collect();
    let message = format!(
        "the server counted more than this run did: {}",
        told.join("; ")
    );
    Some(Warning::new(WarningCode::ServerDiffers, message).about_step(index, &fields))
}

impl OwnAccount {
    /// Computes the account of `step`, whose load has the shape `load`.
    pub(super) fn of(step: &Step, load: &LoadShape<'_>) -> Self {
        let measured_s = step.window.measured_s();
        let users = match step.load {
            Load::Closed { users, .. } => users,
            Load::Open {
                in_flight_cap,
                delayed_at_cap: 1..,
                ..
            } => in_flight_cap,
            Load::Open { .. } | Load::Unknown => 0,
        };
        let pool = step.pool.as_ref();
        let check: &[&str] = if pool.is_some() { &POOL } else { &[] };
        let mut own = Self {
            measured_s,
            at_once: load.connections.max(users).saturating_mul(load.times) as f64,
            opened: load.opened_beside as f64,
            ..Self::default()
        };
        for (name, operation) in &step.operations {
            let failures = operation.failures() as f64;
            // Successes count by the instant at which they ended, as on the server. Each failure may have
            // broken the connection.
            let finished = operation.throughput_per_s * measured_s + failures;
            own.requests += finished;
            own.opened += if load.connects { finished } else { failures };
            if load.without_commands.contains(&name.as_str()) {
                continue;
            }
            // An operation that is not named like a command, such as a miss, sends each of them once.
            let commands = load.commands.iter();
            let is_command = load.commands.contains(&name.as_str());
            let sent = commands.filter(|command| !is_command || **command == name.as_str());
            let sent = sent.map(|command| (command, finished * load.times as f64));
            for (command, calls) in sent.chain(check.iter().map(|command| (command, finished))) {
                *own.calls.entry((*command).to_owned()).or_default() += calls;
            }
            for (kind, count) in &operation.errors {
                let code = kind.strip_prefix("response.").unwrap_or(kind);
                *own.errors.entry(code.to_owned()).or_default() += *count as f64;
            }
        }
        let checkout = pool.and_then(|pool| pool.checkout.as_ref());
        own.opened += checkout.map_or(0.0, |parts| parts.opened as f64);
        own
    }

    /// Returns true if `server` is more than `ours` by 2 % and by three rounds of requests.
    fn is_surplus(&self, server: f64, ours: f64) -> bool {
        server - ours > (TOLD_RATIO * ours).max(TOLD_ROUNDS * self.at_once)
    }
}

impl Difference {
    fn told(&self) -> String {
        let Self {
            what,
            server,
            ours,
            cause,
            ..
        } = self;
        format!("{server:.0} {what}, {ours:.0} of them of this run ({cause})")
    }
}

/// Returns what the server counted beyond this run's own account. Fewer counts than the account has
/// are no difference, because the account has upper bounds; it has none for commands in `unbounded`.
fn differences(server: &ServerEvidence, own: &OwnAccount, unbounded: &[&str]) -> Vec<Difference> {
    let rows = server.rows(columns::TABLE).unwrap_or_default();
    let others = other_commands(rows, own);
    // If the server was read for longer than the load was measured, the load went on meanwhile.
    let read_s = server
        .value(names::redis::INTERVAL_S)
        .unwrap_or(own.measured_s);
    let longer = (read_s / own.measured_s).max(1.0);
    let is_bounded = |row: &&EvidenceRow| {
        let name = row.label(columns::COMMAND);
        !name.is_some_and(|name| unbounded.contains(&name))
    };
    let mut found: Vec<Difference> = rows
        .iter()
        .filter(is_bounded)
        .filter_map(|row| surplus_of_command(row, own, longer))
        .collect();
    let all: f64 = others.values().sum();
    let ours: f64 = own.calls.values().sum();
    if own.is_surplus(ours + all, ours) {
        found.push(Difference {
            what: "calls of commands that the load does not send".to_owned(),
            server: all,
            ours: 0.0,
            cause: whose(&others),
            fields: vec!["server/figures/commands_processed".to_owned()],
        });
    }
    let refused = refused_check(rows);
    found.extend(surplus_of_connections(server, own, &others, longer));
    found.extend(surplus_of_errors(server, own, refused.as_ref(), longer));
    found
}

/// Returns the calls of each command that is neither of the load and its pool, nor of this
/// program's own reading, nor sent while connecting.
fn other_commands<'a>(rows: &'a [EvidenceRow], own: &OwnAccount) -> BTreeMap<&'a str, f64> {
    let mut others = BTreeMap::new();
    for row in rows {
        let (Some(name), Some(calls)) = (row.label(columns::COMMAND), row.value(columns::CALLS))
        else {
            continue;
        };
        let is_own = row.label(columns::WHOSE) == Some("bench");
        if !is_own && !own.calls.contains_key(name) && !CONNECTING.contains(&name) && calls > 0.0 {
            *others.entry(name).or_default() += calls;
        }
    }
    others
}

/// Returns the probable sender of commands that the load does not send.
fn whose(others: &BTreeMap<&str, f64>) -> String {
    if others.keys().all(|name| MONITORING.contains(name)) {
        return "a program that monitors the server".to_owned();
    }
    let most = others.iter().max_by(|a, b| a.1.total_cmp(b.1));
    most.map_or_else(
        || "other clients".to_owned(),
        |(name, calls)| {
            let name = name.to_uppercase().replace('|', " ");
            format!("other clients; most of them {name}, {calls:.0}")
        },
    )
}

fn surplus_of_command(row: &EvidenceRow, own: &OwnAccount, longer: f64) -> Option<Difference> {
    let name = row.label(columns::COMMAND)?;
    let calls = row.value(columns::CALLS)?;
    let ours = own.calls.get(name)? * longer;
    let keyspace = [
        "figures/server_hit_ratio",
        "server/figures/keyspace_hits",
        "server/figures/keyspace_misses",
    ];
    let is_check = POOL.contains(&name);
    own.is_surplus(calls, ours).then(|| Difference {
        what: format!("{} calls", name.to_uppercase()),
        server: calls,
        ours,
        cause: if is_check {
            "other clients that check their connections".to_owned()
        } else {
            "somebody else reads or writes here, such as a second run".to_owned()
        },
        fields: if is_check {
            vec!["server/figures/commands_processed".to_owned()]
        } else {
            keyspace.map(str::to_owned).to_vec()
        },
    })
}

fn surplus_of_connections(
    server: &ServerEvidence,
    own: &OwnAccount,
    others: &BTreeMap<&str, f64>,
    longer: f64,
) -> Option<Difference> {
    let opened = server.value(names::redis::CONNECTIONS_RECEIVED)?;
    let ours = own.opened * longer;
    own.is_surplus(opened, ours).then(|| Difference {
        what: "connections".to_owned(),
        server: opened,
        ours,
        cause: if others.is_empty() {
            "other clients, or connections that the load lost".to_owned()
        } else {
            whose(others)
        },
        fields: vec![format!(
            "server/figures/{}",
            names::redis::CONNECTIONS_RECEIVED
        )],
    })
}

/// Check of the pool that the server refused: the command, and how often.
#[derive(Debug)]
struct RefusedCheck {
    command: String,
    times: f64,
}

fn refused_check(rows: &[EvidenceRow]) -> Option<RefusedCheck> {
    let refused = rows.iter().filter_map(|row| {
        let name = row.label(columns::COMMAND)?;
        let times = row.value(columns::REJECTED_CALLS)?;
        (POOL.contains(&name) && times > 0.0).then(|| RefusedCheck {
            command: name.to_uppercase(),
            times,
        })
    });
    refused.max_by(|a, b| a.times.total_cmp(&b.times))
}

fn surplus_of_errors(
    server: &ServerEvidence,
    own: &OwnAccount,
    refused: Option<&RefusedCheck>,
    longer: f64,
) -> Vec<Difference> {
    let connections = server
        .value(names::redis::CONNECTIONS_RECEIVED)
        .unwrap_or(0.0);
    let of_kind = |kind: &str| own.errors.get(kind).copied().unwrap_or(0.0);
    let surplus = |(name, count): (&String, &f64)| {
        let code = names::redis::ERRORS.member(name)?;
        // Errors without a code of their own are ERR, and a failed login may have any code.
        let mut ours = longer * (of_kind(code) + of_kind("auth"));
        if code == "ERR" {
            ours += of_kind("maxclients") + ERRORS_PER_CONNECTION * connections;
        }
        let is_check = refused.filter(|refused| refused.times >= (count - ours) / 2.0);
        own.is_surplus(*count, ours).then(|| Difference {
            what: format!("answers {code}"),
            server: *count,
            ours,
            cause: is_check.map_or_else(
                || "requests of other clients".to_owned(),
                |refused| {
                    let RefusedCheck { command, .. } = refused;
                    let rule = command.to_lowercase();
                    format!(
                        "the user may not run {command}, so the pool's check of a connection fails and each \
                         checkout opens a new one: ACL SETUSER … +{rule}"
                    )
                },
            ),
            fields: vec![format!("server/figures/{name}")],
        })
    };
    server.figures.iter().filter_map(surplus).collect()
}

#[cfg(test)]
mod tests;
