//! Trial: a cause planted once and taken away once, or a healthy run, with its result as a line of
//! the log.

use serde::{Deserialize, Serialize};

use crate::judge::Judgement;
use crate::measured_run::{MeasuredRun, given_back};
use crate::planting::{DeclaredFinding, Severity};

/// Largest factor between the told and the measured share at which they count as the same.
pub(crate) const FACTOR: f64 = 1.5;

/// Result of one trial; one line of JSON in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trial {
    /// Id of the planting and its severity, or `healthy/` and the number of the run.
    pub(crate) id: String,
    /// Group of the table.
    pub(crate) group: String,
    /// Name of the cause, or the healthy load in words.
    pub(crate) name: String,
    /// Digest of the planting's file, or of the healthy load.
    pub(crate) digest: String,
    /// Commit of the programs that ran, and of the analyzer that judged.
    pub(crate) ran_by: String,
    pub(crate) judged_by: String,
    /// Start of the trial, in seconds since 1970, and its duration in seconds.
    pub(crate) started_at_s: u64,
    pub(crate) took_s: f64,
    pub(crate) quiet: Quietness,
    pub(crate) result: TrialResult,
}

/// Quietness of the machine around a trial.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Quietness {
    /// Busy share of all CPUs before and after the trial, from 0 to 1, without the trial itself.
    pub(crate) before_ratio: f64,
    pub(crate) after_ratio: f64,
    /// Time that the harness waited for a quiet machine, in seconds.
    pub(crate) waited_s: f64,
    /// Share of the CPU time during the trial that the hypervisor gave to other guests, from 0 to 1.
    #[serde(default)]
    pub(crate) stolen_ratio: f64,
    /// True if the machine was busy with something else, or the hypervisor took too much: the trial does not
    /// count.
    pub(crate) is_disturbed: bool,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum TrialResult {
    Planted(Box<PlantedResult>),
    /// Complaints about a healthy run, none of which may be there.
    Healthy {
        complaints: Vec<String>,
    },
    /// The trial could not be carried out.
    Failed {
        reason: String,
    },
}

/// Result of a planted cause, with what was declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlantedResult {
    pub(crate) declared: DeclaredFinding,
    pub(crate) severity: Severity,
    pub(crate) judgement: Judgement,
    pub(crate) with: MeasuredRun,
    /// Figures of the same load without the cause; absent if the file does not say how to take it
    /// away.
    pub(crate) without: Option<MeasuredRun>,
}

impl PlantedResult {
    /// Returns the share that taking the cause away gave back; `None` if that was not measured.
    pub(crate) fn measured(&self) -> Option<f64> {
        given_back(self.declared.figure, &self.with, self.without.as_ref()?)
    }

    /// Returns true if the cause took effect as declared: taking it away gave back the declared share
    /// within its tolerance. Otherwise the planting is off, whatever the analyzer told. True also
    /// where nothing was measured.
    pub(crate) fn is_planted_as_declared(&self) -> bool {
        let both = self.measured().zip(self.severity.share);
        both.is_none_or(|(measured, share)| (measured - share).abs() <= self.severity.tolerance)
    }

    /// Returns told ÷ measured share; `None` without either.
    pub(crate) fn factor(&self) -> Option<f64> {
        let factor = self.judgement.told? / self.measured()?;
        factor.is_finite().then_some(factor)
    }
}

impl Trial {
    /// Returns true if the trial counts: it was carried out, and nothing disturbed it.
    pub(crate) fn counts(&self) -> bool {
        !self.quiet.is_disturbed && !matches!(self.result, TrialResult::Failed { .. })
    }

    /// Returns the result in one line of words.
    pub(crate) fn told(&self) -> String {
        let disturbed = if self.quiet.is_disturbed {
            " (disturbed)"
        } else {
            ""
        };
        let result = match &self.result {
            TrialResult::Failed { reason } => {
                format!("failed: {}", reason.lines().next().unwrap_or_default())
            }
            TrialResult::Healthy { complaints } if complaints.is_empty() => "healthy".to_owned(),
            TrialResult::Healthy { complaints } => {
                format!("FALSE ALARM: {}", complaints.join("; "))
            }
            TrialResult::Planted(planted) => planted.told(),
        };
        format!("{}: {result}{disturbed}", self.id)
    }
}

impl PlantedResult {
    fn told(&self) -> String {
        let judgement = &self.judgement;
        let word = match (
            judgement.is_right(),
            judgement.is_named_first,
            judgement.is_named,
        ) {
            (true, ..) => "right",
            (_, true, _) => "first, another figure",
            (_, _, true) => "named, not first",
            _ => "NOT NAMED",
        };
        format!(
            "{word}: told {}, measured {}; first: {}",
            percent(judgement.told),
            percent(self.measured()),
            judgement.first.as_deref().unwrap_or("nothing")
        )
    }
}

/// Returns a share in percent, or a dash for none.
pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.0} %", share * 100.0))
}
