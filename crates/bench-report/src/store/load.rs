//! Reading of reports and other JSON documents. Errors name the place of the fault in the
//! document.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::StoreError;
use crate::{Report, SCHEMA};

/// Reads a report from its file, of any schema version that this program knows.
///
/// # Errors
/// Fails if the file cannot be read, is truncated, is not a report, or has an unknown schema.
pub fn load(path: &Path) -> Result<Report, StoreError> {
    let value: serde_json::Value = load_json(path)?;
    let found = value.get("schema").and_then(serde_json::Value::as_str);
    match found {
        Some(SCHEMA) => serde_path_to_error::deserialize(value)
            .map_err(|e| not_a_report(path, at(&e.path().to_string(), e.inner()))),
        Some(other) => Err(StoreError::UnknownSchema {
            path: path.to_owned(),
            found: other.to_owned(),
            known: SCHEMA,
        }),
        None => Err(StoreError::NotAReport {
            path: path.to_owned(),
            reason: "it has no `schema`".to_owned(),
        }),
    }
}

/// Reads a JSON document of type `T` from its file. The error distinguishes a truncated document
/// from a wrong one.
///
/// # Errors
///
/// Fails if the file cannot be read, is truncated, or is not such a document. Does not check the
/// schema.
pub fn load_json<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let text = std::fs::read_to_string(path).map_err(|source| StoreError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut document = serde_json::Deserializer::from_str(&text);
    let read = serde_path_to_error::deserialize(&mut document).map_err(|e| {
        let place = e.path().to_string();
        (place, e.into_inner())
    });
    let whole = read.and_then(|value| {
        let rest = document.end().map_err(|e| (String::new(), e));
        rest.map(|()| value)
    });
    whole.map_err(|(place, e)| match e.classify() {
        serde_json::error::Category::Eof => StoreError::Truncated {
            path: path.to_owned(),
            line: e.line(),
        },
        serde_json::error::Category::Data => not_a_report(path, at(&place, &e)),
        _ => not_a_report(path, e.to_string()),
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

fn not_a_report(path: &Path, reason: String) -> StoreError {
    StoreError::NotAReport {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_what_it_must_be_is_named_with_its_place() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.json");
        let whole = include_str!("../../tests/golden/redis-bench.cache-1.json");
        let mut document: serde_json::Value = serde_json::from_str(whole).unwrap();
        document["steps"][1]["operations"]["get"]["attempted"] = "many".into();
        std::fs::write(&path, document.to_string()).unwrap();
        let said = load(&path).unwrap_err().to_string();
        let place = "x.json is not a Plimsoll report: steps[1].operations.get.attempted: ";
        assert!(
            said.contains(place) && said.ends_with("expected u64"),
            "{said}"
        );
        let said = load_json::<Report>(&path).unwrap_err().to_string();
        assert!(said.contains(place) && said.contains("line 1"), "{said}");
    }

    #[test]
    fn each_kind_of_bad_file_is_told_apart() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("r.json");
        assert!(matches!(load(&path), Err(StoreError::Read { .. })));
        let whole = include_str!("../../tests/golden/redis-bench.cache-1.json");
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(matches!(load(&path), Err(StoreError::Truncated { .. })));
        std::fs::write(&path, whole.replace("report/1", "report/99")).unwrap();
        assert!(matches!(load(&path), Err(StoreError::UnknownSchema { .. })));
        std::fs::write(&path, "{\"a\": 1}").unwrap();
        assert!(matches!(load(&path), Err(StoreError::NotAReport { .. })));
        std::fs::write(&path, "hello").unwrap();
        assert!(matches!(load(&path), Err(StoreError::NotAReport { .. })));
    }
}
