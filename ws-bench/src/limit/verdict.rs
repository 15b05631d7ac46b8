//! Verdict on a step: the first bound that it broke, and the owner of the limit behind it.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::table;
use bench_report::{FailureSample, Generator, LimitOwner, Operation};

use crate::connection::failure;

/// Delay of the generator's heartbeat, in nanoseconds, above which the generator counts as stalled.
const STALL_BOUND_NS: u64 = 100_000_000;

/// Bounds that a step must keep to hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepBounds {
    /// Largest share of failed attempts, from 0 to 1, with which a step holds.
    pub(crate) error_ratio: f64,
    /// Largest 99th percentile of the echo times with which a step holds.
    pub(crate) p99: Duration,
    /// Time-out of connecting by TCP, of the upgrade, and of each echo, for each separately.
    pub(crate) timeout: Duration,
}

/// Reason why a step broke, with the owner of the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BreakReason {
    /// Rule that was broken, as the user would write it for `--stop-on`: `errors>1%` or `p99>1s`.
    pub(crate) rule: String,
    /// Observation that broke the rule, with its figures.
    pub(crate) reason: String,
    pub(crate) owner: LimitOwner,
    /// True if a temporary delay of the generator itself may be the cause, so that the step is run
    /// again.
    pub(crate) may_pass: bool,
}

/// Results of a finished step, by which it is judged.
#[derive(Debug)]
pub(crate) struct StepEvidence<'a> {
    pub(crate) operations: &'a BTreeMap<String, Operation>,
    /// Results of the final check, which sends one message on every open connection; `None` if
    /// there was no check.
    pub(crate) check: Option<&'a Operation>,
    pub(crate) failures: &'a [FailureSample],
    /// True if so many attempts to connect failed that no further ones were made.
    pub(crate) connects_broke: bool,
    /// Rule that ended the step early, and how it was broken; `None` if no rule did.
    pub(crate) rule: Option<(&'a str, &'a str)>,
    pub(crate) generator: &'a Generator,
}

/// Reason why the generator itself, rather than the server, may have caused a delay.
struct Excuse {
    what: String,
    may_pass: bool,
}

/// Returns the first bound that a step broke, in this order: a rule that ended the step,
/// connections that could not be opened, connections that were lost, echoes that failed, echoes
/// that came late. `None` if the step kept all bounds.
pub(crate) fn judge(seen: &StepEvidence<'_>, bounds: StepBounds) -> Option<BreakReason> {
    seen.stopped(bounds)
        .or_else(|| seen.connects(bounds))
        .or_else(|| seen.share("check", seen.check?, "open connections were lost", bounds))
        .or_else(|| {
            let echo = seen.operations.get("echo")?;
            seen.share("echo", echo, "echoes failed", bounds)
        })
        .or_else(|| seen.latency(bounds))
}

impl StepEvidence<'_> {
    fn stopped(&self, bounds: StepBounds) -> Option<BreakReason> {
        let (rule, reason) = self.rule?;
        let errors = self.operations.get("echo").map(|echo| kinds(echo));
        let errors = errors
            .filter(|_| rule.starts_with("errors"))
            .unwrap_or_default();
        let found = BreakReason {
            rule: rule.to_owned(),
            reason: reason.to_owned(),
            owner: owner(&errors),
            may_pass: false,
        };
        let late_ns = if rule.starts_with("p99") {
            bounds.p99.as_nanos() as u64
        } else {
            bounds.timeout.as_nanos() as u64 / 2
        };
        Some(if are_late(&errors) {
            self.unless_ours(found, late_ns)
        } else {
            found
        })
    }

    fn connects(&self, bounds: StepBounds) -> Option<BreakReason> {
        let connect = self
            .operations
            .get("connect")
            .filter(|_| self.connects_broke)?;
        Some(self.failed("connect", connect, "new connections failed", bounds))
    }

    fn share(
        &self,
        name: &str,
        operation: &Operation,
        what: &str,
        bounds: StepBounds,
    ) -> Option<BreakReason> {
        let bad = operation.attempted - operation.succeeded;
        let ratio = bad as f64 / operation.attempted.max(1) as f64;
        (ratio > bounds.error_ratio).then(|| self.failed(name, operation, what, bounds))
    }

    fn latency(&self, bounds: StepBounds) -> Option<BreakReason> {
        let p99 = self.operations.get("echo")?.latency_at(0.99)?;
        let bound_ns = bounds.p99.as_nanos() as u64;
        let over_ns = p99.ns.checked_sub(bound_ns).filter(|over| *over > 0)?;
        let found = BreakReason {
            rule: format!("p99>{}", humantime::format_duration(bounds.p99)),
            reason: format!(
                "p99 of the echo was {}, above {}",
                table::quantile(Some(p99)),
                table::duration_ns(bound_ns)
            ),
            owner: LimitOwner::Target,
            may_pass: false,
        };
        Some(self.unless_ours(found, over_ns))
    }

    fn failed(
        &self,
        name: &str,
        operation: &Operation,
        what: &str,
        bounds: StepBounds,
    ) -> BreakReason {
        let kinds = kinds(operation);
        let listed = kinds
            .iter()
            .map(|(kind, count)| format!("{count} × {kind}"));
        let mut listed: Vec<String> = listed.collect();
        if operation.censored > 0 {
            listed.push(format!("{} × not over in time", operation.censored));
        }
        let said = self.failures.iter().find(|f| f.operation == name);
        let said = said.map_or_else(String::new, |f| format!(": {}", f.message));
        let reason = format!(
            "{} of {} {what} ({}){said}",
            operation.attempted - operation.succeeded,
            operation.attempted,
            listed.join(", "),
        );
        let found = BreakReason {
            rule: format!("errors>{}%", bounds.error_ratio * 100.0),
            reason,
            owner: owner(&kinds),
            may_pass: false,
        };
        if !kinds.is_empty() && are_late(&kinds) {
            // The server also takes a part of the time-out, so the generator must account for half of it.
            let most_ns = bounds.timeout.as_nanos() as u64 / 2;
            self.unless_ours(found, most_ns)
        } else {
            found
        }
    }

    /// Sets the generator as the owner of the limit in `found` if the generator's own delays may
    /// account for `late_ns` nanoseconds, and adds the reason; otherwise returns `found` unchanged.
    fn unless_ours(&self, mut found: BreakReason, late_ns: u64) -> BreakReason {
        if let Some(Excuse { what, may_pass }) = self.excuse(late_ns) {
            found.owner = LimitOwner::Generator;
            found.may_pass = may_pass;
            found.reason = format!(
                "{}; but {what}, so the target may not be the slow one",
                found.reason
            );
        }
        found
    }

    fn excuse(&self, late_ns: u64) -> Option<Excuse> {
        let (generator, busy) = (self.generator, Generator::SATURATED_RATIO);
        let stall_ns = generator.worst_stall_ns;
        let lag = self
            .operations
            .get("echo")
            .and_then(|echo| echo.pacing_lag.as_ref());
        let lag_ns = lag.map_or(0, |lag| lag.percentiles_ns.p99);
        let (what, may_pass) = if generator.is_saturated(busy) {
            let used = table::ratio(generator.cpu_ratio);
            (
                format!("the generator used {used} of its own threads"),
                false,
            )
        } else if let Some(ratio) = generator.full_thread(busy) {
            let used = table::ratio(ratio);
            (
                format!("a thread of the generator was at work for {used} of the time"),
                false,
            )
        } else if let Some(ratio) = generator.starved(busy) {
            let wanted = table::ratio(ratio);
            (
                format!("the generator was at work or waited for a CPU for {wanted} of the time"),
                false,
            )
        } else if stall_ns > STALL_BOUND_NS && stall_ns >= late_ns {
            let stall = table::duration_ns(stall_ns);
            (
                format!("the generator itself stood still for up to {stall}"),
                true,
            )
        } else if lag_ns > 0 && lag_ns >= late_ns {
            let lag = table::duration_ns(lag_ns);
            (
                format!("the generator sent its messages late (p99 {lag})"),
                true,
            )
        } else {
            return None;
        };
        Some(Excuse { what, may_pass })
    }
}

/// Returns the kinds of failures of an operation with their counts, the most frequent first.
fn kinds(operation: &Operation) -> Vec<(&str, u64)> {
    let errors = operation.errors.iter();
    let mut kinds: Vec<(&str, u64)> = errors.map(|(kind, n)| (kind.as_str(), *n)).collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    kinds
}

/// Returns true if all failures are time-outs, which may come from a generator that is late; also
/// if there is none.
fn are_late(kinds: &[(&str, u64)]) -> bool {
    kinds.iter().all(|(kind, _)| failure::is_lateness(kind))
}

/// Returns the owner of the limit that the kinds of failures reveal: the generator if it owns one
/// of them, because the others may follow from it; else the network if it owns one; else the
/// target.
fn owner(kinds: &[(&str, u64)]) -> LimitOwner {
    let any = |wanted| kinds.iter().any(|(kind, _)| failure::owner(kind) == wanted);
    match (any(LimitOwner::Generator), any(LimitOwner::Network)) {
        (true, _) => LimitOwner::Generator,
        (false, true) => LimitOwner::Network,
        (false, false) => LimitOwner::Target,
    }
}

#[cfg(test)]
mod tests;
