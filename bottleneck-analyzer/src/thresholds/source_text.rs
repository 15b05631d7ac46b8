//! Text of a thresholds file: its values, and the line of each.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::error::ThresholdsError;

/// Text of a file of thresholds, parsed.
#[derive(Debug)]
pub(super) struct SourceText {
    /// Path of the file, for messages.
    path: PathBuf,
    /// Values of the file.
    pub(super) values: toml::Table,
    /// Line of each key, by its path: `cpu.warning_ratio`, `gate.0.bound`.
    lines: BTreeMap<String, usize>,
}

impl SourceText {
    /// Parses `text`, the content of the file at `path`.
    ///
    /// # Errors
    /// Fails if the text is not TOML.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, ThresholdsError> {
        let refused = |error: toml::de::Error| ThresholdsError::Refused {
            path: path.to_owned(),
            line: line_at(text, error.span()),
            reason: format!("not TOML: {}", error.message()),
            remedy: "mend the line; --print-thresholds prints a file that is right".to_owned(),
        };
        let located = DeTable::parse(text).map_err(refused)?;
        let mut lines = BTreeMap::new();
        record_table(located.get_ref(), "", text, &mut lines);
        Ok(Self {
            path: path.to_owned(),
            values: text.parse().map_err(refused)?,
            lines,
        })
    }

    /// Returns true if the file has the key at `place`, a path such as `cpu.warning_ratio`.
    pub(super) fn has(&self, place: &str) -> bool {
        self.lines.contains_key(place)
    }

    /// Returns the line of the key at `place`, counted from 1; the line of the nearest table around
    /// it if the file has no such key.
    fn line_of(&self, place: &str) -> usize {
        let mut place = place;
        loop {
            if let Some(line) = self.lines.get(place) {
                return *line;
            }
            match place.rsplit_once('.') {
                Some((around, _)) => place = around,
                None => return 1,
            }
        }
    }

    /// Builds the error about the value at `place`.
    pub(super) fn refuse(
        &self,
        place: &str,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ThresholdsError {
        ThresholdsError::Refused {
            path: self.path.clone(),
            line: self.line_of(place),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }
}

fn record_table(table: &DeTable<'_>, at: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let place = match at {
            "" => key.get_ref().to_string(),
            _ => format!("{at}.{}", key.get_ref()),
        };
        lines.insert(place.clone(), line_at(text, Some(key.span())));
        record_value(value.get_ref(), &place, text, lines);
    }
}

fn record_value(value: &DeValue<'_>, at: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    match value {
        DeValue::Table(table) => record_table(table, at, text, lines),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let place = format!("{at}.{index}");
                lines.insert(place.clone(), line_at(text, Some(item.span())));
                record_value(item.get_ref(), &place, text, lines);
            }
        }
        _ => {}
    }
}

/// Returns the line, counted from 1, at which `span` begins in `text`; 1 without a span.
fn line_at(text: &str, span: Option<Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start).min(text.len());
    text.get(..start)
        .map_or(1, |before| 1 + before.matches('\n').count())
}
