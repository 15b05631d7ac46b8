//! Reader of a whole file of raw samples into memory, for tests.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::StreamError;
use super::ending::Ending;
use super::header::RawHeader;
use super::reader::{RawPoint, RawReader};

/// Readings of one series, in order of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RawSeries {
    /// Name of the series, as in `cpu.user_ratio`.
    pub(crate) name: String,
    /// Labels that distinguish the series from others of the same name.
    pub(crate) labels: BTreeMap<String, String>,
    /// Readings of the series, in order of time.
    pub(crate) points: Vec<RawPoint>,
}

/// Content of a file of raw samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawRecording {
    /// Metadata of the file.
    pub(crate) header: RawHeader,
    /// Series in order of name and labels.
    pub(crate) series: Vec<RawSeries>,
    /// End of the file: closed, cut short or damaged.
    pub(crate) ending: Ending,
}

/// Reads a whole file of raw samples into memory, which takes 32 bytes for each reading.
/// `RawReader` takes less.
///
/// A file that was cut short or damaged is read as far as possible; [`RawRecording::ending`]
/// contains the reason.
///
/// # Errors
/// If the file cannot be read, or contains no raw samples.
pub(crate) fn read(path: &Path) -> Result<RawRecording, StreamError> {
    let mut reader = RawReader::open(path)?;
    let mut places: HashMap<String, HashMap<String, usize>> = HashMap::new();
    let mut series: Vec<RawSeries> = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        for row in batch.rows() {
            let known = places.get(row.series).and_then(|of| of.get(row.labels));
            let place = known.copied().unwrap_or_else(|| {
                series.push(RawSeries {
                    name: row.series.to_owned(),
                    labels: row.labels(),
                    points: Vec::new(),
                });
                let of = places.entry(row.series.to_owned()).or_default();
                of.insert(row.labels.to_owned(), series.len() - 1);
                series.len() - 1
            });
            series[place].points.push(row.point);
        }
    }
    series.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    Ok(RawRecording {
        header: reader.header().clone(),
        series,
        ending: reader.ending(),
    })
}
