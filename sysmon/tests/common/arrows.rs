//! Reader of files of raw samples as Arrow streams, independent of sysmon's own code.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_schema::ArrowError;

/// Last bytes of a stream of raw samples that was closed.
const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Readings of one series: time of the tick, in nanoseconds of the monotonic clock, and value.
pub type Points = Vec<(u64, f64)>;

/// Name and labels of a series.
pub type SeriesKey = (String, BTreeMap<String, String>);

/// Content of one file of raw samples, as far as it is complete.
pub struct RawFile {
    /// Metadata of the file's schema, by key.
    pub header: BTreeMap<String, String>,
    pub series: BTreeMap<SeriesKey, Points>,
    /// True if the stream has its end mark; false if the file is still being written or was cut
    /// short.
    pub is_closed: bool,
}

impl RawFile {
    /// Reads all complete batches of a file.
    ///
    /// # Errors
    /// If the file cannot be read, is not a stream, or is damaged other than by being cut short.
    pub fn read(path: &Path) -> Result<Self, ArrowError> {
        let is_closed = fs::read(path)?.ends_with(&END_OF_STREAM);
        let batches = StreamReader::try_new(File::open(path)?, None)?;
        let metadata = batches.schema().metadata().clone();
        let mut read = Self {
            header: metadata.into_iter().collect(),
            series: BTreeMap::new(),
            is_closed,
        };
        for batch in batches {
            match batch {
                Ok(batch) => read.add(&batch),
                Err(ArrowError::IoError(_, why)) if why.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn add(&mut self, batch: &RecordBatch) {
        let column = |name| batch.column_by_name(name).unwrap();
        let at_ns = column("at_ns").as_primitive::<Int64Type>().values();
        let values = column("value").as_primitive::<Float64Type>().values();
        let [names, labels] = ["series", "labels"].map(|name| {
            let column = column(name).as_dictionary::<Int32Type>();
            column.downcast_dict::<StringArray>().unwrap()
        });
        let texts = names.into_iter().zip(labels);
        for ((at_ns, value), (name, labels)) in at_ns.iter().zip(values).zip(texts) {
            let labels = serde_json::from_str(labels.unwrap()).unwrap();
            let points = self.series.entry((name.unwrap().to_owned(), labels));
            points.or_default().push((at_ns.cast_unsigned(), *value));
        }
    }

    /// Returns the time of the last tick in the file, in nanoseconds of the monotonic clock; `None`
    /// if it has no reading.
    pub fn last_ns(&self) -> Option<u64> {
        let last = self.series.values().filter_map(|points| points.last());
        last.map(|(at_ns, _)| *at_ns).max()
    }
}

/// Returns the path of the raw samples beside `report`, if the recording is not rotated.
pub fn single(report: &Path) -> PathBuf {
    report.with_extension("arrows")
}

/// Returns the path of the file with this number, counted from 1, of the raw samples beside
/// `report`, if the recording is rotated.
pub fn part(report: &Path, number: u64) -> PathBuf {
    report.with_extension(format!("{number:06}.arrows"))
}

/// Lists the files of raw samples in the directory of a report, in order of their names, and so of
/// their numbers.
pub fn files(report: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(report.parent().unwrap()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_raw = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "arrows")
    };
    let mut found: Vec<PathBuf> = paths.filter(is_raw).collect();
    found.sort();
    found
}
