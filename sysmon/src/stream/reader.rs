//! Reader of raw samples in a file that was closed, was cut short, or is still being written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array as _, DictionaryArray, Float64Array, Int64Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_schema_from_ipc_buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::{DataType, Field, FieldRef, Schema};

use super::StreamError;
use super::ending::Ending;
use super::header::{self, RawHeader};
use super::message::{self, NextMessage};

/// One reading of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RawPoint {
    /// End of the tick in which the value was read, in nanoseconds of the monotonic clock.
    pub at_ns: u64,
    /// Value of the reading, in the unit that the name of its series states.
    pub value: f64,
    /// Largest error of the value, in its unit; `None` if the value is exact.
    pub error: Option<f64>,
}

/// Reader of a file of raw samples, batch by batch. A batch usually covers less than a second of
/// the recording.
#[derive(Debug)]
pub(crate) struct RawReader {
    path: PathBuf,
    header: RawHeader,
    file: BufReader<File>,
    decoder: StreamDecoder,
    ending: Option<Ending>,
}

impl RawReader {
    /// Opens a file of raw samples and reads its header.
    ///
    /// # Errors
    /// If the file cannot be read, contains no raw samples, or has another version of the schema.
    pub(crate) fn open(path: &Path) -> Result<Self, StreamError> {
        let unreadable = |source| StreamError::Read {
            path: path.to_owned(),
            source,
        };
        let no_samples = |reason: String| StreamError::NotSamples {
            path: path.to_owned(),
            reason,
        };
        let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
        let schema = match message::next(&mut file).map_err(unreadable)? {
            NextMessage::Message(bytes) => bytes,
            NextMessage::Ending(Ending::Damaged(why)) => return Err(no_samples(why)),
            NextMessage::Ending(_) => {
                return Err(no_samples("it ends before its first batch".to_owned()));
            }
        };
        let columns = try_schema_from_ipc_buffer(&schema);
        let columns = columns.map_err(|error| no_samples(error.to_string()))?;
        check(path, &columns)?;
        let mut decoder = StreamDecoder::new();
        decoder
            .decode(&mut Buffer::from_vec(schema))
            .map_err(|error| no_samples(error.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            header: RawHeader::of(columns.metadata()).map_err(no_samples)?,
            file,
            decoder,
            ending: None,
        })
    }

    /// Returns the metadata of the file that was opened.
    pub(crate) fn header(&self) -> &RawHeader {
        &self.header
    }

    /// Returns how the file ends; [`Ending::Open`] until [`next_batch`](Self::next_batch) has
    /// returned `None`.
    pub(crate) fn ending(&self) -> Ending {
        self.ending.clone().unwrap_or(Ending::Open)
    }

    /// Reads the next batch; `None` after the last complete one.
    ///
    /// # Errors
    /// If the file cannot be read. A file that was cut short or damaged is no error: its batches
    /// end there, and [`ending`](Self::ending) returns the reason.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>, StreamError> {
        while self.ending.is_none() {
            let next = message::next(&mut self.file).map_err(|source| StreamError::Read {
                path: self.path.clone(),
                source,
            })?;
            let bytes = match next {
                NextMessage::Message(bytes) => bytes,
                NextMessage::Ending(ending) => {
                    self.ending = Some(ending);
                    break;
                }
            };
            // A dictionary alone yields no batch; the rows that use it follow.
            match self.decoder.decode(&mut Buffer::from_vec(bytes)) {
                Ok(None) => {}
                Ok(Some(records)) => match Batch::of(&records) {
                    Some(batch) => return Ok(Some(batch)),
                    None => self.damaged("a batch has other columns".to_owned()),
                },
                Err(error) => self.damaged(error.to_string()),
            }
        }
        Ok(None)
    }

    fn damaged(&mut self, reason: String) {
        self.ending = Some(Ending::Damaged(reason));
    }
}

impl Iterator for RawReader {
    type Item = Result<Batch, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

/// Checks that a file has the schema version and the columns that this program reads; fails
/// otherwise.
fn check(path: &Path, schema: &Schema) -> Result<(), StreamError> {
    let no_samples = |reason| StreamError::NotSamples {
        path: path.to_owned(),
        reason,
    };
    match schema.metadata().get(header::SCHEMA_KEY) {
        Some(found) if found == header::SCHEMA => {}
        Some(found) => {
            return Err(StreamError::UnknownSchema {
                path: path.to_owned(),
                found: found.clone(),
            });
        }
        None => return Err(no_samples("its metadata names no schema".to_owned())),
    }
    let columns = header::columns();
    let like = |(known, found): (&Field, &FieldRef)| {
        known.name() == found.name() && known.data_type() == found.data_type()
    };
    let fields = schema.fields();
    if fields.len() != columns.len() || !columns.iter().zip(fields).all(like) {
        return Err(no_samples("its columns are others".to_owned()));
    }
    Ok(())
}

/// Batch of rows of a file of raw samples, in order of time.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    at_ns: Int64Array,
    series: DictionaryArray<Int32Type>,
    labels: DictionaryArray<Int32Type>,
    values: Float64Array,
    errors: Float64Array,
}

/// Row of a batch: one reading, with the name and labels of its series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RawRow<'a> {
    /// Name of the series.
    pub series: &'a str,
    /// Labels of the series as the text of a JSON object.
    pub labels: &'a str,
    /// Time, value and error of the reading.
    pub point: RawPoint,
}

impl RawRow<'_> {
    /// Parses the labels; empty if they are not a JSON object of texts.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        // Labels that this program did not write are ignored.
        serde_json::from_str(self.labels).unwrap_or_default()
    }
}

impl Batch {
    fn of(records: &RecordBatch) -> Option<Self> {
        let texts = |name| {
            let column = records.column_by_name(name)?;
            let texts = column.as_dictionary_opt::<Int32Type>()?;
            let whole = texts.null_count() == 0
                && texts.values().null_count() == 0
                && texts.values().data_type() == &DataType::Utf8;
            whole.then(|| texts.clone())
        };
        let number = |name| {
            records
                .column_by_name(name)?
                .as_primitive_opt::<Float64Type>()
        };
        Some(Self {
            at_ns: records
                .column_by_name("at_ns")?
                .as_primitive_opt::<Int64Type>()?
                .clone(),
            series: texts("series")?,
            labels: texts("labels")?,
            values: number("value")?.clone(),
            errors: number("error")?.clone(),
        })
    }

    /// Returns the number of rows of the batch.
    pub(crate) fn len(&self) -> usize {
        self.at_ns.len()
    }

    /// Iterates over the rows of the batch, in order of time.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RawRow<'_>> {
        let names = self.series.values().as_string::<i32>();
        let labels = self.labels.values().as_string::<i32>();
        (0..self.len()).map(move |i| RawRow {
            series: names.value(self.series.keys().value(i) as usize),
            labels: labels.value(self.labels.keys().value(i) as usize),
            point: RawPoint {
                at_ns: self.at_ns.value(i).max(0).cast_unsigned(),
                value: self.values.value(i),
                error: self.errors.is_valid(i).then(|| self.errors.value(i)),
            },
        })
    }
}
