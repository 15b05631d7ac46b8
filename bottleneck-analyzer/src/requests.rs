//! Requests of users in a step, and their outcome. Opening a WebSocket is no request where
//! echoes go over it: connections are counted and timed under their own name.

use bench_report::histogram::Percentiles;
use bench_report::{CensoredPercentiles, Histogram, Operation, Step};

use crate::assessment::ComponentKind;
use crate::figures::duration_ns;
use crate::json_pointer::escape;
use crate::thresholds::Objectives;

/// The operation that stands for requests over open connections.
const ECHO: &str = "echo";

/// The operations that are requests, by name.
pub(crate) fn of(step: &Step) -> impl Iterator<Item = (&String, &Operation)> {
    let echoes = step.operations.contains_key(ECHO);
    let all = step.operations.iter();
    all.filter(move |(name, _)| !echoes || *name == ECHO)
}

/// Successes per second.
pub(crate) fn throughput_per_s(step: &Step) -> f64 {
    of(step).map(|(_, o)| o.throughput_per_s).sum()
}

/// Share of the requests that failed or never came back; `None` where none was made.
pub(crate) fn error_ratio(step: &Step) -> Option<f64> {
    match step.operations.get(ECHO) {
        Some(echo) => echo.error_ratio(),
        None => step.error_ratio(),
    }
}

/// Share of failures over several steps: all failures ÷ all requests.
pub(crate) fn error_ratio_of<'s>(steps: impl Iterator<Item = &'s Step>) -> Option<f64> {
    let (mut unsuccessful, mut attempted) = (0, 0);
    for (_, operation) in steps.flat_map(of) {
        unsuccessful += operation.attempted.saturating_sub(operation.succeeded);
        attempted += operation.attempted;
    }
    (attempted > 0).then(|| unsuccessful as f64 / attempted as f64)
}

/// One percentile of one operation of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OperationPercentile<'a> {
    /// The operation.
    pub(crate) operation: &'a str,
    /// The field that holds it: `response` where there is one, `call` otherwise, `with_censored`
    /// where requests were never answered.
    pub(crate) field: &'static str,
    /// The percentile, in nanoseconds.
    pub(crate) ns: u64,
    /// True if it falls among requests that were never answered: the true one is `ns` or more.
    pub(crate) at_least: bool,
    /// Samples behind it.
    pub(crate) count: u64,
}

impl<'a> OperationPercentile<'a> {
    fn of(name: &'a str, operation: &'a Operation, percentile: PercentileFn) -> Option<Self> {
        let felt = operation.percentiles()?;
        let finished = latency(operation);
        let field = match (&operation.with_censored, finished) {
            (Some(_), _) => "with_censored",
            (None, Some((field, _))) => field,
            (None, None) => return None,
        };
        let unfinished = operation
            .with_censored
            .as_ref()
            .map_or(0, |_| operation.censored);
        Some(Self {
            operation: name,
            field,
            ns: percentile(&felt),
            at_least: felt
                .at_least
                .iter()
                .any(|at_least| *at_least == name_of(percentile)),
            count: finished.map_or(0, |(_, histogram)| histogram.count) + unfinished,
        })
    }

    /// `p90 of read`, for evidence.
    pub(crate) fn label(&self, which: &str) -> String {
        let bound = if self.at_least { ", at least" } else { "" };
        format!("{which} of {}{bound}", self.operation)
    }

    /// Pointer to it in the report, where it is of step `step`.
    pub(crate) fn pointer(&self, step: usize, which: &str) -> String {
        format!(
            "/steps/{step}/operations/{}/{}/percentiles_ns/{which}",
            escape(self.operation),
            self.field
        )
    }

    /// `4.1 ms`, or `≥ 9.8 s`.
    pub(crate) fn shown(&self) -> String {
        let bound = if self.at_least { "≥\u{a0}" } else { "" };
        format!("{bound}{}", duration_ns(self.ns as f64))
    }
}

/// The name of the percentile that is picked.
fn name_of(percentile: PercentileFn) -> &'static str {
    let places = CensoredPercentiles {
        percentiles_ns: Percentiles {
            p50: 0,
            p75: 1,
            p90: 2,
            p95: 3,
            p99: 4,
            p999: 5,
            p9999: 6,
        },
        at_least: Vec::new(),
    };
    let place = percentile(&places) as usize;
    Percentiles::LEVELS.get(place).map_or("", |(name, _)| name)
}

/// Response time of an operation as a user felt it, with the name of the field it stands in.
pub(crate) fn latency(operation: &Operation) -> Option<(&'static str, &Histogram)> {
    let response = operation.response.as_ref().map(|h| ("response", h));
    response.or_else(|| operation.call.as_ref().map(|h| ("call", h)))
}

/// The longest time that a request took, or had lasted when it was cut off.
pub(crate) fn longest_ns(step: &Step) -> Option<u64> {
    let answered = of(step).filter_map(|(_, o)| Some(latency(o)?.1));
    let cut_off = of(step).filter_map(|(_, o)| o.unfinished.as_ref());
    answered.chain(cut_off).map(|h| h.max_ns).max()
}

/// Opening a connection, where a step did so for requests to go over.
pub(crate) fn connecting(step: &Step, percentile: PercentileFn) -> Option<OperationPercentile<'_>> {
    let (name, connect) = step.operations.get_key_value("connect")?;
    step.operations.get(ECHO)?;
    OperationPercentile::of(name, connect, percentile)
}

/// A percentile of a distribution.
pub(crate) type PercentileFn = fn(&CensoredPercentiles) -> u64;

/// The percentile that the requests to a component are held to: its name, the percentile, and
/// the bound in milliseconds.
pub(crate) fn objective(
    component: ComponentKind,
    bounds: &Objectives,
) -> Option<(&'static str, PercentileFn, f64)> {
    let p90: PercentileFn = |h| h.percentiles_ns.p90;
    let p95: PercentileFn = |h| h.percentiles_ns.p95;
    match component {
        ComponentKind::Postgres => Some(("p90", p90, bounds.postgres_p90_ms)),
        ComponentKind::Redis => Some(("p90", p90, bounds.redis_p90_ms)),
        ComponentKind::Websocket => Some(("p95", p95, bounds.websocket_p95_ms)),
        ComponentKind::Machine => None,
    }
}

/// The request of `step` whose percentile is highest. One that makes up less than a hundredth
/// of the samples cannot speak for the step and is left out.
pub(crate) fn slowest(step: &Step, percentile: PercentileFn) -> Option<OperationPercentile<'_>> {
    let all: Vec<OperationPercentile> = of(step)
        .filter_map(|(name, operation)| OperationPercentile::of(name, operation, percentile))
        .collect();
    let total: u64 = all.iter().map(|latency| latency.count).sum();
    all.into_iter()
        .filter(|latency| latency.count.saturating_mul(100) >= total)
        .max_by_key(|latency| latency.ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_percentile_is_known_by_its_name() {
        let picks: [(PercentileFn, &str); 3] = [
            (|h| h.percentiles_ns.p50, "p50"),
            (|h| h.percentiles_ns.p95, "p95"),
            (|h| h.percentiles_ns.p9999, "p9999"),
        ];
        for (pick, name) in picks {
            assert_eq!(name_of(pick), name);
        }
    }
}
