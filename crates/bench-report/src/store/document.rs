//! Report as types together with its JSON, read in one pass.
//!
//! Series are most of a long report. They are read into their types only: as JSON values they would
//! take several times their memory.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use super::unambiguous::{Unambiguous, twice};
use crate::plausibility::{self, Fault, FaultExtent};
use crate::{Report, SCHEMA, Series};

/// Report with the JSON that it was read from, so that each figure can be found by its place.
#[derive(Debug, Clone)]
pub struct ReportDocument {
    /// Report as types.
    pub report: Report,
    /// Report as JSON, without `series`.
    pub json: Value,
}

impl ReportDocument {
    /// Returns what cannot be in the report; empty if everything can be.
    pub fn faults(&self) -> Vec<Fault> {
        plausibility::faults(&self.report, &self.json)
    }

    /// Removes the figures that `faults` name from the report and its JSON, and replaces the series
    /// that they name by empty ones without a name, so that the places of the others stay.
    ///
    /// # Errors
    /// Fails if the report needs one of the figures.
    pub fn remove(&mut self, faults: &[Fault]) -> serde_json::Result<()> {
        for fault in faults {
            match fault.extent {
                FaultExtent::Report => {}
                FaultExtent::Series(index) => {
                    if let Some(series) = self.report.series.get_mut(index) {
                        *series = Series::default();
                    }
                }
                FaultExtent::Figure => {
                    let (above, key) = fault.pointer.rsplit_once('/').unwrap_or_default();
                    if let Some(Value::Object(members)) = self.json.pointer_mut(above) {
                        members.remove(unescaped(key).as_ref());
                    }
                }
            }
        }
        let series = std::mem::take(&mut self.report.series);
        self.report = Report::deserialize(&self.json)?;
        self.report.series = series;
        Ok(())
    }
}

/// Returns the key that the token `key` of a JSON pointer stands for. Few tokens have an escape.
fn unescaped(key: &str) -> Cow<'_, str> {
    if key.contains('~') {
        Cow::Owned(key.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(key)
    }
}

/// Returns the value at a JSON pointer, as [`Value::pointer`] does, but without an allocation for each
/// token.
fn pointed<'a>(json: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut tokens = pointer.split('/');
    if tokens.next() != Some("") {
        return None;
    }
    tokens.try_fold(json, |value, token| match value {
        Value::Object(members) => members.get(unescaped(token).as_ref()),
        Value::Array(elements) => elements.get(index(token)?),
        _ => None,
    })
}

/// Returns the single value at the JSON pointer `pointer` of a report: a number, a text or a flag.
/// `None` if there is none, or if there is an object or an array. `json` is the report's JSON
/// without its series, whose values come from `report`.
pub fn value_at(report: &Report, json: &Value, pointer: &str) -> Option<Value> {
    if let Some(place) = pointer.strip_prefix("/series/") {
        return series_value(&report.series, place);
    }
    let value = pointed(json, pointer)?;
    let is_single = !value.is_object() && !value.is_array() && !value.is_null();
    is_single.then(|| value.clone())
}

/// Returns the single value at `place` below `series`, as in `3/mean/7`.
fn series_value(series: &[Series], place: &str) -> Option<Value> {
    let mut keys = place.split('/');
    let series = series.get(index(keys.next()?)?)?;
    let (field, key) = (keys.next()?, keys.next());
    if keys.next().is_some() {
        return None;
    }
    let number = |n: f64| Number::from_f64(n).map(Value::Number);
    let point = |column: &[Option<f64>]| number((*column.get(index(key?)?)?)?);
    match field {
        "mean" => point(&series.mean),
        "min" => point(&series.min),
        "max" => point(&series.max),
        "at_ns" => Some((*series.at_ns.get(index(key?)?)?).into()),
        "labels" => {
            let label = unescaped(key?);
            Some(series.labels.get(label.as_ref())?.as_str().into())
        }
        _ if key.is_some() => None,
        "name" => Some(series.name.as_str().into()),
        "error_max" => number(series.error_max?),
        "window_min_ns" => Some(series.window_min_ns?.into()),
        "window_max_ns" => Some(series.window_max_ns?.into()),
        _ => None,
    }
}

/// Parses an index of a JSON pointer, which has neither a sign nor a leading zero.
fn index(key: &str) -> Option<usize> {
    let is_plain = key == "0" || (!key.starts_with('0') && key.bytes().all(|b| b.is_ascii_digit()));
    key.parse().ok().filter(|_| is_plain)
}

/// Reason why a text is not a report.
#[derive(Debug)]
pub(super) enum TextFault {
    /// The text ends in the middle of its JSON, at this line.
    Truncated(usize),
    /// The text states another schema.
    Schema(String),
    /// The text is no report; the value describes the fault with its place.
    NotAReport(String),
}

/// Reads a report from its text.
///
/// # Errors
/// Fails if the text is not JSON, is not a report, has a key twice, or has an unknown schema.
pub(super) fn parse(text: &str) -> Result<ReportDocument, TextFault> {
    let parts: Parts = json(text).map_err(|fault| said_schema(text).unwrap_or(fault))?;
    match parts.rest.get("schema").and_then(Value::as_str) {
        Some(schema) if is_known(schema) => {}
        Some(other) => return Err(TextFault::Schema(other.to_owned())),
        None => return Err(without_schema()),
    }
    let json = Value::Object(parts.rest);
    let mut report = Report::deserialize(&json)
        .or_else(|_| serde_path_to_error::deserialize(&json))
        .map_err(|e| TextFault::NotAReport(at(&e.path().to_string(), e.inner())))?;
    report.series = parts.series;
    Ok(ReportDocument { report, json })
}

/// Reads JSON of type `T` from `text`.
///
/// # Errors
/// Fails if the text is not such a document. The fault has its place in it.
pub(super) fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, TextFault> {
    // The place is only looked for once there is a fault, because tracking it takes time.
    serde_json::from_str(text).or_else(|_| with_place(text))
}

fn with_place<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, TextFault> {
    let mut document = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut document)
        .map_err(|e| (e.path().to_string(), e.into_inner()));
    let whole = read.and_then(|value| {
        let rest = document.end().map_err(|e| (String::new(), e));
        rest.map(|()| value)
    });
    whole.map_err(|(place, error)| match error.classify() {
        Category::Eof => TextFault::Truncated(error.line()),
        _ => TextFault::NotAReport(at(&place, &error)),
    })
}

/// Returns the text of a fault with its place in the document, such as
/// `steps[3].operations.get.attempted: invalid type: string "many", expected u64`; without a
/// place, the fault alone.
fn at(place: &str, error: &serde_json::Error) -> String {
    match place {
        "" | "." => error.to_string(),
        place => format!("{place}: {error}"),
    }
}

/// Returns the fault of a text that is no report because of its schema: it has none, or another
/// one. `None` if it states a known schema, or if its schema cannot be read.
fn said_schema(text: &str) -> Option<TextFault> {
    #[derive(Deserialize)]
    struct Head {
        schema: Option<Value>,
    }
    let head: Head = serde_json::from_str(text).ok()?;
    match head.schema {
        Some(Value::String(schema)) if is_known(&schema) => None,
        Some(Value::String(other)) => Some(TextFault::Schema(other)),
        _ => Some(without_schema()),
    }
}

fn without_schema() -> TextFault {
    TextFault::NotAReport("it has no `schema`".to_owned())
}

/// Returns true for the schema of this version, and for those of later versions that only add to
/// it: `plimsoll.report/1.7`.
fn is_known(schema: &str) -> bool {
    let minor = schema
        .strip_prefix(SCHEMA)
        .and_then(|rest| rest.strip_prefix('.'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    schema == SCHEMA || minor.is_some_and(is_number)
}

/// Members of a report: its series as types, all others as JSON.
struct Parts {
    rest: Map<String, Value>,
    series: Vec<Series>,
}

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartsVisitor)
    }
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Parts, A::Error> {
        let (mut rest, mut series) = (Map::new(), None);
        while let Some(key) = members.next_key::<String>()? {
            if rest.contains_key(&key) || (key == "series" && series.is_some()) {
                return Err(twice(&key));
            }
            if key == "series" {
                series = Some(members.next_value()?);
            } else {
                rest.insert(key, members.next_value::<Unambiguous>()?.0);
            }
        }
        Ok(Parts {
            rest,
            series: series.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::report::begun;

    fn refused(text: &str) -> String {
        format!("{:?}", parse(text).unwrap_err())
    }

    #[test]
    fn figures_of_series_and_of_all_else_are_found_by_their_place() {
        let mut report = begun();
        report.summary.figures.insert("a/b_ratio".to_owned(), 0.5);
        let mut series = Series::new("cpu.busy_ratio").label("core/no", "0");
        series.push(7, Some(0.25));
        series.push(8, None);
        report.series.push(series);
        let read = parse(&report.to_json().unwrap()).unwrap();
        assert_eq!(read.report, report);
        for (pointer, value) in [
            ("/summary/figures/a~1b_ratio", Some(0.5.into())),
            ("/series/0/name", Some("cpu.busy_ratio".into())),
            ("/series/0/labels/core~1no", Some("0".into())),
            ("/series/0/mean/0", Some(0.25.into())),
            ("/series/0/at_ns/1", Some(8.into())),
            ("/series/0/mean/1", None),
            ("/series/0/mean/00", None),
            ("/series/0/mean", None),
            ("/series/1/mean/0", None),
            ("/series/0/mean/0/0", None),
            ("/summary/figures", None),
        ] {
            assert_eq!(
                value_at(&read.report, &read.json, pointer),
                value,
                "{pointer}"
            );
            let told = serde_json::to_value(&report)
                .unwrap()
                .pointer(pointer)
                .cloned();
            let single = told.filter(|v| !v.is_array() && !v.is_object() && !v.is_null());
            assert_eq!(
                value_at(&read.report, &read.json, pointer),
                single,
                "{pointer}"
            );
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_told_with_its_place() {
        let whole = begun().to_json().unwrap();
        let twice = whole.replacen("\"scenario\":", "\"run_id\": \"other\", \"scenario\":", 1);
        assert!(
            refused(&twice).contains("\\\"run_id\\\" is there twice"),
            "{}",
            refused(&twice)
        );
        let inside = whole.replacen("\"version\":", "\"name\": \"sysmon\", \"version\":", 1);
        assert!(
            refused(&inside).contains("tool: the key"),
            "{}",
            refused(&inside)
        );
        let series = whole.replacen("\"series\":", "\"series\": [], \"series\":", 1);
        assert!(refused(&series).contains("series"), "{}", refused(&series));
    }

    #[test]
    fn foreign_json_is_told_by_its_schema_whatever_else_is_in_it() {
        for text in [
            "{}",
            "[]",
            "[1, 2]",
            "null",
            "{\"series\": \"none\"}",
            "{\"metrics\": {\"http_reqs\": {\"type\": \"counter\"}}}",
            "{\"name\": \"shop\", \"name\": \"again\"}",
        ] {
            assert!(
                refused(text).starts_with("NotAReport"),
                "{text}: {}",
                refused(text)
            );
        }
        let other = "{\"series\": 1, \"schema\": \"plimsoll.assessment/1\"}";
        assert_eq!(refused(other), "Schema(\"plimsoll.assessment/1\")");
        assert!(
            refused("").starts_with("Truncated") && refused("{\"a\":").starts_with("Truncated")
        );
        assert!(refused(&"[".repeat(100_000)).contains("NotAReport"));
        let deep = format!("{{\"config\": {}", "{\"a\": ".repeat(100_000));
        assert!(
            refused(&deep).contains("recursion limit"),
            "{}",
            refused(&deep)
        );
    }

    #[test]
    fn later_minor_versions_are_read_and_later_major_ones_are_not() {
        let whole = begun().to_json().unwrap();
        let of = |schema: &str| whole.replace(SCHEMA, schema);
        for known in ["plimsoll.report/1.1", "plimsoll.report/1.25"] {
            assert_eq!(parse(&of(known)).unwrap().report.schema, known);
        }
        for unknown in [
            "plimsoll.report/2",
            "plimsoll.report/10",
            "plimsoll.report/1.",
            "plimsoll.report/1.x",
        ] {
            assert!(refused(&of(unknown)).starts_with("Schema"), "{unknown}");
        }
    }
}
