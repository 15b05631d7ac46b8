//! Division of the time of one call into parts that add up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EvidenceItem;

/// The whole of a server that was only watched.
const OF_SESSIONS: &str = "time of sessions at work, for each transaction";

/// Parts that pass before a connection is held.
const QUEUES: [&str; 3] = ["pacing_lag", "backlog", "checkout"];

/// The whole and its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeModel {
    /// Time that is divided up, as in `mean response time`.
    pub of: String,
    /// Its length, in nanoseconds.
    pub whole_ns: f64,
    /// The parts, in the order in which they happen.
    pub parts: Vec<TimePart>,
    /// Notes about it.
    pub notes: Vec<String>,
}

/// One part of the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Part")]
pub struct TimePart {
    /// A name for scripts: `pacing_lag`, `backlog`, `checkout` (waiting for a place in the pool),
    /// `checkout_check`, `checkout_connect`, `checkout_other`, `server_cpu`, `server_runnable`, an
    /// event that PostgreSQL waited for (`lock.transactionid`, `io.walsync`) or its class where
    /// events were not named (`lock`), `client.idle_in_transaction`, `network`, `command`, `tcp`,
    /// `behind_others`, `io.append_only`, `upgrade`, `rest`.
    pub name: String,
    /// For people.
    pub title: String,
    /// Mean time of a call, in nanoseconds.
    pub ns: f64,
    /// `ns` ÷ the whole.
    pub share_ratio: f64,
    /// Evidence that it rests on; empty for what is left by subtraction.
    pub evidence: Vec<EvidenceItem>,
}

impl TimeModel {
    /// Creates a model of `whole_ns` nanoseconds without parts.
    pub(crate) fn new(of: impl Into<String>, whole_ns: f64) -> Self {
        Self {
            of: of.into(),
            whole_ns,
            parts: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Creates a model of the time of a server's sessions, where nobody timed the calls.
    pub(crate) fn of_sessions(whole_ns: f64) -> Self {
        Self::new(OF_SESSIONS, whole_ns)
    }

    /// Returns true if it divides the time of sessions, because nobody timed the calls.
    pub(crate) fn is_of_sessions(&self) -> bool {
        self.of == OF_SESSIONS
    }

    /// A part by its name.
    pub fn part(&self, name: &str) -> Option<&TimePart> {
        self.parts.iter().find(|p| p.name == name)
    }

    /// Mean time of a call that passes before a connection is held.
    pub(crate) fn queued_ns(&self) -> f64 {
        let queues = self.parts.iter().filter(|p| QUEUES.contains(&&*p.name));
        queues.map(|p| p.ns).sum()
    }

    /// Mean time of a call without the queues before a connection is held.
    pub(crate) fn served_ns(&self) -> f64 {
        (self.whole_ns - self.queued_ns()).max(0.0)
    }

    /// Parts whose name begins with `prefix`, together.
    pub(crate) fn sum_of(&self, prefix: &str) -> f64 {
        let parts = self.parts.iter().filter(|p| p.name.starts_with(prefix));
        parts.map(|p| p.ns).sum()
    }

    /// The largest part of what is left without queues.
    pub(crate) fn largest_of_service(&self) -> Option<&TimePart> {
        let parts = self.parts.iter();
        let parts = parts.filter(|p| !QUEUES.contains(&&*p.name));
        parts.max_by(|a, b| a.ns.total_cmp(&b.ns))
    }

    /// Returns true if a warning spoils a figure that it rests on.
    pub(crate) fn is_doubtful(&self) -> bool {
        let mut evidence = self.parts.iter().flat_map(|part| &part.evidence);
        evidence.any(|e| e.spoiled)
    }

    /// Adds a part of `ns` nanoseconds of a call; one without length is left out.
    pub(crate) fn add_part(
        &mut self,
        name: &str,
        title: &str,
        ns: f64,
        evidence: Vec<EvidenceItem>,
    ) {
        if ns <= 0.0 || self.whole_ns <= 0.0 {
            return;
        }
        self.parts.push(TimePart {
            name: name.to_owned(),
            title: title.to_owned(),
            ns,
            share_ratio: ns / self.whole_ns,
            evidence,
        });
    }

    /// Adds what is left of the whole, unless it is next to nothing.
    pub(crate) fn add_rest(&mut self, title: &str) {
        let known: f64 = self.parts.iter().map(|p| p.ns).sum();
        let rest = self.whole_ns - known;
        if rest > 0.001 * self.whole_ns {
            self.add_part("rest", title, rest, Vec::new());
        }
    }
}
