//! Warnings about figures of a report, most of which the load generator raises about itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::redaction;

/// Kind of a warning.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// The load generator used nearly all of its CPU time, so it may have limited throughput.
    GeneratorSaturated,
    /// One thread of the load generator ran nearly all the time while others were idle. It may
    /// have limited the requests that it makes.
    GeneratorThreadSaturated,
    /// The load generator released arrivals later than they were due.
    PacingLag,
    /// The load generator did not run for a while (scheduling, swapping, a suspended host).
    GeneratorStalled,
    /// A percentile in the report rests on too few samples.
    TooFewSamples,
    /// The measured part of the step was too short for the load to settle.
    StepTooShort,
    /// Arrivals waited because the largest allowed number of requests was in flight.
    InFlightCapReached,
    /// Requests were still in flight when the drain ended; figures of the tail are lower bounds.
    Censored,
    /// Throughput still rose or fell during the measured part of the step.
    NotSteady,
    /// The hit ratio of a cache still rose or fell during the measured part of the step, so that it
    /// is not that of a cache that has been in use for a long time.
    HitRatioDrifting,
    /// Another program used the machine's CPU, or the hypervisor took it away.
    DisturbedMachine,
    /// An event at the server, such as a snapshot, evictions or a command of another client,
    /// disturbed the step.
    DisturbedServer,
    /// Evidence about the server could not be read.
    EvidenceMissing,
    /// The server counted more in the step than this run did: others used it meanwhile, or a
    /// client of the load did more than it was asked for.
    ServerDiffers,
    /// Data that the run created could not be removed; the message has the command that removes
    /// them.
    LeftBehind,
    /// A setting exceeds a limit of this machine or of the target.
    LimitTooLow,
    /// The target was unavailable for a while, for example during a restart. Latencies and failures
    /// of that time say nothing about the load.
    TargetAway,
    /// The wall clock was set during the run. Times of day in the report are counted from the
    /// clock at the start of the run.
    ClockStepped,
    /// Figures lack a worker's share of the load: a worker process ended or did not answer before
    /// it sent its measurements, a worker on another host ended early, or its report is missing.
    WorkerLost,
    /// A worker on another host was not ready when a step began on all hosts. The step lacks its
    /// share of the load.
    WorkerLate,
    /// Kind that this version does not know, of a report by a later version. It is never written
    /// by a measuring program.
    #[serde(other)]
    Unknown,
}

impl WarningCode {
    /// Returns the rank by which warnings are sorted, from 0 for the gravest to 14. First come
    /// those that may make every figure wrong, then those that make some figures wrong, then those
    /// about uncertainty only.
    pub fn gravity(self) -> u8 {
        match self {
            Self::TargetAway | Self::WorkerLost | Self::WorkerLate => 0,
            Self::GeneratorSaturated | Self::Unknown => 1,
            Self::GeneratorStalled => 2,
            Self::Censored => 3,
            Self::GeneratorThreadSaturated => 4,
            Self::DisturbedMachine | Self::DisturbedServer | Self::ServerDiffers => 5,
            Self::PacingLag => 6,
            Self::InFlightCapReached => 7,
            Self::NotSteady | Self::HitRatioDrifting => 8,
            Self::StepTooShort => 9,
            Self::TooFewSamples => 10,
            Self::LimitTooLow => 11,
            Self::LeftBehind => 12,
            Self::ClockStepped => 13,
            Self::EvidenceMissing => 14,
        }
    }
}

/// Warning about figures of a report, with the values that caused it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// Kind of the warning.
    pub code: WarningCode,
    /// Warning as one sentence, with the figures in it and secrets masked.
    pub message: String,
    /// Index of the step in the report's `steps`; absent if the warning concerns the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// JSON pointers into the report to the figures that may be wrong, in which `*` stands for any
    /// key, such as `/steps/3/operations/*/response`.
    #[serde(default)]
    pub spoils: Vec<String>,
    /// Measured value that caused the warning, in the unit that the message states; absent if
    /// there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Bound that the value broke, in the same unit; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

impl Warning {
    /// Creates a warning about the whole run, without measured value and bound. Secrets in
    /// `message` are masked.
    pub fn new(code: WarningCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: redaction::text(&message.into()),
            step: None,
            spoils: Vec::new(),
            value: None,
            threshold: None,
        }
    }

    /// Adds the measured value and the bound that it broke, in the same unit. One that is not
    /// finite is left out.
    #[must_use]
    pub fn with_figures(mut self, value: f64, threshold: f64) -> Self {
        self.value = Some(value).filter(|v| v.is_finite());
        self.threshold = Some(threshold).filter(|v| v.is_finite());
        self
    }

    /// Makes the warning concern the step at `index` of the report, and the figures at `fields`
    /// below the step, such as `operations/*/response`. Replaces earlier ones.
    #[must_use]
    pub fn about_step(mut self, index: usize, fields: &[&str]) -> Self {
        self.step = Some(index);
        self.spoils = fields
            .iter()
            .map(|field| format!("/steps/{index}/{field}"))
            .collect();
        self
    }

    /// Returns how far the value is beyond its bound: value ÷ bound or bound ÷ value, whichever is
    /// larger, and 1 at the bound. If one of them is not positive, returns the value itself; 0 if
    /// the warning has no figures.
    pub fn excess(&self) -> f64 {
        match (self.value, self.threshold) {
            // Some bounds are lower limits, so the ratio counts in either direction.
            (Some(value), Some(threshold)) if value > 0.0 && threshold > 0.0 => {
                (value / threshold).max(threshold / value)
            }
            (Some(value), Some(_)) => value,
            _ => 0.0,
        }
    }

    /// Returns true if the warning concerns the figure at the JSON pointer `pointer`, or a part of
    /// the report that contains it.
    pub fn spoils(&self, pointer: &str) -> bool {
        self.spoils.iter().any(|pattern| {
            // Most patterns differ from the pointer before their first `*`, which is found faster than
            // their parts.
            let pairs = pattern.bytes().zip(pointer.bytes());
            let mut fixed = pairs.take_while(|(wanted, _)| *wanted != b'*');
            if fixed.any(|(wanted, found)| wanted != found) {
                return false;
            }
            let mut wanted = pattern.split('/');
            let mut found = pointer.split('/');
            wanted.all(|part| found.next().is_some_and(|f| part == "*" || part == f))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_spoils_what_lies_below_its_pointers_and_nothing_else() {
        let w = Warning::new(WarningCode::PacingLag, "late")
            .about_step(3, &["operations/*/response", "generator"]);
        assert!(w.spoils("/steps/3/operations/get/response/percentiles_ns/p99"));
        assert!(w.spoils("/steps/3/generator"));
        assert!(!w.spoils("/steps/3/operations/get/service/percentiles_ns/p99"));
        assert!(!w.spoils("/steps/30/operations/get/response"));
        assert!(!w.spoils("/steps/3/operations"));
        assert!(!w.spoils("/steps/3/generators"));
        let named = Warning::new(WarningCode::PacingLag, "late")
            .about_step(3, &["operations/get*/response"]);
        assert!(named.spoils("/steps/3/operations/get*/response/count"));
        assert!(!named.spoils("/steps/3/operations/get all/response/count"));
    }
}
