//! Evidence about a Redis server in one step, with the place of every figure in the report.

use bench_report::names;
use bench_report::names::{FigureName, redis};
use bench_report::{EvidenceRow, Load, Operation, ServerEvidence, Step};

use crate::assessment::EvidenceItem;
use crate::json_pointer::escape;
use crate::requests;
use crate::source_report::SourceReport;

/// Evidence about a Redis server in one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RedisEvidence<'a> {
    pub(super) source: &'a SourceReport,
    pub(crate) index: usize,
    pub(crate) step: &'a Step,
    server: &'a ServerEvidence,
    /// Time over which the server's counters were read, in seconds.
    pub(crate) seconds: f64,
    /// Number of calls that the load attempted in the step.
    pub(crate) calls: f64,
    /// Mean response time of the answered calls, in nanoseconds.
    pub(crate) response_ns: f64,
}

impl<'a> RedisEvidence<'a> {
    /// Returns the evidence of step `index`. `None` if there is no such step, if the server was not
    /// observed, or if no call was answered.
    pub(crate) fn of_step(source: &'a SourceReport, index: usize) -> Option<Self> {
        let step = source.report.steps.get(index)?;
        let server = step.server.as_ref()?;
        let seconds = server.value(redis::INTERVAL_S)?;
        let calls: u64 = step.operations.values().map(|o| o.attempted).sum();
        let felt = requests::request_operations(step).filter_map(|(_, o)| requests::latency(o));
        let (sum, count) = felt.fold((0.0, 0.0), |(sum, count), (_, h)| {
            (sum + h.mean_ns * h.count as f64, count + h.count as f64)
        });
        (seconds > 0.0 && calls > 0 && count > 0.0).then(|| Self {
            source,
            index,
            step,
            server,
            seconds,
            calls: calls as f64,
            response_ns: sum / count,
        })
    }

    /// Returns the figure `name` of the server; `None` if it was not measured.
    pub(crate) fn figure(&self, name: FigureName) -> Option<f64> {
        self.server.value(name)
    }

    /// Returns the figure `name` of the server as evidence; `None` if it was not measured.
    pub(crate) fn evidence(&self, name: FigureName) -> Option<EvidenceItem> {
        let pointer = format!(
            "/steps/{}/server/figures/{}",
            self.index,
            escape(name.as_str())
        );
        self.source.evidence(name.as_str(), &pointer)
    }

    /// Iterates over the rows of the table `table` with their indices; empty if the report has no
    /// such table.
    pub(crate) fn rows(&self, table: &str) -> impl Iterator<Item = (usize, &'a EvidenceRow)> {
        let rows = self.server.tables.get(table).map(Vec::as_slice);
        rows.unwrap_or_default().iter().enumerate()
    }

    /// Returns true if the table `what` was read, even if it is empty. It was not read if the
    /// report lists it as unavailable, or if the table `commands` is empty, because a bench that
    /// reads tables always lists its own commands there.
    pub(crate) fn was_read(&self, what: &str) -> bool {
        !self.server.unavailable.contains_key(what) && self.rows("commands").next().is_some()
    }

    /// Returns the figure `figure` of a row as evidence called `label`. The row is given by its
    /// table and its index. `None` if the row has no such figure.
    pub(crate) fn row_evidence(
        &self,
        label: impl Into<String>,
        (table, row): (&str, usize),
        figure: &str,
    ) -> Option<EvidenceItem> {
        let place = format!("/steps/{}/server/tables/{table}/{row}", self.index);
        self.source
            .evidence(label, &format!("{place}/figures/{}", escape(figure)))
    }

    /// Iterates over the rows of commands that one kind of sender (`load`, `pool`, `bench` or
    /// `others`) sent, with their indices in the table `commands`.
    pub(crate) fn commands_of(
        &self,
        whose: &str,
    ) -> impl Iterator<Item = (usize, &'a EvidenceRow)> {
        let is = move |row: &EvidenceRow| {
            row.label(names::redis::commands::WHOSE)
                .is_some_and(|w| w == whose)
        };
        self.rows("commands").filter(move |(_, row)| is(row))
    }

    /// Returns the value of the server's setting `name`, as in `io-threads`; `None` if it was not
    /// read.
    pub(crate) fn setting(&self, name: &str) -> Option<&'a str> {
        let is = |(_, row): &(usize, &'a EvidenceRow)| {
            row.label(names::redis::settings::SETTING)
                .is_some_and(|setting| setting == name)
        };
        let (_, row) = self.rows("settings").find(is)?;
        row.label(names::redis::settings::VALUE)
    }

    /// Returns the part of the mean response time, in nanoseconds, that a cause at the server can
    /// have taken: the whole less the generator's own delay and the fastest answer to a minimal
    /// query; at least 0.
    pub(crate) fn at_stake_ns(&self) -> f64 {
        let delay = |(sum, count): (f64, f64), operation: &Operation| {
            let lag = operation.pacing_lag.as_ref();
            let lag = lag.map_or(0.0, |h| h.mean_ns * h.count as f64);
            let answered = requests::latency(operation).map_or(0.0, |(_, h)| h.count as f64);
            (sum + lag, count + answered)
        };
        let all = requests::request_operations(self.step).map(|(_, operation)| operation);
        let (sum, count) = all.fold((0.0, 0.0), delay);
        let fastest = self.figure(names::redis::ANSWER_LEAST_NS).unwrap_or(0.0);
        (self.response_ns - sum / count.max(1.0) - fastest).max(0.0)
    }

    /// Returns the number of users of a closed loop; `None` for an open loop.
    pub(super) fn users(&self) -> Option<f64> {
        match self.step.load {
            Load::Closed { users, .. } => Some(users as f64),
            Load::Open { .. } | Load::Unknown => None,
        }
    }

    /// Returns `ns` nanoseconds as a share of the mean response time, at most 1.
    pub(crate) fn share_of_response(&self, ns: f64) -> f64 {
        (ns / self.response_ns).min(1.0)
    }

    /// Returns `ns` nanoseconds as a share, at most 1, of the time for which a call holds a
    /// connection. The queue for the pool is left out, because it gets shorter by itself if
    /// connections are held for a shorter time.
    pub(crate) fn share_of_hold(&self, ns: f64) -> f64 {
        let parts = self.step.pool.as_ref().and_then(|pool| pool.checkout);
        let queued = parts.map_or(0.0, |parts| parts.wait_mean_ns);
        (ns / (self.response_ns - queued).max(ns).max(1.0)).min(1.0)
    }

    /// Returns the mean number of answers that a call waits for, including the answer to the pool's
    /// check of the connection; at least 1.
    pub(crate) fn round_trips(&self) -> f64 {
        let calls = |(_, row): (usize, &EvidenceRow)| {
            let label = |name: &str| row.labels.get(name).map_or("", String::as_str);
            // The pool sends UNWATCH together with PING, so a call waits only once for both.
            let waits = label("whose") == "load" || label("command") == "ping";
            waits
                .then(|| row.value(names::redis::commands::CALLS))
                .flatten()
        };
        let waited: f64 = self.rows("commands").filter_map(calls).sum();
        (waited / self.calls).max(1.0)
    }

    /// Returns the number of commands called `command` (`get` or `set`) that the load is known to
    /// have sent.
    pub(crate) fn calls_of(&self, command: &str) -> f64 {
        let made = |operation: &str| {
            let operation = self.step.operations.get(operation);
            operation.map_or(0, |o| o.attempted) as f64
        };
        // A miss sends a read and a write.
        made(command) + made("miss")
    }

    /// Returns the number of bytes that the server sent to clients outside the load; `None` if the
    /// bytes sent or the size of the load's values are not known.
    pub(crate) fn others_bytes(&self) -> Option<f64> {
        let sent = self.figure(names::redis::NET_OUTPUT_BYTES)?;
        Some((sent - self.own_answer_bytes()?).max(0.0))
    }

    /// Returns the share of the main thread's time, from 0 to 1, that it spent on sending to
    /// clients outside the load. `None` if the bytes sent to them, or the thread's time outside of
    /// commands, are not known.
    pub(crate) fn cost_of_others_bytes(&self) -> Option<f64> {
        let ratio = self.others_bytes()? / self.figure(names::redis::NET_OUTPUT_BYTES)?.max(1.0);
        Some(self.outside_commands_s()? * ratio / self.seconds)
    }

    /// Returns true if the server sent fewer than `bytes` for a call, as far as that is known.
    pub(crate) fn own_answers_below(&self, bytes: f64) -> bool {
        let sent = self.figure(names::redis::NET_OUTPUT_BYTES).unwrap_or(0.0);
        let others = self.others_bytes().unwrap_or(0.0);
        sent - others < bytes * self.calls
    }

    /// Returns the number of bytes that the server sent to the load: the values that it read, and a short
    /// answer to each call. `None` if the size of the values is not known.
    fn own_answer_bytes(&self) -> Option<f64> {
        let told = self.source.report.config.get("value_bytes");
        let told = told.and_then(serde_json::Value::as_f64);
        let value = told.or_else(|| self.step.parameter("value_bytes"))?;
        let read = self.step.operations.get("get").map_or(0, |o| o.succeeded) as f64;
        // Short answers: headers, `+OK`, the answer to the pool's check.
        Some(read * value + self.calls * SHORT_ANSWERS_BYTES)
    }
}

/// Upper bound for the bytes of the short answers to one call, such as headers and `+OK`.
const SHORT_ANSWERS_BYTES: f64 = 64.0;
