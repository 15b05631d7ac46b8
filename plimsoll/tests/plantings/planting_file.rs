//! Reading of the files in `causes`: one planting each, with its severities, its removal and its
//! placeholders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use crate::planting::{Planting, Severity};

/// File of one planting.
#[derive(Debug, Clone)]
pub(crate) struct PlantingFile {
    /// Path within `causes` without its extension, for example `postgres/hot-row`.
    pub(crate) id: String,
    /// Digest of the file's text: a trial of another text is not a trial of this planting.
    pub(crate) digest: String,
    pub(crate) severities: Vec<Severity>,
    /// True if the file says how to take the cause away.
    pub(crate) is_removable: bool,
    without: Removal,
    body: Table,
}

/// Removal of the cause: values in place of the severity's, and whether the disturbances stay.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    #[serde(default)]
    values: BTreeMap<String, Value>,
    #[serde(default = "yes")]
    beside: bool,
}

fn yes() -> bool {
    true
}

/// Reads all files of plantings, in the order of their ids. Panics with the path of a file that is
/// not valid.
pub(crate) fn all() -> Vec<PlantingFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plantings/causes");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let id = path.strip_prefix(&root).unwrap().with_extension("");
        PlantingFile::parse(&id.display().to_string(), &text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().map(read).collect()
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
}

impl PlantingFile {
    /// Parses the text of a file, and checks that every severity, with the cause and without it,
    /// gives a valid planting.
    ///
    /// # Errors
    /// Fails with a sentence that names what is wrong.
    pub(crate) fn parse(id: &str, text: &str) -> Result<Self, String> {
        let mut body: Table = toml::from_str(text).map_err(|error| error.to_string())?;
        let severities = body.remove("severity").ok_or("no severity")?;
        let severities: Vec<Severity> = severities
            .try_into()
            .map_err(|e: toml::de::Error| e.to_string())?;
        let without = body.remove("without");
        let file = Self {
            id: id.to_owned(),
            digest: digest(text),
            is_removable: without.is_some(),
            without: match without {
                Some(table) => table
                    .try_into()
                    .map_err(|e: toml::de::Error| e.to_string())?,
                None => Removal::default(),
            },
            severities,
            body,
        };
        for severity in &file.severities {
            file.with(severity)?;
            file.without(severity)?;
        }
        Ok(file)
    }

    /// Returns the planting with one severity.
    ///
    /// # Errors
    /// Fails with a sentence if a placeholder has no value, or the planting is not valid.
    pub(crate) fn with(&self, severity: &Severity) -> Result<Planting, String> {
        self.filled(&severity.values)
    }

    /// Returns the same load on the same server without the cause.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub(crate) fn without(&self, severity: &Severity) -> Result<Planting, String> {
        let mut values = severity.values.clone();
        values.extend(self.without.values.clone());
        let mut planting = self.filled(&values)?;
        if !self.without.beside {
            planting.beside.clear();
        }
        Ok(planting)
    }

    fn filled(&self, values: &BTreeMap<String, Value>) -> Result<Planting, String> {
        let mut body = Value::Table(self.body.clone());
        fill(&mut body, values);
        if let Some(text) = left(&body) {
            return Err(format!("a placeholder without a value: {text}"));
        }
        body.try_into()
            .map_err(|error: toml::de::Error| error.to_string())
    }
}

/// Puts the values in place of the placeholders. A text that is a placeholder and nothing else
/// becomes the value itself, with its type.
fn fill(body: &mut Value, values: &BTreeMap<String, Value>) {
    match body {
        Value::String(text) => {
            for (name, value) in values {
                let placeholder = format!("${{{name}}}");
                if *text == placeholder {
                    *body = value.clone();
                    return;
                }
                let plain = match value {
                    Value::String(value) => value.clone(),
                    other => other.to_string(),
                };
                *text = text.replace(&placeholder, &plain);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|entry| fill(entry, values)),
        Value::Table(table) => table.iter_mut().for_each(|(_, entry)| fill(entry, values)),
        _ => {}
    }
}

/// Returns a text in which a placeholder is left.
fn left(body: &Value) -> Option<&str> {
    match body {
        Value::String(text) => text.contains("${").then_some(text),
        Value::Array(list) => list.iter().find_map(left),
        Value::Table(table) => table.iter().find_map(|(_, entry)| left(entry)),
        _ => None,
    }
}

/// Returns the FNV-1a hash of a text, 64 bits in hexadecimal.
pub(crate) fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
        name = 'a lock'
        group = 'tests'
        finding = { rule = 'lock_waits', things = ['${key}'], figure = 'response_time' }
        [load]
        tool = 'db-pool-bench'
        arguments = 'sweep'
        users = '${users}'
        script = 'SELECT ${key}, ${held}'
        [[beside]]
        kind = 'quota'
        cores = 1.5
        [[severity]]
        name = 'mild'
        share = 0.5
        tolerance = 0.1
        values = { key = 42, users = 2, held = '5 ms' }
        [without]
        values = { held = '0 ms' }
        beside = false
    ";

    #[test]
    fn placeholders_are_filled_with_the_severity_s_values_and_those_of_the_removal() {
        let file = PlantingFile::parse("tests/a-lock", FILE).unwrap();
        let severity = &file.severities[0];
        let with = file.with(severity).unwrap();
        assert_eq!(with.load.users, Some(2));
        assert_eq!(with.load.script, "SELECT 42, 5 ms");
        assert_eq!(with.finding.things, ["42"]);
        assert_eq!(with.beside.len(), 1);
        let without = file.without(severity).unwrap();
        assert_eq!(without.load.script, "SELECT 42, 0 ms");
        assert_eq!(without.beside, []);
    }

    #[test]
    fn a_placeholder_without_a_value_and_an_unknown_field_are_refused() {
        let lacking = FILE.replace("key = 42, ", "");
        let error = PlantingFile::parse("x", &lacking).unwrap_err();
        assert!(error.contains("${key}"), "{error}");
        let unknown = FILE.replace("users = '${users}'", "user = 3");
        let error = PlantingFile::parse("x", &unknown).unwrap_err();
        assert!(error.contains("user"), "{error}");
    }
}
