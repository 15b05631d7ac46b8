//! Compiled mix of scripts, shared by all users of a step.

use std::ops::Range;
use std::sync::Arc;

use load_engine::{Failure, OperationId, OperationTable};

use super::workload_text::CompiledFrom;
use crate::connect::{InferredParameter, ParameterDescriber};
use crate::failure::from_wire;
use crate::protocol::Protocol;
use crate::remedy;
use crate::wire::WireError;
use pg_evidence::Client;
use pg_evidence::fingerprint;
use pgbench_script::{
    Capture, CompiledScripts, Diagnostic, ParameterType, Position, Program, ScriptError,
    ScriptSource, ScriptStatement, ScriptValue, TransactionEffect, VariableTable, compile,
};

/// Most statements of transactions that a report names; further ones are merged.
const MOST_PARTS: usize = 32;
const OTHER_PARTS: &str = "other statements";
/// Longest name of a statement in reports, in characters.
const LONGEST_NAME: usize = 48;

/// Script of a mix, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptEntry {
    /// Source text of the script.
    pub source: ScriptSource,
    /// Prefix of its statements' names.
    pub label: String,
    /// Operation that its executions count for; scripts may share one.
    pub operation: String,
    /// Weight relative to the other scripts.
    pub weight: u32,
}

/// Workload of all users of a step.
#[derive(Debug)]
pub struct SqlWorkload {
    /// Most tries of a script after serialization failures or deadlocks.
    pub(crate) max_tries: u64,
    /// Query protocol.
    pub(crate) protocol: Protocol,
    /// Search path of scripts on tables of this tool.
    pub(crate) search_path: Option<String>,
    pub(super) scripts: Vec<CompiledScript>,
    pub(super) total_weight: u32,
    pub(super) statements: Vec<Prepared>,
    /// Index of the ROLLBACK statement.
    pub(super) rollback: usize,
    pub(super) variables: VariableTable,
    operations: OperationTable,
    parts: Vec<String>,
    /// What it was compiled from.
    pub(super) source: CompiledFrom,
}

/// Compiled script of a mix.
#[derive(Debug)]
pub(super) struct CompiledScript {
    pub(super) file: String,
    pub(super) operation: OperationId,
    pub(super) weight: u32,
    /// Without its statements, which are in [`SqlWorkload::statements`].
    pub(super) program: Program,
    /// Index of its first statement among those of all scripts.
    pub(super) first_statement: usize,
}

/// Statement as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// Text with `$1`, `$2` … for its parameters, or `:name` where values are written into the
    /// text.
    pub(crate) sql: Arc<str>,
    /// Fingerprint that names it in failures.
    pub(crate) fingerprint: Arc<str>,
    /// Variable slot, type and position of each parameter.
    pub(super) parameters: Vec<(usize, ParameterType, Position)>,
    /// Ranges of the text that values replace, with the variable slot of each.
    pub(super) substitutions: Vec<(Range<usize>, usize)>,
    /// Variables that its rows set.
    pub(super) capture: Option<Capture>,
    pub(super) effect: TransactionEffect,
    /// True if several statements are sent together.
    pub(super) joined: bool,
    /// Index into [`SqlWorkload::parts`].
    pub(super) part: Option<usize>,
}

impl Prepared {
    /// Iterates over the types of its parameters, in order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = ParameterType> {
        self.parameters.iter().map(|(_, kind, _)| *kind)
    }
}

/// Reasons why a workload cannot run on a server.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A script is wrong.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The server refuses a statement.
    #[error("{error}")]
    Refused {
        /// The statement and the server's error.
        error: ScriptError,
        /// The error by kind.
        failure: Box<Failure>,
    },
    /// The server did not answer.
    #[error("cannot have the server look at the statements of the workload: {0}")]
    Server(Box<Failure>),
}

/// Compiled mix whose parameter types the server has yet to infer.
#[derive(Debug)]
pub struct WorkloadDraft {
    protocol: Protocol,
    source: CompiledFrom,
    programs: Vec<Program>,
    variables: VariableTable,
}

impl WorkloadDraft {
    /// Compiles `entries`, each of a weight above zero, for `protocol`; `constants` are predefined
    /// variables.
    ///
    /// # Errors
    /// Fails with the error in a script and its place.
    pub fn new(
        entries: Vec<ScriptEntry>,
        constants: &[(String, ScriptValue)],
        seed: u64,
        protocol: Protocol,
    ) -> Result<Self, ScriptError> {
        let sources: Vec<ScriptSource> = entries.iter().map(|entry| entry.source.clone()).collect();
        let CompiledScripts {
            programs,
            variables,
        } = compile(&sources, constants, seed, protocol.value_mode())?;
        Ok(Self {
            protocol,
            source: CompiledFrom {
                entries,
                constants: constants.to_vec(),
                seed,
            },
            programs,
            variables,
        })
    }

    /// Iterates over all statements, with the file of each.
    pub(crate) fn statements(&self) -> impl Iterator<Item = (&str, &ScriptStatement)> {
        let scripts = self.source.entries.iter().zip(&self.programs);
        scripts.flat_map(|(entry, program)| {
            let file = entry.source.file.as_str();
            program.statements.iter().map(move |s| (file, s))
        })
    }

    /// Has the server verify each statement, which changes nothing there. A statement with values
    /// in its text is complete only when it is sent, and is not verified.
    ///
    /// # Errors
    /// Fails with the statement that the server refuses and its place in the script.
    pub async fn verify(self, client: &Client) -> Result<SqlWorkload, WorkloadError> {
        self.verify_with(client, "").await
    }

    /// Verifies the statements after executing `settings`.
    ///
    /// # Errors
    /// Fails with the statement that the server refuses and its place in the script.
    pub(super) async fn verify_with(
        self,
        client: &Client,
        settings: &str,
    ) -> Result<SqlWorkload, WorkloadError> {
        if self.protocol.is_textual() {
            return Ok(self.without_parameters());
        }
        let unreached = |error| WorkloadError::Server(Box::new(from_wire(&error)));
        let beside = ParameterDescriber::beside(client, settings).await;
        let mut describer = beside.map_err(unreached)?;
        let kinds = self.kinds(&mut describer).await;
        describer.close().await;
        let kinds = kinds?;
        Ok(self.finish(kinds))
    }

    async fn kinds(
        &self,
        describer: &mut ParameterDescriber<'_>,
    ) -> Result<Vec<Vec<ParameterType>>, WorkloadError> {
        let mut kinds = Vec::new();
        for (file, statement) in self.statements() {
            kinds.push(kinds_of(describer, file, statement).await?);
        }
        Ok(kinds)
    }

    /// Finishes a workload without parameters, which needs no server.
    pub fn without_parameters(self) -> SqlWorkload {
        self.finish(Vec::new())
    }

    /// Finishes a workload whose statements have parameters of these types, each statement's in turn.
    pub(super) fn finish(self, kinds: Vec<Vec<ParameterType>>) -> SqlWorkload {
        let mut kinds = kinds.into_iter();
        let (mut operations, mut parts) = (Vec::<String>::new(), Vec::new());
        let (mut scripts, mut statements) = (Vec::new(), Vec::new());
        for (entry, mut program) in self.source.entries.iter().zip(self.programs) {
            let known = operations.iter().position(|name| *name == entry.operation);
            let operation = known.unwrap_or_else(|| {
                operations.push(entry.operation.clone());
                operations.len() - 1
            });
            let compiled = std::mem::take(&mut program.statements);
            scripts.push(CompiledScript {
                file: entry.source.file.clone(),
                operation: OperationId::nth(operation),
                weight: entry.weight,
                program,
                first_statement: statements.len(),
            });
            // A single statement is the operation itself.
            let apart = compiled.len() > 1;
            for statement in compiled {
                let kinds = kinds.next().unwrap_or_default();
                let name = statement_name(&statement.words);
                let name = format!("{}:{} {name}", entry.label, statement.position.line);
                let part = apart.then(|| part(&mut parts, name));
                statements.push(prepared(statement, kinds, part));
            }
        }
        let rollback = statements.len();
        statements.push(Prepared {
            sql: "ROLLBACK".into(),
            fingerprint: "ROLLBACK".into(),
            parameters: Vec::new(),
            substitutions: Vec::new(),
            capture: None,
            effect: TransactionEffect::Ends,
            joined: false,
            part: None,
        });
        SqlWorkload {
            max_tries: 1,
            protocol: self.protocol,
            search_path: None,
            total_weight: scripts
                .iter()
                .fold(0, |sum, script| sum.saturating_add(script.weight)),
            scripts,
            statements,
            rollback,
            variables: self.variables,
            operations: operations.into_iter().collect(),
            parts,
            source: self.source,
        }
    }
}

/// Returns the name of a statement that begins with `words`, for reports.
fn statement_name(words: &[String]) -> String {
    if words.is_empty() {
        return "statement".to_owned();
    }
    let words: Vec<&str> = words.iter().map(|word| without_run(word)).collect();
    words.join(" ").chars().take(LONGEST_NAME).collect()
}

/// Returns `word` without the name of a schema of ours, which is another one in each run.
fn without_run(word: &str) -> &str {
    match word.rsplit_once('.') {
        Some((schema, table)) if schema.starts_with("plimsoll_") => table,
        _ => word,
    }
}

/// Returns the index of `name` in `parts`, whose length is bounded.
fn part(parts: &mut Vec<String>, name: String) -> usize {
    let name = if parts.len() < MOST_PARTS - 1 {
        name
    } else {
        OTHER_PARTS.to_owned()
    };
    let known = parts.iter().position(|part| *part == name);
    known.unwrap_or_else(|| {
        parts.push(name);
        parts.len() - 1
    })
}

fn prepared(
    statement: ScriptStatement,
    kinds: Vec<ParameterType>,
    part: Option<usize>,
) -> Prepared {
    let parameters = statement.parameters.iter().zip(kinds);
    Prepared {
        sql: statement.sql.as_str().into(),
        fingerprint: fingerprint::fingerprint(&statement.sql).into(),
        parameters: parameters
            .map(|(p, kind)| (p.slot, kind, p.position))
            .collect(),
        substitutions: statement.substitutions,
        capture: statement.capture,
        effect: statement.effect,
        joined: statement.joined,
        part,
    }
}

async fn kinds_of(
    describer: &mut ParameterDescriber<'_>,
    file: &str,
    statement: &ScriptStatement,
) -> Result<Vec<ParameterType>, WorkloadError> {
    let inferred = match describer.parameters(&statement.sql).await {
        Ok(inferred) => inferred,
        Err(error) => return Err(refused(file, statement, &error)),
    };
    let kinds = inferred.into_iter().zip(&statement.parameters);
    let kinds = kinds.map(|(InferredParameter { type_name, parameter_type }, parameter)| {
        parameter_type.ok_or_else(|| {
            let message = format!(
                "the server wants a value of type {type_name} here, as which no number can be sent; make one in SQL, as in :n * interval '1 s'"
            );
            Diagnostic::new(parameter.position, message).in_file(file).into()
        })
    });
    kinds.collect()
}

fn refused(file: &str, statement: &ScriptStatement, error: &WireError) -> WorkloadError {
    let failure = Box::new(from_wire(error));
    let WireError::Server(told) = error else {
        return WorkloadError::Server(failure);
    };
    let place = match told.position {
        Some(position) => statement.origin(position),
        None => statement.position,
    };
    let message = format!(
        "the server refuses this statement: {}",
        remedy::full_message(&failure)
    );
    WorkloadError::Refused {
        error: Diagnostic::new(place, message).in_file(file),
        failure,
    }
}

impl SqlWorkload {
    /// Returns the operations of its scripts.
    pub(crate) fn operations(&self) -> OperationTable {
        self.operations.clone()
    }

    /// Returns the names of statements that are recorded apart within an operation.
    pub(crate) fn parts(&self) -> Vec<String> {
        self.parts.clone()
    }

    /// Returns all statements; connections execute them by index.
    pub(crate) fn statements(&self) -> &[Prepared] {
        &self.statements
    }

    /// Returns the statements that each connection prepares before use.
    pub(crate) fn prepared(&self) -> &[Prepared] {
        match self.protocol {
            Protocol::Prepared => &self.statements,
            Protocol::Simple | Protocol::Extended => &[],
        }
    }
}

impl std::fmt::Display for WorkloadDraft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for entry in &self.source.entries {
            writeln!(f, "-- {}, weight {}", entry.label, entry.weight)?;
            writeln!(f, "{}", entry.source.text.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
