//! Status of a finished run, judged by its steps.

use std::collections::BTreeMap;

use bench_report::{Report, Status, Step, StepEnd};

/// Error of a run without any result; the exit code is 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoResult {
    #[error("none of {attempted} requests succeeded; {}", worst.as_ref().map_or_else(
        || "none was answered before the drain ended".to_owned(),
        ToString::to_string
    ))]
    NothingSucceeded {
        attempted: u64,
        /// Most frequent failure; absent if nothing failed.
        worst: Option<Worst>,
    },
    #[error("no step could begin: {reason}")]
    NothingBegan { reason: String },
}

/// Most frequent kind of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worst {
    kind: String,
    count: u64,
    /// Message of the server for one of these failures.
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

/// Returns the status of a run that was not interrupted. A step that a stop rule ended makes it
/// `Stopped`, even without a result, because the rule explains that; if the run seeks a limit, it
/// does not. A run without a result is `Failed`. A run with some steps that could not begin is
/// `Complete`: a sweep that reaches a limit has found it.
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

/// Returns the reason for which the run has no result; `None` if it has one.
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
    let operations = || {
        report
            .steps
            .iter()
            .flat_map(|step| step.operations.values())
    };
    let attempted: u64 = operations().map(|o| o.attempted).sum();
    let succeeded: u64 = operations().map(|o| o.succeeded).sum();
    (attempted > 0 && succeeded == 0).then(|| NoResult::NothingSucceeded {
        attempted,
        worst: worst(report),
    })
}

fn worst(report: &Report) -> Option<Worst> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for operation in report
        .steps
        .iter()
        .flat_map(|step| step.operations.values())
    {
        for (kind, count) in &operation.errors {
            *counts.entry(kind).or_default() += count;
        }
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
    use bench_report::{FailureSample, Generator, Load, Operation, Tool, Window};

    use super::*;

    /// Report of a run of one step with this end, these numbers of errors by kind, and these
    /// numbers of successful and censored requests.
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
            name: "a step".to_owned(),
            parameters: BTreeMap::new(),
            repeat: 0,
            window: Window::default(),
            load: Load::Closed {
                users: 1,
                think_time_ns: 0,
            },
            operations: BTreeMap::from([("read".to_owned(), operation)]),
            parts: BTreeMap::new(),
            failures,
            pool: None,
            server: None,
            generator: Generator::default(),
            curve: None,
            segments: Vec::new(),
            sessions: None,
            figures: BTreeMap::new(),
            end,
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
    fn a_single_success_is_a_result_and_an_idle_run_is_none_that_failed() {
        let report = run(StepEnd::Completed, 1, &[("timeout", 999)], 0);
        assert_eq!(status(&report, false), Status::Complete);
        let mut idle = run(StepEnd::Completed, 0, &[], 0);
        assert_eq!(status(&idle, false), Status::Complete);
        idle.steps[0].end = StepEnd::Failed {
            reason: "the server has no room".to_owned(),
        };
        assert_eq!(status(&idle, false), Status::Failed);
        let said = no_result(&idle).unwrap().to_string();
        assert_eq!(said, "no step could begin: the server has no room");
        idle.steps.clear();
        assert_eq!(status(&idle, false), Status::Complete);
    }
}
