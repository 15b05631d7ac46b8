//! What a report says about the raw samples beside it.

use bench_report::{Report, Warning, WarningCode};

use super::RawWriter;

impl RawWriter {
    /// Why nothing is written any more, and what to do about it.
    pub fn trouble(&self) -> Option<String> {
        let error = self.failure()?;
        Some(format!(
            "{error}; what was written stays, and the report goes on without. Try: make room, \
             keep less with --rotate-size SIZE --keep N, or do without with --no-raw"
        ))
    }

    /// Puts how much was written, and what was not, into `report`.
    pub fn fill(&self, report: &mut Report) {
        let summary = &mut report.summary;
        summary.figure("raw.rows", self.written_rows() as f64);
        summary.figure("raw.written_bytes", self.written_bytes() as f64);
        summary.figure("raw.dropped_samples", self.dropped_samples() as f64);
        let missing = |message| Warning::new(WarningCode::EvidenceMissing, message);
        report.warnings.extend(self.trouble().map(missing));
        if self.failure().is_none() && self.dropped_samples() > 0 {
            let message = format!(
                "{} samples are absent from the raw samples, which the disk was too slow for; the \
                 report has them",
                self.dropped_samples()
            );
            report.warnings.push(missing(message));
        }
        if self.left_open() {
            let message = "the disk stood still when the raw samples were to be closed: the last \
                           may be absent";
            report.warnings.push(missing(message.to_owned()));
        }
        if let Some(error) = self.unremoved() {
            let warning = Warning::new(WarningCode::LeftBehind, error.to_string());
            report.warnings.push(warning);
        }
    }
}
