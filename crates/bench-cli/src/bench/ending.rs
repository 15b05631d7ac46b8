//! Status with which a run ends, judged by its steps.

use std::collections::BTreeMap;

use bench_report::{Load, Report, Status, Step, StepEnd};

use crate::table;

/// Error of a run that ends without any result. The program then exits with code 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoResult {
    #[error("none of {} succeeded; {}", table::counted(*attempted, "request"), worst.as_ref().map_or_else(
        || "none was answered before the drain ended".to_owned(),
        ToString::to_string
    ))]
    NothingSucceeded {
        attempted: u64,
        /// Most frequent kind of failed request; `None` if no request failed and all were
        /// unanswered.
        worst: Option<Worst>,
    },
    #[error("no step could begin: {reason}")]
    NothingBegan { reason: String },
    #[error("no step was run, so that nothing was measured")]
    NoStep,
    #[error("no request was made while a step was measured{}", sessions.as_ref().map_or_else(
        String::new,
        |worst| format!("; of the sessions that requests need, {worst}")
    ))]
    NothingAttempted {
        /// Most frequent kind of failure to open a session; `None` if no session failed to open.
        sessions: Option<Worst>,
    },
}

impl NoResult {
    /// Returns advice on what to change; `None` unless no request was attempted and no session
    /// failed to open.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        let Self::NothingAttempted { sessions: None } = self else {
            return None;
        };
        Some("a higher rate, more users or a shorter pause, or a longer --duration")
    }
}

/// Most frequent kind of failure, with its number of occurrences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worst {
    kind: String,
    count: u64,
    /// Message of the server for one of these failures; `None` if the report kept no sample of
    /// this kind.
    message: Option<String>,
}

impl std::fmt::Display for Worst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} failed with {}", self.count, self.kind)?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

/// Returns the status of a run that was not interrupted. `Stopped` if a stop rule ended a step,
/// even if there is no result, unless the run seeks a limit (`seeks_limit`). Otherwise `Failed` if
/// there is no result, else `Complete`. Steps that could not begin do not prevent `Complete`: a
/// sweep that reaches a limit has found it.
pub(crate) fn status(report: &Report, seeks_limit: bool) -> Status {
    let stopped = |step: &Step| matches!(step.end, StepEnd::Stopped { .. });
    if !seeks_limit && report.steps.iter().any(stopped) {
        Status::Stopped
    } else if no_result(report).is_some() {
        Status::Failed
    } else {
        Status::Complete
    }
}

/// Returns the reason for which the run has no result; `None` if at least one request succeeded,
/// or if all its steps only watched a server.
pub(crate) fn no_result(report: &Report) -> Option<NoResult> {
    let mut reasons = report.steps.iter().map(|step| match &step.end {
        StepEnd::Failed { reason } => Some(reason),
        _ => None,
    });
    if !report.steps.is_empty() && reasons.all(|reason| reason.is_some()) {
        let reason = report.steps.iter().find_map(|step| match &step.end {
            StepEnd::Failed { reason } => Some(reason.clone()),
            _ => None,
        })?;
        return Some(NoResult::NothingBegan { reason });
    }
    let loaded: Vec<&Step> = report.steps.iter().filter(|step| is_loaded(step)).collect();
    if loaded.is_empty() {
        return report.steps.is_empty().then_some(NoResult::NoStep);
    }
    let operations = || loaded.iter().flat_map(|step| step.operations.values());
    let attempted: u64 = operations().map(|o| o.attempted).sum();
    let succeeded: u64 = operations().map(|o| o.succeeded).sum();
    match (attempted, succeeded) {
        (0, _) => {
            let sessions = loaded.iter().filter_map(|step| step.sessions.as_ref());
            Some(NoResult::NothingAttempted {
                sessions: worst(report, sessions.map(|sessions| &sessions.errors)),
            })
        }
        (_, 0) => Some(NoResult::NothingSucceeded {
            attempted,
            worst: worst(report, operations().map(|operation| &operation.errors)),
        }),
        _ => None,
    }
}

/// Returns true unless `step` is a closed loop of 0 users. Such a step only watches a server under
/// a load that other programs make, so it has no requests of its own.
fn is_loaded(step: &Step) -> bool {
    !matches!(step.load, Load::Closed { users: 0, .. })
}

/// Sums the `errors`, counts by kind of failure, over all maps and returns the kind with the
/// largest sum; `None` if no failure is counted.
fn worst<'a>(
    report: &Report,
    errors: impl Iterator<Item = &'a BTreeMap<String, u64>>,
) -> Option<Worst> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in errors.flatten() {
        *counts.entry(kind).or_default() += count;
    }
    let (kind, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    let mut said = report.steps.iter().flat_map(|step| &step.failures);
    let message = said.find(|failure| failure.kind == kind);
    Some(Worst {
        kind: kind.to_owned(),
        count,
        message: message.map(|failure| failure.message.clone()),
    })
}

#[cfg(test)]
mod tests {
    use bench_report::{FailureSample, Operation, SessionUse, Tool};
    use test_support::empty_step;

    use super::*;

    /// Returns the report of a run of one step that ended with `end`. The step has `succeeded`
    /// successful requests, `errors` failed ones by kind, and `censored` requests without an
    /// answer.
    fn run(end: StepEnd, succeeded: u64, errors: &[(&str, u64)], censored: u64) -> Report {
        let tool = Tool {
            name: "a-bench".to_owned(),
            version: "1".to_owned(),
            commit: None,
        };
        let errors: BTreeMap<String, u64> = errors
            .iter()
            .map(|(kind, n)| ((*kind).to_owned(), *n))
            .collect();
        let failed: u64 = errors.values().sum();
        let failures = errors.keys().map(|kind| failure(kind)).collect();
        let operation = Operation {
            attempted: succeeded + failed + censored,
            succeeded,
            errors,
            censored,
            ..Operation::default()
        };
        let mut report = Report::begin(tool, "run".to_owned(), "sweep");
        report.steps.push(Step {
            operations: BTreeMap::from([("read".to_owned(), operation)]),
            failures,
            end,
            ..empty_step("a step")
        });
        report
    }

    fn failure(kind: &str) -> FailureSample {
        FailureSample {
            at_ns: 1,
            operation: "read".to_owned(),
            phase: "service".to_owned(),
            kind: kind.to_owned(),
            message: format!("what the server said of {kind}"),
            detail: None,
            statement: None,
        }
    }

    fn stopped() -> StepEnd {
        StepEnd::Stopped {
            rule: "errors>10%".to_owned(),
            reason: "all failed".to_owned(),
        }
    }

    #[test]
    fn where_nothing_succeeded_the_most_frequent_error_is_named_with_the_servers_words() {
        let errors = [("sqlstate.22012", 117), ("timeout", 3)];
        let report = run(StepEnd::Completed, 0, &errors, 0);
        assert_eq!(status(&report, false), Status::Failed);
        assert_eq!(
            no_result(&report).unwrap().to_string(),
            "none of 120 requests succeeded; 117 failed with sqlstate.22012: what the server said of \
             sqlstate.22012"
        );
        let report = run(StepEnd::Completed, 0, &[], 7);
        assert_eq!(
            no_result(&report).unwrap().to_string(),
            "none of 7 requests succeeded; none was answered before the drain ended"
        );
    }

    #[test]
    fn a_rule_that_ended_a_step_comes_before_what_came_of_it() {
        let report = run(stopped(), 0, &[("timeout", 30)], 0);
        assert_eq!(status(&report, false), Status::Stopped);
        assert_eq!(status(&report, true), Status::Failed, "no limit was found");
        let report = run(stopped(), 30, &[("timeout", 30)], 0);
        assert_eq!(
            status(&report, true),
            Status::Complete,
            "the limit was found"
        );
    }

    #[test]
    fn a_single_success_is_a_result_and_a_step_that_could_not_begin_is_none() {
        let report = run(StepEnd::Completed, 1, &[("timeout", 999)], 0);
        assert_eq!(status(&report, false), Status::Complete);
        let mut idle = run(StepEnd::Completed, 0, &[], 0);
        idle.steps[0].end = StepEnd::Failed {
            reason: "the server has no room".to_owned(),
        };
        assert_eq!(status(&idle, false), Status::Failed);
        let said = no_result(&idle).unwrap().to_string();
        assert_eq!(said, "no step could begin: the server has no room");
    }

    #[test]
    fn a_run_that_asked_for_nothing_has_failed_and_the_reason_is_told() {
        let mut idle = run(StepEnd::Completed, 0, &[], 0);
        for seeks_limit in [false, true] {
            assert_eq!(status(&idle, seeks_limit), Status::Failed);
        }
        let none = no_result(&idle).unwrap();
        assert_eq!(
            none.to_string(),
            "no request was made while a step was measured"
        );
        assert!(none.remedy().unwrap().contains("a higher rate"));
        idle.steps[0].sessions = Some(SessionUse {
            failed: 9,
            errors: BTreeMap::from([("refused".to_owned(), 9)]),
            ..SessionUse::default()
        });
        idle.steps[0].failures = vec![failure("refused")];
        let none = no_result(&idle).unwrap();
        assert!(
            none.to_string()
                .ends_with("9 failed with refused: what the server said of refused"),
            "{none}"
        );
        assert_eq!(none.remedy(), None, "a higher rate would not help");
        idle.steps.clear();
        assert_eq!(status(&idle, false), Status::Failed);
        assert_eq!(no_result(&idle), Some(NoResult::NoStep));
    }

    #[test]
    fn an_idle_server_that_was_watched_is_a_result() {
        let mut watched = run(StepEnd::Completed, 0, &[], 0);
        watched.steps[0].load = Load::Closed {
            users: 0,
            think_time_ns: 0,
        };
        assert_eq!(status(&watched, false), Status::Complete);
        assert_eq!(no_result(&watched), None);
    }
}
