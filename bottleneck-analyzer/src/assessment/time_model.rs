//! Division of the mean time of one call into parts that add up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EvidenceItem;

/// Value of `TimeModel::of` for a server that was only observed, so that no call was timed.
const OF_SESSIONS: &str = "time of sessions at work, for each transaction";

/// Names of the parts of a call that pass before the call holds a connection.
const QUEUES: [&str; 3] = ["pacing_lag", "backlog", "checkout"];

/// Mean time of a call, or of a server's sessions, divided into parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TimeModel {
    /// Name of the divided time, as in `mean response time`.
    pub of: String,
    /// Length of the time that is divided, in nanoseconds.
    pub whole_ns: f64,
    /// Parts of the time: the queues before the service in their order, then the parts of the
    /// service. Those inside PostgreSQL come with the longest first.
    pub parts: Vec<TimePart>,
    /// Reservations about the division, as sentences.
    pub notes: Vec<String>,
}

/// Part of the mean time of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Part")]
pub(crate) struct TimePart {
    /// Stable name: `pacing_lag`, `backlog`, `checkout` (waiting for a place in the pool),
    /// `checkout_check`, `checkout_connect`, `checkout_other`, `server_cpu`, `server_runnable`, an
    /// event that PostgreSQL waited for (`lock.transactionid`, `io.walsync`) or its class where
    /// events were not named (`lock`), `client.idle_in_transaction`, `small_waits`, `network`,
    /// `command`, `behind_others`, `io.append_only`, `tcp`, `tls`, `upgrade`, `rest`.
    pub name: String,
    /// Name of the part as shown to people.
    pub title: String,
    /// Mean length of the part in a call, in nanoseconds.
    pub ns: f64,
    /// Length of the part as a share of the whole, from 0 to 1.
    pub share_ratio: f64,
    /// Evidence that the length rests on; empty for a part that was computed by subtraction.
    pub evidence: Vec<EvidenceItem>,
}

impl TimeModel {
    /// Creates a model of a time called `of`, `whole_ns` nanoseconds long, without parts.
    pub(crate) fn new(of: impl Into<String>, whole_ns: f64) -> Self {
        Self {
            of: of.into(),
            whole_ns,
            parts: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Creates a model of the time of a server's sessions, `whole_ns` nanoseconds long and without
    /// parts, for reports without timed calls.
    pub(crate) fn of_sessions(whole_ns: f64) -> Self {
        Self::new(OF_SESSIONS, whole_ns)
    }

    /// Returns true if the model divides the time of the server's sessions, because the report has
    /// no timed calls; false if it divides the time of a call.
    pub(crate) fn is_of_sessions(&self) -> bool {
        self.of == OF_SESSIONS
    }

    /// Returns the part called `name`; `None` if the model has no such part.
    pub(crate) fn part(&self, name: &str) -> Option<&TimePart> {
        self.parts.iter().find(|p| p.name == name)
    }

    /// Returns true if the part called `name` passes before a call holds a connection.
    pub(crate) fn is_queue(name: &str) -> bool {
        QUEUES.contains(&name)
    }

    /// Returns the mean time for which a call waits for locks, in nanoseconds; internal locks of the server
    /// are left out.
    pub(crate) fn lock_ns(&self) -> f64 {
        self.part("lock").map_or(0.0, |part| part.ns) + self.sum_of("lock.")
    }

    /// Returns the mean time of a call before it holds a connection, in nanoseconds: the sum of the
    /// parts `pacing_lag`, `backlog` and `checkout`.
    pub(crate) fn queued_ns(&self) -> f64 {
        let queues = self.parts.iter().filter(|p| QUEUES.contains(&&*p.name));
        queues.map(|p| p.ns).sum()
    }

    /// Returns the mean time of a call while it holds a connection, in nanoseconds: the whole less
    /// the time before, at least 0.
    pub(crate) fn served_ns(&self) -> f64 {
        (self.whole_ns - self.queued_ns()).max(0.0)
    }

    /// Returns the sum of the parts whose name begins with `prefix`, in nanoseconds.
    pub(crate) fn sum_of(&self, prefix: &str) -> f64 {
        let parts = self.parts.iter().filter(|p| p.name.starts_with(prefix));
        parts.map(|p| p.ns).sum()
    }

    /// Returns the longest part of a call while the call holds a connection; the queues before that
    /// do not count. `None` if the model has no such part.
    pub(crate) fn largest_of_service(&self) -> Option<&TimePart> {
        let parts = self.parts.iter();
        let parts = parts.filter(|p| !QUEUES.contains(&&*p.name));
        parts.max_by(|a, b| a.ns.total_cmp(&b.ns))
    }

    /// Returns true if a warning spoils a figure that the length of some part rests on.
    pub(crate) fn is_doubtful(&self) -> bool {
        let mut evidence = self.parts.iter().flat_map(|part| &part.evidence);
        evidence.any(|e| e.spoiled)
    }

    /// Adds a part of `ns` nanoseconds at the end; adds nothing if `ns` or the whole is not
    /// positive.
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

    /// Adds the time that no part covers as the part `rest` with this title, if it is more than a
    /// thousandth of the whole.
    pub(crate) fn add_rest(&mut self, title: &str) {
        let known: f64 = self.parts.iter().map(|p| p.ns).sum();
        let rest = self.whole_ns - known;
        if rest > 0.001 * self.whole_ns {
            self.add_part("rest", title, rest, Vec::new());
        }
    }
}
