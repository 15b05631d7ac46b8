//! Verdict on a step: the first bound that it broke, and the owner of that limit.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::table;
use bench_report::{FailureSample, Generator, LimitOwner, Operation};

use crate::failure;

/// Delay of a heartbeat above which the generator counts as stalled.
const STALL_BOUND_NS: u64 = 100_000_000;

/// The bounds that a step must keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepBounds {
    /// Failures ÷ attempts.
    pub(crate) error_ratio: f64,
    /// 99th percentile of the echo.
    pub(crate) p99: Duration,
    /// Time that connecting, the upgrade and each echo may take.
    pub(crate) timeout: Duration,
}

/// Reason for which a step broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BreakReason {
    /// The rule as the user would write it.
    pub(crate) rule: String,
    /// Observation, with its figures.
    pub(crate) reason: String,
    pub(crate) owner: LimitOwner,
    /// True if a passing delay of the generator itself may be the cause, so that the step is tried
    /// again.
    pub(crate) may_pass: bool,
}

/// Figures by which a finished step is judged.
#[derive(Debug)]
pub(crate) struct StepEvidence<'a> {
    pub(crate) operations: &'a BTreeMap<String, Operation>,
    /// One echo of every open connection.
    pub(crate) check: Option<&'a Operation>,
    pub(crate) failures: &'a [FailureSample],
    /// True if so many connects failed that no further ones were made.
    pub(crate) connects_broke: bool,
    /// Rule that ended the step before its time, and how it was broken.
    pub(crate) rule: Option<(&'a str, &'a str)>,
    pub(crate) generator: &'a Generator,
}

/// Cause of lateness on the generator's own side.
struct Excuse {
    what: String,
    may_pass: bool,
}

/// Returns the first bound that a step broke: a rule that ended it, connections that could not be opened,
/// that were lost, echoes that failed, echoes that came late.
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
            // An answer takes some of the time that it may: half of it must be ours.
            let most_ns = bounds.timeout.as_nanos() as u64 / 2;
            self.unless_ours(found, most_ns)
        } else {
            found
        }
    }

    /// Slowness is the target's only where nothing of our own accounts for `late_ns` of it.
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

/// Returns the failures of an operation by kind, the most frequent first.
fn kinds(operation: &Operation) -> Vec<(&str, u64)> {
    let errors = operation.errors.iter();
    let mut kinds: Vec<(&str, u64)> = errors.map(|(kind, n)| (kind.as_str(), *n)).collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    kinds
}

/// Returns true if all failures may come of a generator that is late.
fn are_late(kinds: &[(&str, u64)]) -> bool {
    kinds.iter().all(|(kind, _)| failure::is_lateness(kind))
}

/// Returns the owner of the failures: the generator where a single one is its own, as the others may
/// follow from it.
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

    const BOUNDS: StepBounds = StepBounds {
        error_ratio: 0.01,
        p99: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
    };

    fn busy(cpu_ratio: f64) -> Generator {
        Generator {
            cpu_ratio,
            ..Generator::default()
        }
    }

    fn operation(succeeded: u64, errors: &[(&str, u64)], took: Duration) -> Operation {
        let mut times = recording();
        times.saturating_record_n(took.as_nanos() as u64, succeeded);
        let errors: BTreeMap<String, u64> =
            errors.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect();
        Operation {
            attempted: succeeded + errors.values().sum::<u64>(),
            succeeded,
            errors,
            call: Histogram::from_recording(&times),
            ..Operation::default()
        }
    }

    fn found(name: &str, operation: Operation, cpu_ratio: f64) -> Option<BreakReason> {
        found_by(name, operation, &busy(cpu_ratio))
    }

    fn found_by(name: &str, operation: Operation, generator: &Generator) -> Option<BreakReason> {
        let operations = BTreeMap::from([(name.to_owned(), operation)]);
        let seen = StepEvidence {
            operations: &operations,
            check: operations.get("check"),
            failures: &[],
            connects_broke: name == "connect",
            rule: None,
            generator,
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

    #[test]
    fn a_stall_of_the_generator_acquits_the_target_of_what_it_accounts_for() {
        let stalled = |ms: u64| Generator {
            worst_stall_ns: ms * 1_000_000,
            ..busy(0.2)
        };
        // p99 is 2 s with a bound of 1 s: a stall of 1 s is enough.
        let late = |ms| found_by("echo", operation(100, &[], SLOW), &stalled(ms)).unwrap();
        let acquitted = late(1_050);
        assert_eq!(
            (acquitted.owner, acquitted.may_pass),
            (LimitOwner::Generator, true)
        );
        assert!(
            acquitted.reason.contains("stood still for up to 1.05 s"),
            "{}",
            acquitted.reason
        );
        assert_eq!(
            (late(300).owner, late(300).may_pass),
            (LimitOwner::Target, false)
        );
        // An echo may take 5 s: a stall of 4 s leaves too little of them.
        let stuck = |ms| {
            found_by(
                "echo",
                operation(0, &[("timeout.echo", 9)], QUICK),
                &stalled(ms),
            )
        };
        assert_eq!(stuck(4_000).unwrap().owner, LimitOwner::Generator);
        assert_eq!(stuck(1_000).unwrap().owner, LimitOwner::Target);
        let refused = found_by(
            "connect",
            operation(0, &[("refused", 9)], QUICK),
            &stalled(4_000),
        );
        assert_eq!(refused.unwrap().owner, LimitOwner::Target);
    }

    #[test]
    fn messages_that_were_sent_late_acquit_the_target() {
        let late = |lag: Duration| {
            let mut lags = recording();
            lags.saturating_record_n(lag.as_nanos() as u64, 100);
            let mut echo = operation(100, &[], SLOW);
            echo.pacing_lag = Histogram::from_recording(&lags);
            found("echo", echo, 0.2).unwrap()
        };
        let acquitted = late(Duration::from_millis(1_500));
        assert_eq!(
            (acquitted.owner, acquitted.may_pass),
            (LimitOwner::Generator, true)
        );
        assert!(acquitted.reason.contains("sent its messages late"));
        assert_eq!(late(Duration::from_millis(100)).owner, LimitOwner::Target);
    }

    #[test]
    fn one_full_thread_of_the_generator_may_be_the_slow_one() {
        let full = Generator {
            busiest_thread_ratio: Some(0.97),
            ..busy(0.5)
        };
        let seen = found_by("echo", operation(100, &[], SLOW), &full).unwrap();
        assert_eq!((seen.owner, seen.may_pass), (LimitOwner::Generator, false));
    }

    #[test]
    fn a_generator_that_waits_for_a_cpu_may_be_the_slow_one() {
        // Two threads at work for half of 2 s, which is 2 s of CPU time in all.
        let waited = |ms: u64| Generator {
            threads: 2,
            cpu_ns: 2_000_000_000,
            ready_ns: Some(ms * 1_000_000),
            ..busy(0.5)
        };
        let owner = |ms| {
            let seen = found_by("echo", operation(100, &[], SLOW), &waited(ms));
            seen.unwrap().owner
        };
        assert_eq!(owner(1_700), LimitOwner::Generator);
        assert_eq!(owner(1_500), LimitOwner::Target);
    }

    #[test]
    fn a_rule_that_ended_the_step_is_the_bound_that_it_broke() {
        let echo = operation(900, &[("timeout.echo", 100)], QUICK);
        let operations = BTreeMap::from([("echo".to_owned(), echo)]);
        let found = |rule, generator: &Generator| {
            let seen = StepEvidence {
                operations: &operations,
                check: None,
                failures: &[],
                connects_broke: false,
                rule: Some((rule, "as observed")),
                generator,
            };
            judge(&seen, BOUNDS).unwrap()
        };
        for rule in ["p99>1s", "errors>5%"] {
            let broken = found(rule, &busy(0.2));
            assert_eq!(
                (broken.rule.as_str(), broken.owner),
                (rule, LimitOwner::Target)
            );
            assert_eq!(broken.reason, "as observed");
            assert_eq!(
                found(rule, &busy(0.97)).owner,
                LimitOwner::Generator,
                "{rule}"
            );
        }
    }
}
