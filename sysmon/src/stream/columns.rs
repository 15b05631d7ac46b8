//! Columns of rows that wait to be written as a batch.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{ArrowError, SchemaRef};

use super::sample::RawSample;

/// Length up to which a dictionary is never compacted. A longer one is compacted if less than half
/// of its entries are in use.
const LEAST_CLEARED: usize = 64;

/// Rows that were not written yet, column by column, and the dictionaries of their file.
#[derive(Debug, Default)]
pub(super) struct Columns {
    at_ns: Vec<i64>,
    series: TextColumn,
    labels: TextColumn,
    values: Vec<f64>,
    errors: Vec<Option<f64>>,
}

impl Columns {
    /// Adds a row for each reading of one tick.
    pub(super) fn add(&mut self, sample: &RawSample) {
        let at_ns = i64::try_from(sample.at_ns).unwrap_or(i64::MAX);
        for row in &sample.rows {
            self.at_ns.push(at_ns);
            self.series.push(row.series);
            self.labels.push_shared(&row.labels);
            self.values.push(row.reading.value);
            let error = row.reading.error;
            self.errors.push((error > 0.0).then_some(error));
        }
    }

    /// Returns the number of rows that were not written yet.
    pub(super) fn len(&self) -> usize {
        self.at_ns.len()
    }

    /// Returns true if there is no row that was not written yet.
    pub(super) fn is_empty(&self) -> bool {
        self.at_ns.is_empty()
    }

    /// Removes all rows and returns them as a batch with the columns of `schema`; keeps the
    /// allocated memory. Fails if the columns do not fit the schema.
    pub(super) fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(self.at_ns.drain(..))),
            Arc::new(self.series.take()?),
            Arc::new(self.labels.take()?),
            Arc::new(Float64Array::from_iter_values(self.values.drain(..))),
            Arc::new(self.errors.drain(..).collect::<Float64Array>()),
        ];
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

/// Dictionary-encoded column of texts: a key for each row, and the text of each key.
#[derive(Debug, Default)]
struct TextColumn {
    keys: Vec<i32>,
    places: HashMap<Arc<str>, i32>,
    entries: Vec<Arc<str>>,
    /// Label text that was added last, with its key; consecutive rows of a process share their
    /// labels. `None` before the first and after the dictionary was compacted.
    recent: Option<(Arc<str>, i32)>,
    written: Option<ArrayRef>,
}

impl TextColumn {
    fn push(&mut self, text: &str) {
        let key = self.key(text);
        self.keys.push(key);
    }

    fn push_shared(&mut self, text: &Arc<str>) {
        let recent = self.recent.as_ref();
        let key = match recent.filter(|(recent, _)| Arc::ptr_eq(recent, text)) {
            Some((_, key)) => *key,
            None => self.key(text),
        };
        self.recent = Some((Arc::clone(text), key));
        self.keys.push(key);
    }

    fn key(&mut self, text: &str) -> i32 {
        let known = self.places.get(text).copied();
        known.unwrap_or_else(|| self.learn(text))
    }

    fn learn(&mut self, text: &str) -> i32 {
        self.written = None;
        let text: Arc<str> = Arc::from(text);
        // The conversion cannot fail, because a batch has far fewer rows than there are keys.
        let place = i32::try_from(self.entries.len()).unwrap_or(i32::MAX);
        self.entries.push(Arc::clone(&text));
        self.places.insert(text, place);
        place
    }

    /// Removes all keys and returns them as a column. It shares its dictionary with the column
    /// before if no new text was added since then.
    fn take(&mut self) -> Result<DictionaryArray<Int32Type>, ArrowError> {
        if self.written.is_none() {
            self.clear_unused();
        }
        let values = self.written.get_or_insert_with(|| {
            let entries = self.entries.iter().map(|text| &**text);
            Arc::new(StringArray::from_iter_values(entries))
        });
        let keys = Int32Array::from_iter_values(self.keys.drain(..));
        DictionaryArray::try_new(keys, Arc::clone(values))
    }

    fn clear_unused(&mut self) {
        let mut new_places = vec![None; self.entries.len()];
        let mut kept = Vec::new();
        for key in &self.keys {
            let old = *key as usize;
            if new_places[old].is_none() {
                new_places[old] = i32::try_from(kept.len()).ok();
                kept.push(Arc::clone(&self.entries[old]));
            }
        }
        if self.entries.len() <= LEAST_CLEARED.max(2 * kept.len()) {
            return;
        }
        self.recent = None;
        for key in &mut self.keys {
            *key = new_places[*key as usize].unwrap_or(*key);
        }
        self.places = (0..)
            .zip(&kept)
            .map(|(place, text)| (Arc::clone(text), place))
            .collect();
        self.entries = kept;
    }
}
