//! Check of a document by a JSON schema file alone, as a program in another language would do it.

use std::path::Path;

use boon::{Compiler, Schemas, ValidationError};
use serde_json::Value;

/// Returns the violations of the schema in the file `schema` by `document`, each with its place in
/// the document and the rule; empty if it is valid.
pub(crate) fn faults(schema: &Path, document: &Value) -> Vec<String> {
    let mut schemas = Schemas::new();
    let schema = Compiler::new().compile(schema.to_str().unwrap(), &mut schemas);
    let mut faults = Vec::new();
    if let Err(fault) = schemas.validate(document, schema.unwrap()) {
        gather(&fault, &mut faults);
    }
    faults
}

/// Collects the causes at the leaves of the tree of errors into `faults`; those above only say
/// that there are some.
fn gather(fault: &ValidationError<'_, '_>, faults: &mut Vec<String>) {
    if fault.causes.is_empty() {
        faults.push(format!("{}: {}", fault.instance_location, fault.kind));
    }
    for cause in &fault.causes {
        gather(cause, faults);
    }
}
