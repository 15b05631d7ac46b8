//! What users asked for in a step, and what they got. Opening a WebSocket is no request where
//! echoes go over it: connections are counted and timed under their own name.

use bench_report::{Histogram, Operation, Step};

use crate::assessment::Component;
use crate::thresholds::Objectives;

/// The operation that stands for requests over open connections.
const ECHO: &str = "echo";

/// The operations that are requests, by name.
pub fn of(step: &Step) -> impl Iterator<Item = (&String, &Operation)> {
    let echoes = step.operations.contains_key(ECHO);
    let all = step.operations.iter();
    all.filter(move |(name, _)| !echoes || *name == ECHO)
}

/// Successes per second.
pub fn throughput_per_s(step: &Step) -> f64 {
    of(step).map(|(_, o)| o.throughput_per_s).sum()
}

/// Share of the requests that failed or never came back; `None` where none was made.
pub fn error_ratio(step: &Step) -> Option<f64> {
    match step.operations.get(ECHO) {
        Some(echo) => echo.error_ratio(),
        None => step.error_ratio(),
    }
}

/// The same over several steps: all failures ÷ all requests.
pub fn error_ratio_of<'s>(steps: impl Iterator<Item = &'s Step>) -> Option<f64> {
    let (mut unsuccessful, mut attempted) = (0, 0);
    for (_, operation) in steps.flat_map(of) {
        unsuccessful += operation.attempted.saturating_sub(operation.succeeded);
        attempted += operation.attempted;
    }
    (attempted > 0).then(|| unsuccessful as f64 / attempted as f64)
}

/// One percentile of one operation of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency<'a> {
    /// The operation.
    pub operation: &'a str,
    /// `response` where there is one, `call` otherwise.
    pub field: &'static str,
    /// The percentile, in nanoseconds.
    pub ns: u64,
    /// Samples behind it.
    pub count: u64,
}

/// What a user felt of an operation, with the name of the field it stands in.
pub fn latency(operation: &Operation) -> Option<(&'static str, &Histogram)> {
    let response = operation.response.as_ref().map(|h| ("response", h));
    response.or_else(|| operation.call.as_ref().map(|h| ("call", h)))
}

/// Opening a connection, where a step did so for requests to go over.
pub fn connecting(step: &Step, percentile: Pick) -> Option<Latency<'_>> {
    let (name, connect) = step.operations.get_key_value("connect")?;
    step.operations.get(ECHO)?;
    let (field, histogram) = latency(connect)?;
    Some(Latency {
        operation: name,
        field,
        ns: percentile(histogram),
        count: histogram.count,
    })
}

/// A percentile of a distribution.
pub type Pick = fn(&Histogram) -> u64;

/// The percentile that the requests to a component are held to: its name, the percentile, and
/// the bound in milliseconds.
pub fn objective(component: Component, bounds: &Objectives) -> Option<(&'static str, Pick, f64)> {
    let p90: Pick = |h| h.percentiles_ns.p90;
    let p95: Pick = |h| h.percentiles_ns.p95;
    match component {
        Component::Postgres => Some(("p90", p90, bounds.postgres_p90_ms)),
        Component::Redis => Some(("p90", p90, bounds.redis_p90_ms)),
        Component::Websocket => Some(("p95", p95, bounds.websocket_p95_ms)),
        Component::Machine => None,
    }
}

/// The request of `step` whose percentile is highest. One that makes up less than a hundredth
/// of the samples cannot speak for the step and is left out.
pub fn slowest(step: &Step, percentile: Pick) -> Option<Latency<'_>> {
    let all: Vec<(&String, &'static str, &Histogram)> = of(step)
        .filter_map(|(name, op)| latency(op).map(|(field, h)| (name, field, h)))
        .collect();
    let total: u64 = all.iter().map(|(_, _, h)| h.count).sum();
    all.into_iter()
        .filter(|(_, _, h)| h.count.saturating_mul(100) >= total)
        .map(|(operation, field, h)| Latency {
            operation,
            field,
            ns: percentile(h),
            count: h.count,
        })
        .max_by_key(|s| s.ns)
}
