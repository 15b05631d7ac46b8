//! Masking of secrets in names and command lines of processes.

use bench_report::redaction;
use host_metrics::Masking;

use crate::follow::ProcessTarget;

/// Masking that is used for every report.
pub(crate) const MASKING: Masking = Masking {
    text: redaction::text,
    words: redaction::command_line::<String>,
};

/// Parses a value of `--follow`. Secrets in its label are masked.
///
/// # Errors
/// A sentence that lists the valid forms.
pub(crate) fn target(text: &str) -> Result<ProcessTarget, String> {
    ProcessTarget::parse(text, MASKING)
}
