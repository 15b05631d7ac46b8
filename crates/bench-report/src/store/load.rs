//! Reading of reports and other JSON documents. Errors name the place of the fault in the
//! document.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::document::{self, ReportDocument, TextFault};
use super::{StoreError, file_text};
use crate::{Report, SCHEMA};

/// Reads a report from its file, of any schema version that this program knows.
///
/// # Errors
/// Fails in the same cases as [`load_document`].
pub fn load(path: &Path) -> Result<Report, StoreError> {
    load_document(path).map(|document| document.report)
}

/// Reads a report from its file, together with its JSON. Later minor versions of the schema are
/// read as far as they are known.
///
/// # Errors
/// Fails if the file cannot be read, is not a regular file, is too large, is truncated, is not a
/// report, or has an unknown schema.
pub fn load_document(path: &Path) -> Result<ReportDocument, StoreError> {
    document::parse(&file_text::read(path)?).map_err(|fault| in_file(path, fault))
}

/// Reads a JSON document of type `T` from its file. The error distinguishes a truncated document
/// from a wrong one.
///
/// # Errors
///
/// Fails if the file cannot be read, is not a regular file, is too large, is truncated, or is not
/// such a document. Does not check the schema.
pub fn load_json<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    document::json(&file_text::read(path)?).map_err(|fault| in_file(path, fault))
}

/// Returns true if the beginning of the file at `path` names the schema of a report, also if the
/// file cannot be read as one. False if the file cannot be read at all.
pub fn begins_as_report(path: &Path) -> bool {
    file_text::beginning(path).is_ok_and(|text| text.contains("plimsoll.report/"))
}

fn in_file(path: &Path, fault: TextFault) -> StoreError {
    let path = path.to_owned();
    match fault {
        TextFault::Truncated(line) => StoreError::Truncated { path, line },
        TextFault::Schema(found) => StoreError::UnknownSchema {
            path,
            found,
            known: SCHEMA,
        },
        TextFault::NotAReport(reason) => StoreError::NotAReport { path, reason },
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
