//! Waits of the load's sessions, by event: sessions on average over the step.

use super::evidence::PostgresEvidence;
use crate::assessment::EvidenceItem;
use crate::catalogue::events::{self, WaitEvent};

/// Sessions of a class that its events must leave unexplained before the class is shown itself.
const LEAST_REST: f64 = 0.01;

/// One event that was waited for.
#[derive(Debug, Clone)]
pub(crate) struct Wait {
    /// `type.event` in lower case; a class (`lock`) where the report does not name events.
    pub(crate) key: String,
    /// As the server spells it, as in `Lock:transactionid`.
    pub(crate) shown: String,
    /// Sessions in it, on average.
    pub(crate) sessions: f64,
    /// Its place in the report.
    pub(crate) evidence: Option<EvidenceItem>,
}

impl Wait {
    /// Entry of the catalogue.
    pub(crate) fn event(&self) -> Option<&'static WaitEvent> {
        events::find(&self.key)
    }

    /// In a time model.
    pub(crate) fn part(&self) -> String {
        let unknown = || format!("waiting for {} (not in the catalogue)", self.shown);
        self.event()
            .map_or_else(unknown, |event| event.part.clone())
    }
}

/// Classes of sessions that wait, as figures name them.
const CLASSES: [&str; 4] = ["lock", "lwlock", "io", "other_wait"];

/// Every event with the sessions in it; `None` where sessions were not sampled.
pub(crate) fn of(view: &PostgresEvidence<'_>) -> Option<Vec<Wait>> {
    view.figure("sessions.cpu_mean")?;
    let mut found = Vec::new();
    let mut explained = [0.0; CLASSES.len()];
    for (name, sessions) in view.figures_below("waits.") {
        let Some((kind, event)) = event_of(name).filter(|_| sessions > 0.0) else {
            continue;
        };
        // A session that is idle in a transaction waits for its client, too: told apart below.
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
            evidence: view.evidence(name),
        });
    }
    for (class, explained) in CLASSES.into_iter().zip(explained) {
        let rest = mean(view, class) - explained;
        if rest > (0.05 * explained).max(LEAST_REST) {
            found.push(whole(view, class, class, rest));
        }
    }
    found.extend(of_the_client(view, &found));
    Some(found)
}

/// Sessions in the middle of a statement, and between two of one transaction.
fn of_the_client(view: &PostgresEvidence<'_>, found: &[Wait]) -> Vec<Wait> {
    let writes: f64 = found
        .iter()
        .filter(|w| w.key.starts_with("client."))
        .map(|w| w.sessions)
        .sum();
    let named = view.figure("waits.Client.ClientRead_mean").is_some();
    let key = if named { "client.clientread" } else { "client" };
    let reads = whole(view, key, "client", mean(view, "client") - writes);
    let between = whole(
        view,
        "client.idle_in_transaction",
        "idle_in_transaction",
        mean(view, "idle_in_transaction"),
    );
    let some = |wait: &Wait| wait.sessions > 0.0;
    [reads, between].into_iter().filter(some).collect()
}

fn whole(view: &PostgresEvidence<'_>, key: &str, class: &str, sessions: f64) -> Wait {
    Wait {
        key: key.to_owned(),
        shown: match key {
            "client.clientread" => "Client:ClientRead".to_owned(),
            _ => class.replace('_', " "),
        },
        sessions,
        evidence: view.evidence(&format!("sessions.{class}_mean")),
    }
}

fn mean(view: &PostgresEvidence<'_>, class: &str) -> f64 {
    let figure = format!("sessions.{class}_mean");
    view.figure(&figure).unwrap_or(0.0)
}

/// Type and event of `waits.Lock.transactionid_mean`; `None` for what parallel workers wait for.
fn event_of(figure: &str) -> Option<(&str, &str)> {
    let name = figure.strip_prefix("waits.")?.strip_suffix("_mean")?;
    let (kind, event) = name.split_once('.')?;
    (kind != "parallel").then_some((kind, event))
}

/// The class under which an event is sampled.
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
