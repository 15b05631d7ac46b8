//! Masking of secrets in what processes say of themselves.

use bench_report::redaction;
use host_metrics::Masking;

use crate::follow::ProcessTarget;

/// Masks secrets in names and command lines, as in every report.
pub(crate) const MASKING: Masking = Masking {
    text: redaction::text,
    words: redaction::command_line::<String>,
};

/// Parses a target of `--follow`; its label has secrets masked.
///
/// # Errors
/// A sentence that says which forms there are.
pub(crate) fn target(text: &str) -> Result<ProcessTarget, String> {
    ProcessTarget::parse(text, MASKING)
}
