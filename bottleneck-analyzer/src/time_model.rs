//! Division of the time of one call, in one currency: nanoseconds of the mean call.
//!
//! Means add up where percentiles do not, so the parts of a model sum to the whole. What the
//! server does inside a call is sampled as sessions by state; by Little's law sessions ÷
//! throughput is the time that each call spent in that state (Little, *A Proof for the Queuing
//! Formula L = λW*, Operations Research 9(3), 1961).

use bench_report::{Histogram, Operation, Step};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::assessment::{ComponentKind, EvidenceItem};
use crate::source::{SourceReport, escape};

pub(crate) mod checkout;
pub(crate) mod postgres;
mod redis;

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

/// The whole of a server that was only watched.
pub(crate) const OF_SESSIONS: &str = "time of sessions at work, for each transaction";

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

impl TimeModel {
    /// A part by its name.
    pub fn part(&self, name: &str) -> Option<&TimePart> {
        self.parts.iter().find(|p| p.name == name)
    }

    /// The share of a part; `None` where it was not measured.
    pub fn share(&self, name: &str) -> Option<f64> {
        self.part(name).map(|p| p.share_ratio)
    }

    /// The share of a part in what is left without queues: a queue for connections only mirrors
    /// what the connections themselves wait for, and shrinks with it.
    pub fn share_of_service(&self, name: &str) -> Option<f64> {
        let queued: f64 = QUEUES.iter().filter_map(|q| self.share(q)).sum();
        Some(self.share(name)? / (1.0 - queued).max(f64::EPSILON))
    }

    /// Mean time of a call that passes before a connection is held.
    pub fn queued_ns(&self) -> f64 {
        let queues = self.parts.iter().filter(|p| QUEUES.contains(&&*p.name));
        queues.map(|p| p.ns).sum()
    }

    /// Mean time of a call without the queues before a connection is held.
    pub fn served_ns(&self) -> f64 {
        (self.whole_ns - self.queued_ns()).max(0.0)
    }

    /// Parts whose name begins with `prefix`, together.
    pub fn sum_of(&self, prefix: &str) -> f64 {
        let parts = self.parts.iter().filter(|p| p.name.starts_with(prefix));
        parts.map(|p| p.ns).sum()
    }

    /// The largest part of what is left without queues.
    pub fn largest_of_service(&self) -> Option<&TimePart> {
        let parts = self.parts.iter();
        let parts = parts.filter(|p| !QUEUES.contains(&&*p.name));
        parts.max_by(|a, b| a.ns.total_cmp(&b.ns))
    }

    /// Returns true if a warning spoils a figure that it rests on.
    pub fn is_doubtful(&self) -> bool {
        let mut evidence = self.parts.iter().flat_map(|part| &part.evidence);
        evidence.any(|e| e.spoiled)
    }

    fn add(&mut self, name: &str, title: &str, ns: f64, evidence: Vec<EvidenceItem>) {
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

    fn rest(&mut self, title: &str) {
        let known: f64 = self.parts.iter().map(|p| p.ns).sum();
        let rest = self.whole_ns - known;
        if rest > 0.001 * self.whole_ns {
            self.add("rest", title, rest, Vec::new());
        }
    }
}

/// The model of step `index`; `None` where nothing finished.
pub fn of_step(source: &SourceReport, index: usize) -> Option<TimeModel> {
    let step = source.report.steps.get(index)?;
    match source.component()? {
        ComponentKind::Postgres => postgres::of_step(source, index),
        ComponentKind::Redis => redis::model(source, index, step),
        ComponentKind::Websocket => websocket(source, index, step),
        ComponentKind::Machine => None,
    }
}

type PhaseFn = fn(&Operation) -> Option<&Histogram>;

/// The mean of a phase over all successes of a step, and where it stands.
fn mean_of(
    source: &SourceReport,
    index: usize,
    name: &str,
    phase: PhaseFn,
) -> (f64, Vec<EvidenceItem>) {
    let operations = &source.report.steps[index].operations;
    let calls: u64 = operations.values().map(|o| o.succeeded).sum();
    let mut sum_ns = 0.0;
    let mut evidence = Vec::new();
    for (key, operation) in operations {
        let Some(histogram) = phase(operation) else {
            continue;
        };
        sum_ns += histogram.mean_ns * operation.succeeded as f64;
        let pointer = format!("/steps/{index}/operations/{}/{name}/mean_ns", escape(key));
        let spoken = name.replace('_', " ");
        evidence.extend(source.evidence(format!("mean {spoken} of {key}"), &pointer));
    }
    (
        if calls == 0 {
            0.0
        } else {
            sum_ns / calls as f64
        },
        evidence,
    )
}

/// The whole with the phases before service in it; service itself is left to the component.
fn phases(source: &SourceReport, index: usize) -> Option<TimeModel> {
    let response = mean_of(source, index, "response", |o| o.response.as_ref()).0;
    let call = mean_of(source, index, "call", |o| o.call.as_ref()).0;
    let (of, whole_ns) = if response > 0.0 {
        ("mean response time", response)
    } else {
        ("mean call time", call)
    };
    if whole_ns <= 0.0 {
        return None;
    }
    let mut model = TimeModel {
        of: of.to_owned(),
        whole_ns,
        parts: Vec::new(),
        notes: Vec::new(),
    };
    if response > 0.0 {
        let (ns, evidence) = mean_of(source, index, "pacing_lag", |o| o.pacing_lag.as_ref());
        model.add("pacing_lag", "pacing lag (the generator's)", ns, evidence);
        let (ns, evidence) = mean_of(source, index, "backlog", |o| o.backlog.as_ref());
        model.add("backlog", "backlog", ns, evidence);
    }
    let (ns, evidence) = mean_of(source, index, "checkout", |o| o.checkout.as_ref());
    for (name, title, ns) in checkout::parts(&source.report.steps[index], ns) {
        model.add(name, title, ns, evidence.clone());
    }
    Some(model)
}

/// A figure of the server's evidence, with its place.
fn server_figure(source: &SourceReport, index: usize, name: &str) -> Option<(f64, EvidenceItem)> {
    let step = source.report.steps.get(index)?;
    let value = *step.server.as_ref()?.figures.get(name)?;
    let pointer = format!("/steps/{index}/server/figures/{}", escape(name));
    Some((value, source.evidence(name, &pointer)?))
}

/// Establishing a connection; its phases are medians, which add up only nearly.
fn websocket(source: &SourceReport, index: usize, step: &Step) -> Option<TimeModel> {
    let connect = step.operations.get("connect")?;
    let (field, histogram) = crate::requests::latency(connect)?;
    let mut model = TimeModel {
        of: format!("median {field} time of establishing a connection"),
        whole_ns: histogram.percentiles_ns.p50 as f64,
        parts: Vec::new(),
        notes: vec!["Phases are medians, which add up only nearly.".into()],
    };
    for (figure, value) in &step.figures {
        let Some(phase) = figure
            .strip_prefix("connect.")
            .and_then(|rest| rest.strip_suffix("_p50_ns"))
        else {
            continue;
        };
        let pointer = format!("/steps/{index}/figures/{}", escape(figure));
        let evidence = source.evidence(figure.as_str(), &pointer);
        let left = model.whole_ns - model.parts.iter().map(|p| p.ns).sum::<f64>();
        let title = match phase {
            "tcp" => "TCP handshake",
            "tls" => "TLS handshake",
            "upgrade" => "WebSocket upgrade",
            other => other,
        };
        model.add(
            phase,
            title,
            value.min(left),
            evidence.into_iter().collect(),
        );
    }
    if model.parts.is_empty() {
        return None;
    }
    model.rest("queue and client (by subtraction)");
    Some(model)
}
