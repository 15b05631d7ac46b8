//! Figures and warnings in a report about its raw samples.

use std::time::Duration;

use bench_report::names::summaries;
use bench_report::{Report, Warning, WarningCode};

use super::RawWriter;

impl RawWriter {
    /// Returns a sentence with the reason why no raw samples are being written, for now or for the
    /// rest of the recording, and with a remedy. `None` if they are being written.
    pub(crate) fn trouble(&self) -> Option<String> {
        if let Some(outage) = self.outages().current {
            let (once, remedy) = if outage.is_full {
                (
                    "there is room",
                    "make room, or keep less with --rotate-size SIZE --keep N",
                )
            } else {
                (
                    "that is possible",
                    "see that its directory is there and can be written",
                )
            };
            return Some(format!(
                "{}; what was written stays, the report goes on without, and another file is begun \
                 once {once}. Try: {remedy}",
                outage.reason
            ));
        }
        let error = self.failure()?;
        Some(format!(
            "{error}; what was written stays, and the report goes on without. Try: do without raw \
             samples with --no-raw"
        ))
    }

    /// Returns a sentence about the time in which no raw samples could be written and the samples
    /// lost then; `None` if there was no outage.
    pub(crate) fn lost(&self) -> Option<String> {
        let outages = self.outages();
        let seconds = Duration::from_nanos(outages.total_ns()).as_secs_f64();
        let times = match outages.count {
            0 => return None,
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        Some(format!(
            "for {seconds:.1} s in all no raw samples were kept: {times} the disk did not take \
             them; {} samples are absent there, and the report has them",
            outages.lost_samples
        ))
    }

    /// Adds to `report` the figures about its raw samples, and warnings about outages, lost samples
    /// and files that could not be closed or removed.
    pub(crate) fn fill(&self, report: &mut Report) {
        let summary = &mut report.summary;
        summary.figure(summaries::RAW_ROWS, self.written_rows() as f64);
        summary.figure(summaries::RAW_WRITTEN_BYTES, self.written_bytes() as f64);
        let outages = self.outages();
        let dropped = self.dropped_samples() + outages.lost_samples;
        summary.figure(summaries::RAW_DROPPED_SAMPLES, dropped as f64);
        if outages.count > 0 {
            summary.figure(summaries::RAW_OUTAGE_NS, outages.total_ns() as f64);
        }
        let missing = |message| Warning::new(WarningCode::EvidenceMissing, message);
        report.warnings.extend(self.trouble().map(missing));
        report.warnings.extend(self.lost().map(missing));
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
