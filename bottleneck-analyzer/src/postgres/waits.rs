//! Wait events of the load's sessions, each with the mean number of sessions that waited for it during the
//! step.

use super::evidence::PostgresEvidence;
use crate::assessment::EvidenceItem;
use crate::catalogue::events::{self, WaitEvent};
use bench_report::names::{self, FigureName};

/// Smallest mean number of sessions at which the sessions of a class that wait for unnamed events
/// become a wait of their own.
const LEAST_REST: f64 = 0.01;

/// Event that sessions of the load waited for.
#[derive(Debug, Clone)]
pub(crate) struct Wait {
    /// Key of the event, `type.event` in lower case; the class (as in `lock`) if the report does
    /// not name events.
    pub(crate) key: String,
    /// Name of the event as the server spells it: `Lock:transactionid`.
    pub(crate) shown: String,
    /// Mean number of sessions that waited for the event at the same time.
    pub(crate) sessions: f64,
    /// Mean number of sessions as evidence; `None` if the report does not have it.
    pub(crate) evidence: Option<EvidenceItem>,
}

impl Wait {
    /// Returns the entry of the catalogue about the event; `None` if the catalogue has none.
    pub(crate) fn event(&self) -> Option<&'static WaitEvent> {
        events::find(&self.key)
    }

    /// Returns the title of the time model's part for this wait. For an event that the catalogue
    /// does not have, the title names the event.
    pub(crate) fn part(&self) -> String {
        let unknown = || format!("waiting for {} (not in the catalogue)", self.shown);
        self.event()
            .map_or_else(unknown, |event| event.part.clone())
    }
}

/// Classes of waiting sessions, as the names of the figures `sessions.<class>_mean` spell them.
const CLASSES: [&str; 4] = ["lock", "lwlock", "io", "other_wait"];

/// Returns what the load's sessions waited for, in no order: each named event, the rest of each class
/// that named events do not explain, and the client (in a statement, and idle in a transaction).
/// Waits of parallel workers are left out. Empty if no session waited; `None` if sessions were not
/// sampled.
pub(crate) fn sampled_waits(server: &PostgresEvidence<'_>) -> Option<Vec<Wait>> {
    server.figure(names::postgres::SESSIONS_CPU_MEAN)?;
    let mut found = Vec::new();
    let mut explained = [0.0; CLASSES.len()];
    for (name, sessions) in server.figures_below("waits.") {
        let Some((kind, event)) = event_of(name).filter(|_| sessions > 0.0) else {
            continue;
        };
        // `ClientRead` also counts sessions that are idle in a transaction; `of_the_client` separates both.
        if kind == "Client" && event == "ClientRead" {
            continue;
        }
        if let Some(class) = CLASSES.iter().position(|c| *c == class_of(kind, event)) {
            explained[class] += sessions;
        }
        found.push(Wait {
            key: format!("{kind}.{event}").to_lowercase(),
            shown: format!("{kind}:{event}"),
            sessions,
            evidence: server.evidence_named(name),
        });
    }
    for (class, explained) in CLASSES.into_iter().zip(explained) {
        let rest = mean(server, class) - explained;
        if rest > (0.05 * explained).max(LEAST_REST) {
            found.push(whole(server, class, class, rest));
        }
    }
    found.extend(of_the_client(server, &found));
    Some(found)
}

/// Returns the waits for the client: in the middle of a statement, and between two statements of
/// one transaction. Waits without sessions are left out.
fn of_the_client(server: &PostgresEvidence<'_>, found: &[Wait]) -> Vec<Wait> {
    let writes: f64 = found
        .iter()
        .filter(|w| w.key.starts_with("client."))
        .map(|w| w.sessions)
        .sum();
    let named = server
        .figures_below("waits.Client.ClientRead_mean")
        .next()
        .is_some();
    let key = if named { "client.clientread" } else { "client" };
    let reads = whole(server, key, "client", mean(server, "client") - writes);
    let between = whole(
        server,
        "client.idle_in_transaction",
        "idle_in_transaction",
        mean(server, "idle_in_transaction"),
    );
    let some = |wait: &Wait| wait.sessions > 0.0;
    [reads, between].into_iter().filter(some).collect()
}

/// Creates a wait called `key` of `sessions` sessions for all events of a class together.
fn whole(server: &PostgresEvidence<'_>, key: &str, class: &str, sessions: f64) -> Wait {
    Wait {
        key: key.to_owned(),
        shown: match key {
            "client.clientread" => "Client:ClientRead".to_owned(),
            _ => class.replace('_', " "),
        },
        sessions,
        evidence: server.evidence(figure_of(class)),
    }
}

fn mean(server: &PostgresEvidence<'_>, class: &str) -> f64 {
    server.figure(figure_of(class)).unwrap_or(0.0)
}

/// Returns the figure with the mean number of sessions of `class`.
fn figure_of(class: &str) -> FigureName {
    match class {
        "lock" => names::postgres::SESSIONS_LOCK_MEAN,
        "lwlock" => names::postgres::SESSIONS_LWLOCK_MEAN,
        "io" => names::postgres::SESSIONS_IO_MEAN,
        "client" => names::postgres::SESSIONS_CLIENT_MEAN,
        "idle_in_transaction" => names::postgres::SESSIONS_IDLE_IN_TRANSACTION_MEAN,
        _ => names::postgres::SESSIONS_OTHER_WAIT_MEAN,
    }
}

/// Splits a figure such as `waits.Lock.transactionid_mean` into type and event; `None` for a wait
/// of parallel workers and for other figures.
fn event_of(figure: &str) -> Option<(&str, &str)> {
    let name = figure.strip_prefix("waits.")?.strip_suffix("_mean")?;
    let (kind, event) = name.split_once('.')?;
    (kind != "parallel").then_some((kind, event))
}

/// Returns the class under which the report counts sessions that wait for an event, as in `lwlock`.
fn class_of(kind: &str, event: &str) -> &'static str {
    match kind {
        "Lock" => "lock",
        "IO" => "io",
        "LWLock" if event == "WALWrite" => "io",
        "LWLock" => "lwlock",
        "Client" => "client",
        _ => "other_wait",
    }
}
