//! What a step's evidence says of a Redis: its one thread, and who it worked for.

mod thread;

use bench_report::{EvidenceRow, Load, ServerEvidence, Step};

use crate::assessment::Evidence;
use crate::facts::Bench;
use crate::requests;
use crate::source::{Source, escape};

/// The evidence of the step at a bench's operating point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    source: &'a Source,
    index: usize,
    pub(crate) step: &'a Step,
    server: &'a ServerEvidence,
    /// How long the server was watched.
    pub(crate) seconds: f64,
    /// Calls that the load made.
    pub(crate) calls: f64,
    /// Mean of what users felt of them, in nanoseconds.
    pub(crate) response_ns: f64,
}

impl<'a> View<'a> {
    /// Reads it; `None` where the server was not watched or nothing was asked.
    pub(crate) fn of(bench: &Bench<'a>) -> Option<Self> {
        let (index, step) = bench.operating()?;
        let server = step.server.as_ref()?;
        let seconds = *server.figures.get("interval_s")?;
        let calls: u64 = step.operations.values().map(|o| o.attempted).sum();
        let felt = requests::of(step).filter_map(|(_, o)| requests::latency(o));
        let (sum, count) = felt.fold((0.0, 0.0), |(sum, count), (_, h)| {
            (sum + h.mean_ns * h.count as f64, count + h.count as f64)
        });
        (seconds > 0.0 && calls > 0 && count > 0.0).then(|| Self {
            source: bench.source,
            index,
            step,
            server,
            seconds,
            calls: calls as f64,
            response_ns: sum / count,
        })
    }

    /// A figure of the server.
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        self.server.figures.get(name).copied()
    }

    /// Where a figure of the server stands.
    pub(crate) fn evidence(&self, name: &str) -> Option<Evidence> {
        let pointer = format!("/steps/{}/server/figures/{}", self.index, escape(name));
        self.source.evidence(name.replace('_', " "), &pointer)
    }

    /// The rows of a table; none where it is absent.
    pub(crate) fn rows(&self, table: &str) -> impl Iterator<Item = (usize, &'a EvidenceRow)> {
        let rows = self.server.tables.get(table).map(Vec::as_slice);
        rows.unwrap_or_default().iter().enumerate()
    }

    /// Whether `table` was read, however empty.
    pub(crate) fn was_read(&self, what: &str) -> bool {
        !self.server.unavailable.contains_key(what)
    }

    /// Where a figure of a row stands.
    pub(crate) fn row_evidence(
        &self,
        label: impl Into<String>,
        (table, row): (&str, usize),
        figure: &str,
    ) -> Option<Evidence> {
        let place = format!("/steps/{}/server/tables/{table}/{row}", self.index);
        self.source
            .evidence(label, &format!("{place}/figures/{}", escape(figure)))
    }

    /// A setting of the server.
    pub(crate) fn setting(&self, name: &str) -> Option<&'a str> {
        let is = |(_, row): &(usize, &'a EvidenceRow)| {
            row.labels
                .get("setting")
                .is_some_and(|setting| setting == name)
        };
        let (_, row) = self.rows("settings").find(is)?;
        row.labels.get("value").map(String::as_str)
    }

    /// Users who wait for their answers; `None` in an open loop.
    fn users(&self) -> Option<f64> {
        match self.step.load {
            Load::Closed { users, .. } => Some(users as f64),
            Load::Open { .. } => None,
        }
    }

    /// Share of the mean response time.
    pub(crate) fn share_of_response(&self, ns: f64) -> f64 {
        (ns / self.response_ns).min(1.0)
    }

    /// Time of the run that a reply takes on the wire, in bytes that the load asked for: what it
    /// reads and the short answers to what it writes. `None` where the bench does not tell how
    /// long its values are.
    pub(crate) fn own_answer_bytes(&self) -> Option<f64> {
        let told = self.source.report.config.get("value_bytes");
        let told = told.and_then(serde_json::Value::as_f64);
        let value = told.or_else(|| self.step.parameter("value_bytes"))?;
        let read = self.step.operations.get("get").map_or(0, |o| o.succeeded) as f64;
        // Headers, `+OK`, the pool's check.
        Some(read * value + self.calls * SHORT_ANSWERS_BYTES)
    }
}

/// What the short answers of one call may come to.
const SHORT_ANSWERS_BYTES: f64 = 64.0;
