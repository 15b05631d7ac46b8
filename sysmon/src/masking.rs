//! Masking of secrets in names and command lines of processes.

use bench_report::redaction;
use host_metrics::Masking;

use crate::follow::ProcessTarget;

/// Masking of secrets in single texts and in command lines that every report uses.
pub(crate) const MASKING: Masking = Masking {
    text: redaction::text,
    words: redaction::command_line::<String>,
};

/// Parses a value of `--follow`, which names a process. Secrets in its label are masked.
///
/// # Errors
/// If `text` is no valid target; the message lists the valid forms.
pub(crate) fn target(text: &str) -> Result<ProcessTarget, String> {
    ProcessTarget::parse(text, MASKING)
}
