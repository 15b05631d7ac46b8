//! Requests of a step, with their latency and their errors. In WebSocket reports the echoes are the requests;
//! connections are opened before them, and are counted and timed separately.

use bench_report::histogram::Percentiles;
use bench_report::{CensoredPercentiles, Histogram, Operation, Step};

use crate::figures::duration_ns;
use crate::json_pointer::escape;

/// Name of the operation that opens a WebSocket connection.
pub(crate) const CONNECT: &str = "connect";

/// Name of the operation that counts as the request of a WebSocket bench.
const ECHO: &str = "echo";

/// Iterates over the operations that are requests, with their names. In a step with echoes only
/// these are.
pub(crate) fn request_operations(step: &Step) -> impl Iterator<Item = (&String, &Operation)> {
    let echoes = step.operations.contains_key(ECHO);
    let all = step.operations.iter();
    all.filter(move |(name, _)| !echoes || *name == ECHO)
}

/// Returns the number of successful requests per second in the measured part of a step.
pub(crate) fn throughput_per_s(step: &Step) -> f64 {
    request_operations(step)
        .map(|(_, o)| o.throughput_per_s)
        .sum()
}

/// Returns the share of requests that failed or were not answered, from 0 to 1; `None` if no
/// request was made.
pub(crate) fn error_ratio(step: &Step) -> Option<f64> {
    match step.operations.get(ECHO) {
        Some(echo) => echo.error_ratio(),
        None => step.error_ratio(),
    }
}

/// Returns the share of requests that failed or were not answered, from 0 to 1, over all `steps`
/// together; `None` if no request was made.
pub(crate) fn error_ratio_of<'s>(steps: impl Iterator<Item = &'s Step>) -> Option<f64> {
    let (mut unsuccessful, mut attempted) = (0, 0);
    for (_, operation) in steps.flat_map(request_operations) {
        unsuccessful += operation.attempted.saturating_sub(operation.succeeded);
        attempted += operation.attempted;
    }
    (attempted > 0).then(|| unsuccessful as f64 / attempted as f64)
}

/// Percentile of the latency of one operation in a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OperationPercentile<'a> {
    /// Name of the operation.
    pub(crate) operation: &'a str,
    /// Name of the report's field that the value was read from: `with_censored` if some requests
    /// were never answered, else `response`, else `call`.
    pub(crate) field: &'static str,
    /// Value of the percentile in nanoseconds.
    pub(crate) ns: u64,
    /// True if `ns` is a lower bound, because the percentile falls among requests that were never answered.
    pub(crate) at_least: bool,
    /// Number of samples of the operation, unanswered requests included if `ns` covers them.
    pub(crate) count: u64,
}

impl<'a> OperationPercentile<'a> {
    fn new(name: &'a str, operation: &'a Operation, percentile: PercentileFn) -> Option<Self> {
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

    /// Returns the percentile of the slowest of these operations. Operations with less than a
    /// hundredth of the samples are left out. `None` if no request was timed.
    pub(crate) fn slowest_of(
        operations: impl Iterator<Item = (&'a String, &'a Operation)>,
        percentile: PercentileFn,
    ) -> Option<Self> {
        let all: Vec<Self> = operations
            .filter_map(|(name, operation)| Self::new(name, operation, percentile))
            .collect();
        let total: u64 = all.iter().map(|latency| latency.count).sum();
        all.into_iter()
            .filter(|latency| latency.count.saturating_mul(100) >= total)
            .max_by_key(|latency| latency.ns)
    }

    /// Returns the label for evidence about percentile `which`: `p90 of read`, with `, at least`
    /// added for a lower bound.
    pub(crate) fn label(&self, which: &str) -> String {
        let bound = if self.at_least { ", at least" } else { "" };
        format!("{which} of {}{bound}", self.operation)
    }

    /// Returns the JSON pointer to percentile `which` (as in `p99`) in the report. `step` is the
    /// index of the step that the value was read from.
    pub(crate) fn pointer(&self, step: usize, which: &str) -> String {
        format!(
            "/steps/{step}/operations/{}/{}/percentiles_ns/{which}",
            escape(self.operation),
            self.field
        )
    }

    /// Formats the value of the percentile: `4.1 ms`, or `≥ 9.8 s` for a lower bound.
    pub(crate) fn shown(&self) -> String {
        let bound = if self.at_least { "≥\u{a0}" } else { "" };
        format!("{bound}{}", duration_ns(self.ns as f64))
    }
}

/// Returns the name of the percentile that the function `percentile` reads, as in `p90`.
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

/// Returns the response times of an operation, or its call times if it has no response times, with
/// the name of the report's field. `None` if no request finished.
pub(crate) fn latency(operation: &Operation) -> Option<(&'static str, &Histogram)> {
    let response = operation.response.as_ref().map(|h| ("response", h));
    response.or_else(|| operation.call.as_ref().map(|h| ("call", h)))
}

/// Returns the longest time of a request, in nanoseconds. A request without an answer counts with
/// the time until it was given up. `None` if no request was timed.
pub(crate) fn longest_ns(step: &Step) -> Option<u64> {
    let answered = request_operations(step).filter_map(|(_, o)| Some(latency(o)?.1));
    let cut_off = request_operations(step).filter_map(|(_, o)| o.unfinished.as_ref());
    answered.chain(cut_off).map(|h| h.max_ns).max()
}

/// Returns a percentile of the time to open a connection. `None` for steps that opened no
/// connection or sent no echoes.
pub(crate) fn connecting(step: &Step, percentile: PercentileFn) -> Option<OperationPercentile<'_>> {
    let (name, connect) = step.operations.get_key_value(CONNECT)?;
    step.operations.get(ECHO)?;
    OperationPercentile::new(name, connect, percentile)
}

/// Function that reads one percentile of a distribution, in nanoseconds.
pub(crate) type PercentileFn = fn(&CensoredPercentiles) -> u64;

/// Returns the function that reads the percentile `name`, as in `p99`; `None` if reports have none
/// of that name.
pub(crate) fn percentile_fn(name: &str) -> Option<PercentileFn> {
    Some(match name {
        "p50" => |h| h.percentiles_ns.p50,
        "p75" => |h| h.percentiles_ns.p75,
        "p90" => |h| h.percentiles_ns.p90,
        "p95" => |h| h.percentiles_ns.p95,
        "p99" => |h| h.percentiles_ns.p99,
        "p999" => |h| h.percentiles_ns.p999,
        "p9999" => |h| h.percentiles_ns.p9999,
        _ => return None,
    })
}

/// Returns the quantile of the percentile `name`, as 0.99 for `p99`; `None` if reports have none of
/// that name.
pub(crate) fn quantile(name: &str) -> Option<f64> {
    let mut levels = Percentiles::LEVELS.into_iter();
    levels.find(|(known, _)| *known == name).map(|(_, q)| q)
}

/// Returns the percentile of the step's slowest operation. Operations with less than a hundredth of
/// the samples are left out. `None` if no request was timed.
pub(crate) fn slowest(step: &Step, percentile: PercentileFn) -> Option<OperationPercentile<'_>> {
    OperationPercentile::slowest_of(request_operations(step), percentile)
}

/// Returns the highest percentile among `steps`, with the index of its step; `None` if no request
/// was timed.
pub(crate) fn slowest_of<'s>(
    steps: impl Iterator<Item = (usize, &'s Step)>,
    percentile: PercentileFn,
) -> Option<(usize, OperationPercentile<'s>)> {
    slowest_except(steps, percentile, &[])
}

/// Returns the highest percentile among `steps`, with the index of its step; `None` if no request
/// was timed. Operations in `except` are left out.
pub(crate) fn slowest_except<'s>(
    steps: impl Iterator<Item = (usize, &'s Step)>,
    percentile: PercentileFn,
    except: &[String],
) -> Option<(usize, OperationPercentile<'s>)> {
    let slowest = |step: &'s Step| {
        let judged = request_operations(step).filter(|(name, _)| !except.contains(*name));
        OperationPercentile::slowest_of(judged, percentile)
    };
    let all = steps.filter_map(|(index, step)| Some((index, slowest(step)?)));
    all.max_by_key(|(_, latency)| latency.ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_percentile_is_known_by_its_name() {
        for (name, q) in Percentiles::LEVELS {
            let pick = percentile_fn(name).unwrap();
            assert_eq!((name_of(pick), quantile(name)), (name, Some(q)));
        }
        assert!(percentile_fn("p98").is_none() && quantile("p98").is_none());
    }
}
