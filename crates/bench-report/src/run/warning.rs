//! Warnings: doubts about figures, most of them raised by the generator about itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::redaction;

/// The kinds of doubt.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// The generator's own CPU was nearly used up: it may have been what limited throughput.
    GeneratorSaturated,
    /// One thread of the generator was nearly always at work while others idled: what it drives may
    /// have been limited by it.
    GeneratorThreadSaturated,
    /// Arrivals were released late by the generator itself.
    PacingLag,
    /// The generator did not run for a while (scheduling, swapping, a suspended host).
    GeneratorStalled,
    /// Too few samples for a percentile that the report names.
    TooFewSamples,
    /// The step was too short to settle.
    StepTooShort,
    /// Arrivals waited at the in-flight cap.
    InFlightCapReached,
    /// Requests were still under way when the drain ended; tail figures are lower bounds.
    Censored,
    /// Throughput still drifted during the step.
    NotSteady,
    /// Someone else used the machine's CPU, or the hypervisor took it.
    DisturbedMachine,
    /// Evidence could not be read.
    EvidenceMissing,
    /// Something could not be cleaned up; the message has the command that removes it.
    LeftBehind,
    /// The setting asked for more than a limit of this machine or of the target allows.
    LimitTooLow,
    /// The target could not be asked for a while, as in a restart: what its requests felt then says
    /// nothing of the load.
    TargetAway,
    /// The wall clock was set meanwhile; times of day in the report go on as from its start.
    ClockStepped,
    /// A worker process ended, or fell silent, before it had told what it measured; or a worker on a host
    /// of its own ended before its plan; or its report is missing: its share of the load is not in the
    /// figures.
    WorkerLost,
    /// A worker on a host of its own was not ready when a step began on all: its share of the load is
    /// missing in it.
    WorkerLate,
}

impl WarningCode {
    /// The order in which doubts are told, the gravest first: what may have made every figure
    /// wrong, then what made some of them too large, then what is uncertain only.
    pub fn gravity(self) -> u8 {
        match self {
            Self::TargetAway | Self::WorkerLost | Self::WorkerLate => 0,
            Self::GeneratorSaturated => 1,
            Self::GeneratorStalled => 2,
            Self::Censored => 3,
            Self::GeneratorThreadSaturated => 4,
            Self::DisturbedMachine => 5,
            Self::PacingLag => 6,
            Self::InFlightCapReached => 7,
            Self::NotSteady => 8,
            Self::StepTooShort => 9,
            Self::TooFewSamples => 10,
            Self::LimitTooLow => 11,
            Self::LeftBehind => 12,
            Self::ClockStepped => 13,
            Self::EvidenceMissing => 14,
        }
    }
}

/// A doubt, with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// The kind of doubt.
    pub code: WarningCode,
    /// One sentence with the figures in it.
    pub message: String,
    /// Index into `steps`; absent when it concerns the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// JSON pointers to the figures it spoils, `*` standing for any one key, as in
    /// `/steps/3/operations/*/response`.
    #[serde(default)]
    pub spoils: Vec<String>,
    /// The measured value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The bound it broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

impl Warning {
    /// A doubt about the whole run that spoils nothing yet; secrets in `message` are masked.
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

    /// Adds the measured value and the bound that it broke.
    #[must_use]
    pub fn with_figures(mut self, value: f64, threshold: f64) -> Self {
        self.value = Some(value).filter(|v| v.is_finite());
        self.threshold = Some(threshold).filter(|v| v.is_finite());
        self
    }

    /// Relates the doubt to step `index`; each of `fields` (as in `operations/*/response`) is spoilt.
    #[must_use]
    pub fn about_step(mut self, index: usize, fields: &[&str]) -> Self {
        self.step = Some(index);
        self.spoils = fields
            .iter()
            .map(|field| format!("/steps/{index}/{field}"))
            .collect();
        self
    }

    /// Ratio by which its figure lies past its bound, in either direction: 1 at the bound, 0 where it has
    /// no figures.
    pub fn excess(&self) -> f64 {
        match (self.value, self.threshold) {
            // Some bounds are floors: how far off counts, in either direction.
            (Some(value), Some(threshold)) if value > 0.0 && threshold > 0.0 => {
                (value / threshold).max(threshold / value)
            }
            (Some(value), Some(_)) => value,
            _ => 0.0,
        }
    }

    /// Returns true if this doubt spoils the figure at `pointer`, itself or by a parent.
    pub fn spoils(&self, pointer: &str) -> bool {
        self.spoils.iter().any(|pattern| {
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
    }
}
