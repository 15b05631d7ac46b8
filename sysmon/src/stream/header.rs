//! Metadata of a file of raw samples, and its columns.

use arrow_schema::{DataType, Field, Metadata, Schema};
use bench_report::Report;
use bench_report::clock::ClockAnchor;

/// Version of the schema of raw samples that this program writes, and the only one that it reads.
pub(super) const SCHEMA: &str = "plimsoll.samples/1";
/// Metadata key whose value is the schema, by which a file of raw samples is recognized.
pub(super) const SCHEMA_KEY: &str = "schema";

/// Metadata of one file of raw samples. All files of a recording have the same metadata, except for
/// `part`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawHeader {
    /// Id of the run, as in its report.
    pub run_id: String,
    /// Name and version of the program that wrote the file.
    pub tool: String,
    /// Host name of the machine; `None` if it cannot be determined.
    pub host: Option<String>,
    /// Wall clock at the start of the recording, in RFC 3339 and UTC.
    pub started_at: String,
    /// Time of `started_at` on the host's monotonic clock, with the id of the boot from which this
    /// clock counts.
    pub clock: ClockAnchor,
    /// Configured time between samples, in nanoseconds.
    pub interval_ns: u64,
    /// Number of the file within its recording, counted from 1.
    pub part: u64,
}

impl RawHeader {
    /// Creates the metadata for the first file of the recording that `report` describes;
    /// `interval_ns` is the time between samples.
    pub(crate) fn new(report: &Report, interval_ns: u64) -> Self {
        Self {
            run_id: report.run_id.clone(),
            tool: format!("{} {}", report.tool.name, report.tool.version),
            host: sysinfo::System::host_name().ok(),
            started_at: report.started_at.clone(),
            clock: report.clock.clone(),
            interval_ns,
            part: 1,
        }
    }

    /// Returns the Arrow schema: the columns of raw samples with this metadata.
    pub(super) fn schema(&self) -> Schema {
        Schema::new_with_metadata(columns(), self.metadata())
    }

    fn metadata(&self) -> Metadata {
        let optional = [
            ("host", self.host.as_ref()),
            ("boot_id", self.clock.boot_id.as_ref()),
        ];
        let optional = optional
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?.clone())));
        let all = [
            (SCHEMA_KEY, SCHEMA.to_owned()),
            ("run_id", self.run_id.clone()),
            ("tool", self.tool.clone()),
            ("started_at", self.started_at.clone()),
            ("monotonic_ns", self.clock.monotonic_ns.to_string()),
            ("interval_ns", self.interval_ns.to_string()),
            ("part", self.part.to_string()),
        ];
        all.into_iter().chain(optional).collect()
    }

    /// Parses the metadata of a file, without its schema version.
    ///
    /// # Errors
    /// If a key is missing or invalid; the message names it.
    pub(super) fn of(metadata: &Metadata) -> Result<Self, String> {
        let optional = |key: &str| metadata.get(key).cloned();
        let text = |key: &str| optional(key).ok_or_else(|| format!("it has no {key:?}"));
        let number = |key: &str| {
            let text = text(key)?;
            text.parse().map_err(|_| format!("its {key:?} is {text:?}"))
        };
        Ok(Self {
            run_id: text("run_id")?,
            tool: text("tool")?,
            host: optional("host"),
            started_at: text("started_at")?,
            clock: ClockAnchor {
                boot_id: optional("boot_id"),
                monotonic_ns: number("monotonic_ns")?,
            },
            interval_ns: number("interval_ns")?,
            part: number("part")?,
        })
    }
}

/// Returns the columns of a file of raw samples, in order.
pub(super) fn columns() -> Vec<Field> {
    let dictionary = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    vec![
        Field::new("at_ns", DataType::Int64, false),
        Field::new("series", dictionary(), false),
        Field::new("labels", dictionary(), false),
        Field::new("value", DataType::Float64, false),
        Field::new("error", DataType::Float64, true),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> RawHeader {
        let tool = bench_report::Tool {
            name: "sysmon".to_owned(),
            version: "1.2.3".to_owned(),
            commit: None,
        };
        RawHeader::new(&Report::begin(tool, "run-7".to_owned(), "record"), 1000)
    }

    #[test]
    fn what_is_said_is_read_back() {
        let header = header();
        assert_eq!(header.tool, "sysmon 1.2.3");
        assert_eq!(
            RawHeader::of(header.schema().metadata()),
            Ok(header.clone())
        );
        let bare = RawHeader {
            host: None,
            clock: ClockAnchor {
                boot_id: None,
                monotonic_ns: 5,
            },
            ..header
        };
        assert_eq!(RawHeader::of(bare.schema().metadata()), Ok(bare));
    }

    #[test]
    fn what_is_missing_or_odd_is_named() {
        for key in ["run_id", "started_at", "monotonic_ns", "part"] {
            let mut metadata = header().metadata();
            metadata.remove(key);
            assert!(RawHeader::of(&metadata).unwrap_err().contains(key));
        }
        let mut metadata = header().metadata();
        metadata.insert("interval_ns", "-1");
        assert!(RawHeader::of(&metadata).unwrap_err().contains("-1"));
    }
}
