//! Whether a level held, and if not, whose limit that was.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::table;
use bench_report::{FailureSample, LimitOwner, Operation};

use crate::failure;

/// Share of its threads above which the generator itself may be what is slow.
const GENERATOR_BUSY: f64 = 0.9;

/// The bounds that a level must keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Failures ÷ attempts.
    pub(crate) error_ratio: f64,
    /// 99th percentile of the echo.
    pub(crate) p99: Duration,
}

/// Why a level broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Break {
    /// The rule as the user would write it.
    pub(crate) rule: String,
    /// What was seen, with its figures.
    pub(crate) reason: String,
    pub(crate) owner: LimitOwner,
}

/// What is known of a level when it is over.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) operations: &'a BTreeMap<String, Operation>,
    /// One echo of every open connection.
    pub(crate) check: Option<&'a Operation>,
    pub(crate) failures: &'a [FailureSample],
    /// Whether so many connects failed that no further ones were made.
    pub(crate) connects_broke: bool,
    /// Share of its threads' time that the generator used.
    pub(crate) cpu_ratio: f64,
}

/// The first bound that a level broke: connections that could not be opened, that were lost,
/// echoes that failed, echoes that came late.
pub(crate) fn judge(seen: &Seen<'_>, bounds: Bounds) -> Option<Break> {
    seen.connects(bounds)
        .or_else(|| seen.share("check", seen.check?, "open connections were lost", bounds))
        .or_else(|| {
            let echo = seen.operations.get("echo")?;
            seen.share("echo", echo, "echoes failed", bounds)
        })
        .or_else(|| seen.latency(bounds))
}

impl Seen<'_> {
    fn connects(&self, bounds: Bounds) -> Option<Break> {
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
        bounds: Bounds,
    ) -> Option<Break> {
        let bad = operation.attempted - operation.succeeded;
        let ratio = bad as f64 / operation.attempted.max(1) as f64;
        (ratio > bounds.error_ratio).then(|| self.failed(name, operation, what, bounds))
    }

    fn latency(&self, bounds: Bounds) -> Option<Break> {
        let p99 = self.operations.get("echo")?.latency_at(0.99)?;
        let bound_ns = bounds.p99.as_nanos() as u64;
        if p99.ns <= bound_ns {
            return None;
        }
        let reason = format!(
            "p99 of the echo was {}, above {}",
            table::quantile(Some(p99)),
            table::duration_ns(bound_ns)
        );
        Some(self.lateness(Break {
            rule: format!("p99>{}", humantime::format_duration(bounds.p99)),
            reason,
            owner: LimitOwner::Target,
        }))
    }

    fn failed(&self, name: &str, operation: &Operation, what: &str, bounds: Bounds) -> Break {
        let mut kinds: Vec<(&str, u64)> = operation
            .errors
            .iter()
            .map(|(kind, count)| (kind.as_str(), *count))
            .collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
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
        let found = Break {
            rule: format!("errors>{}%", bounds.error_ratio * 100.0),
            reason,
            owner: owner(&kinds),
        };
        let late = !kinds.is_empty() && kinds.iter().all(|(kind, _)| failure::is_lateness(kind));
        if late { self.lateness(found) } else { found }
    }

    /// Slowness is the target's only where the generator had time left itself.
    fn lateness(&self, mut found: Break) -> Break {
        if self.cpu_ratio > GENERATOR_BUSY {
            found.owner = LimitOwner::Generator;
            found.reason = format!(
                "{}; but the generator used {} of its own threads, so the target may not be the slow one",
                found.reason,
                table::ratio(self.cpu_ratio)
            );
        }
        found
    }
}

/// A single failure of our own making is enough: what else failed may have come of it.
fn owner(kinds: &[(&str, u64)]) -> LimitOwner {
    let any = |wanted| kinds.iter().any(|(kind, _)| failure::owner(kind) == wanted);
    match (any(LimitOwner::Generator), any(LimitOwner::Network)) {
        (true, _) => LimitOwner::Generator,
        (false, true) => LimitOwner::Network,
        (false, false) => LimitOwner::Target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_report::Histogram;
    use bench_report::histogram::recording;

    const BOUNDS: Bounds = Bounds {
        error_ratio: 0.01,
        p99: Duration::from_secs(1),
    };

    fn operation(succeeded: u64, errors: &[(&str, u64)], took: Duration) -> Operation {
        let mut times = recording();
        times.saturating_record_n(took.as_nanos() as u64, succeeded);
        let errors: BTreeMap<String, u64> =
            errors.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect();
        Operation {
            attempted: succeeded + errors.values().sum::<u64>(),
            succeeded,
            errors,
            call: Histogram::of(&times),
            ..Operation::default()
        }
    }

    fn found(name: &str, operation: Operation, cpu_ratio: f64) -> Option<Break> {
        let operations = BTreeMap::from([(name.to_owned(), operation)]);
        let seen = Seen {
            operations: &operations,
            check: operations.get("check"),
            failures: &[],
            connects_broke: name == "connect",
            cpu_ratio,
        };
        judge(&seen, BOUNDS)
    }

    const QUICK: Duration = Duration::from_millis(1);
    const SLOW: Duration = Duration::from_secs(2);

    #[test]
    fn a_level_within_its_bounds_holds() {
        assert_eq!(found("echo", operation(1_000, &[], QUICK), 0.2), None);
        assert_eq!(
            found("check", operation(1_000, &[("reset", 9)], QUICK), 0.2),
            None
        );
    }

    #[test]
    fn each_kind_of_failure_names_its_owner() {
        for (kind, owner) in [
            ("http.503", LimitOwner::Target),
            ("refused", LimitOwner::Target),
            ("timeout.upgrade", LimitOwner::Target),
            ("ports", LimitOwner::Network),
            ("emfile", LimitOwner::Generator),
        ] {
            let seen = found(
                "connect",
                operation(10, &[(kind, 2), ("reset", 9)], QUICK),
                0.2,
            );
            let seen = seen.unwrap();
            assert_eq!(seen.owner, owner, "{kind}");
            assert!(seen.reason.contains(kind), "{}", seen.reason);
            assert_eq!(seen.rule, "errors>1%");
        }
    }

    #[test]
    fn lost_connections_break_a_level() {
        let seen = found("check", operation(90, &[("closed.1006", 10)], QUICK), 0.2).unwrap();
        assert!(
            seen.reason.starts_with("10 of 100 open connections"),
            "{}",
            seen.reason
        );
    }

    #[test]
    fn slowness_is_the_targets_only_while_the_generator_has_time_left() {
        let late = found("echo", operation(100, &[], SLOW), 0.3).unwrap();
        assert_eq!(
            (late.owner, late.rule.as_str()),
            (LimitOwner::Target, "p99>1s")
        );
        let busy = found("echo", operation(100, &[], SLOW), 0.97).unwrap();
        assert_eq!(busy.owner, LimitOwner::Generator);
        let stuck = operation(0, &[("timeout.upgrade", 9)], QUICK);
        assert_eq!(
            found("connect", stuck, 0.97).unwrap().owner,
            LimitOwner::Generator
        );
        let refused = operation(0, &[("refused", 9)], QUICK);
        assert_eq!(
            found("connect", refused, 0.97).unwrap().owner,
            LimitOwner::Target
        );
    }
}
