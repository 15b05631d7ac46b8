//! Serializable workload with its parameter types. From it another process compiles the same
//! workload without a server.

use pgbench_script::{ParameterType, ScriptError, ScriptSource, ScriptValue};
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;

use super::script_entry::ScriptEntry;
use super::workload::{SqlWorkload, WorkloadDraft};
use crate::protocol::Protocol;

/// Serializable form of a compiled workload: scripts, predefined variables, seed, protocol, number
/// of tries, search path, and the parameter types that a server inferred. Another process compiles
/// it without a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkloadText {
    scripts: Vec<ScriptText>,
    constants: Vec<(String, ConstantText)>,
    seed: u64,
    protocol: Protocol,
    max_tries: u64,
    search_path: Option<String>,
    /// Parameter types of each statement, as object ids of PostgreSQL, in the order of the
    /// statements over all scripts.
    parameters: Vec<Vec<u32>>,
}

/// Serializable form of one script of a mix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ScriptText {
    file: String,
    text: String,
    label: String,
    operation: String,
    weight: u32,
}

/// Value of a predefined variable; a floating-point number is stored as its bits, so that it stays
/// exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConstantText {
    Null,
    Boolean(bool),
    Integer(i64),
    DoubleBits(u64),
}

impl WorkloadText {
    /// Returns the serializable form of `workload`.
    pub(crate) fn new(workload: &SqlWorkload) -> Self {
        let source = &workload.source;
        let constants = source.constants.iter();
        // The last statement is the rollback, which is not part of the scripts.
        let statements = workload.statements()[..workload.rollback].iter();
        Self {
            scripts: source.entries.iter().map(ScriptText::new).collect(),
            constants: constants
                .map(|(name, value)| (name.clone(), ConstantText::new(*value)))
                .collect(),
            seed: source.seed,
            protocol: workload.protocol,
            max_tries: workload.max_tries,
            search_path: workload.search_path.clone(),
            parameters: statements
                .map(|statement| statement.kinds().map(ParameterType::oid).collect())
                .collect(),
        }
    }

    /// Compiles the same workload again, without a server.
    ///
    /// # Errors
    /// Fails if a script does not compile, which cannot happen for a text from
    /// [`WorkloadText::new`].
    pub(crate) fn compile(self) -> Result<SqlWorkload, ScriptError> {
        let entries = self.scripts.into_iter().map(ScriptText::entry).collect();
        let constants: Vec<(String, ScriptValue)> = self
            .constants
            .into_iter()
            .map(|(name, value)| (name, value.value()))
            .collect();
        let draft = WorkloadDraft::new(entries, &constants, self.seed, self.protocol)?;
        let kinds = |oids: Vec<u32>| oids.into_iter().filter_map(parameter_type).collect();
        let mut workload = draft.finish(self.parameters.into_iter().map(kinds).collect());
        workload.max_tries = self.max_tries;
        workload.search_path = self.search_path;
        Ok(workload)
    }
}

fn parameter_type(oid: u32) -> Option<ParameterType> {
    ParameterType::from_postgres(&Type::from_oid(oid)?)
}

impl ScriptText {
    fn new(entry: &ScriptEntry) -> Self {
        Self {
            file: entry.source.file.clone(),
            text: entry.source.text.clone(),
            label: entry.label.clone(),
            operation: entry.operation.clone(),
            weight: entry.weight,
        }
    }

    fn entry(self) -> ScriptEntry {
        ScriptEntry {
            source: ScriptSource {
                file: self.file,
                text: self.text,
            },
            label: self.label,
            operation: self.operation,
            weight: self.weight,
        }
    }
}

impl ConstantText {
    fn new(value: ScriptValue) -> Self {
        match value {
            ScriptValue::Null => Self::Null,
            ScriptValue::Boolean(value) => Self::Boolean(value),
            ScriptValue::Integer(value) => Self::Integer(value),
            ScriptValue::Double(value) => Self::DoubleBits(value.to_bits()),
        }
    }

    fn value(self) -> ScriptValue {
        match self {
            Self::Null => ScriptValue::Null,
            Self::Boolean(value) => ScriptValue::Boolean(value),
            Self::Integer(value) => ScriptValue::Integer(value),
            Self::DoubleBits(bits) => ScriptValue::Double(f64::from_bits(bits)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::workload::Prepared;

    #[test]
    fn a_workload_compiled_from_its_text_is_the_same_to_the_last_statement() {
        let entry = |label: &str, text: &str| ScriptEntry {
            source: ScriptSource {
                file: format!("{label}.sql"),
                text: text.to_owned(),
            },
            label: label.to_owned(),
            operation: label.to_owned(),
            weight: 3,
        };
        let buy = "\\set n random(1, 9)\nBEGIN;\nUPDATE t SET a = :n WHERE b = :share;\nEND;\n";
        let entries = vec![entry("read", "SELECT :scale;\n"), entry("buy", buy)];
        let constants = [
            ("scale".to_owned(), ScriptValue::Integer(7)),
            ("share".to_owned(), ScriptValue::Double(0.1 + 0.2)),
            ("none".to_owned(), ScriptValue::Null),
        ];
        let draft = WorkloadDraft::new(entries, &constants, 5, Protocol::Prepared).unwrap();
        let (int, float) = (ParameterType::Int4, ParameterType::Float8);
        let kinds = vec![vec![int], vec![], vec![int, float], vec![]];
        let mut workload = draft.finish(kinds);
        (workload.max_tries, workload.search_path) = (4, Some("shop,public".to_owned()));
        let text = WorkloadText::new(&workload);
        let sent = serde_json::to_string(&text).unwrap();
        let got: WorkloadText = serde_json::from_str(&sent).unwrap();
        assert_eq!(got, text);
        let compiled = got.compile().unwrap();
        assert_eq!(WorkloadText::new(&compiled), text);
        let programs = |one: &SqlWorkload| format!("{:?} {:?}", one.scripts, one.statements);
        assert_eq!(programs(&compiled), programs(&workload));
        assert_eq!(compiled.parts(), workload.parts());
        let statements = compiled.statements().iter();
        let kinds: Vec<ParameterType> = statements.flat_map(Prepared::kinds).collect();
        assert_eq!(kinds, [int, int, float]);
    }
}
