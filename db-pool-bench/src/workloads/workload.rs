//! Compiled mix of scripts, which all users of a step share.

use std::ops::Range;
use std::sync::Arc;

use load_engine::{Failure, OperationId, OperationTable};

use super::script_entry::{CompiledFrom, ScriptEntry};
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

/// Largest number of names of separately recorded statements in a report; the last name merges all
/// further statements.
const MOST_PARTS: usize = 32;
const OTHER_PARTS: &str = "other statements";
/// Longest name of a statement in reports, in characters, without the script's label and line;
/// longer names are cut.
const LONGEST_NAME: usize = 48;

/// Compiled workload that all users of a step execute.
#[derive(Debug)]
pub(crate) struct SqlWorkload {
    /// Largest number of executions of a script for one request, the first one included; repeats
    /// follow only serialization failures and deadlocks.
    pub(crate) max_tries: u64,
    /// Query protocol in which statements are sent.
    pub(crate) protocol: Protocol,
    /// Value of `search_path` for user scripts whose tables this program created; `None` for other
    /// workloads.
    pub(crate) search_path: Option<String>,
    pub(super) scripts: Vec<CompiledScript>,
    pub(super) total_weight: u32,
    pub(super) statements: Vec<Prepared>,
    /// Index of the statement ROLLBACK in `statements`; it is the last one.
    pub(super) rollback: usize,
    pub(super) variables: VariableTable,
    operations: OperationTable,
    parts: Vec<String>,
    /// Scripts, variables and seed from which the workload was compiled.
    pub(super) source: CompiledFrom,
}

/// Compiled script of a mix; its statements are in [`SqlWorkload::statements`].
#[derive(Debug)]
pub(super) struct CompiledScript {
    pub(super) file: String,
    pub(super) operation: OperationId,
    pub(super) weight: u32,
    /// Commands of the script. The text of its statements is in [`SqlWorkload::statements`].
    pub(super) program: Program,
    /// Index of the script's first statement in [`SqlWorkload::statements`].
    pub(super) first_statement: usize,
}

/// Statement of a script in the form in which it is sent; not necessarily prepared on the server.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// Text of the statement, with `$1`, `$2` … for the parameters; with `:name` under the simple
    /// protocol, which writes values into the text.
    pub(crate) sql: Arc<str>,
    /// Text of the statement without its values, shortened, which identifies the statement in
    /// failures.
    pub(crate) fingerprint: Arc<str>,
    /// Parameters of the statement in order, each with its variable slot, its type, and its
    /// position in the script.
    pub(super) parameters: Vec<(usize, ParameterType, Position)>,
    /// Byte ranges of the text that are replaced by values, each with the variable slot of its
    /// value.
    pub(super) substitutions: Vec<(Range<usize>, usize)>,
    /// Assignment of variables from the statement's rows (`\gset`, `\aset`); `None` if there is
    /// none.
    pub(super) capture: Option<Capture>,
    pub(super) effect: TransactionEffect,
    /// True if the text consists of several statements that are sent together.
    pub(super) joined: bool,
    /// Index of the statement's name in [`SqlWorkload::parts`]; `None` if the statement is not
    /// recorded separately.
    pub(super) part: Option<usize>,
}

impl Prepared {
    /// Iterates over the types of the statement's parameters, in the order of `$1`, `$2` ….
    pub(crate) fn kinds(&self) -> impl Iterator<Item = ParameterType> {
        self.parameters.iter().map(|(_, kind, _)| *kind)
    }
}

/// Reasons why a workload cannot run on a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkloadError {
    /// A script has an error; the server was not needed to find it.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The server refuses a statement of a script, for example because a table is missing.
    #[error("{error}")]
    Refused {
        /// Message of the server with the statement's file and place.
        error: ScriptError,
        /// Same refusal as a failure with its kind (`sqlstate.…`), from which a remedy is chosen.
        failure: Box<Failure>,
    },
    /// The server did not answer the request to verify a statement, or the connection failed.
    #[error("cannot have the server look at the statements of the workload: {0}")]
    Server(Box<Failure>),
}

/// Compiled mix whose parameters have no types yet; a server must infer them.
#[derive(Debug)]
pub(crate) struct WorkloadDraft {
    protocol: Protocol,
    source: CompiledFrom,
    programs: Vec<Program>,
    variables: VariableTable,
}

impl WorkloadDraft {
    /// Compiles `entries`, whose weights must be above zero, for `protocol`. `constants` are
    /// predefined variables, of which a later one replaces an earlier one of the same name. `seed`
    /// is the seed of the hash functions in scripts.
    ///
    /// # Errors
    /// Fails with the first error in a script and its place.
    pub(crate) fn new(
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

    /// Iterates over the statements of all scripts, in order, each with the path of the file that
    /// contains it.
    pub(crate) fn statements(&self) -> impl Iterator<Item = (&str, &ScriptStatement)> {
        let scripts = self.source.entries.iter().zip(&self.programs);
        scripts.flat_map(|(entry, program)| {
            let file = entry.source.file.as_str();
            program.statements.iter().map(move |s| (file, s))
        })
    }

    /// Has the server infer the parameter types of each statement, which executes nothing, and
    /// returns the finished workload. Under the simple protocol, whose statements are complete only
    /// when they are sent, nothing is verified.
    ///
    /// # Errors
    /// Fails with the statement that the server refuses and its place in the script, if a parameter
    /// has an unsupported type, or if the server does not answer.
    pub(crate) async fn verify(self, client: &Client) -> Result<SqlWorkload, WorkloadError> {
        self.verify_with(client, "").await
    }

    /// Works as [`WorkloadDraft::verify`], but executes the SQL text `settings` on the server
    /// first.
    ///
    /// # Errors
    /// Fails with the statement that the server refuses and its place in the script, if a parameter
    /// has an unsupported type, or if the server does not answer.
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

    /// Finishes the workload without a server. Parameters of its statements, if any, are dropped,
    /// so the statements must have none.
    pub(crate) fn without_parameters(self) -> SqlWorkload {
        self.finish(Vec::new())
    }

    /// Finishes the workload. `kinds` are the parameter types of each statement, in the order of
    /// [`WorkloadDraft::statements`]; missing entries count as no parameters.
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
            // If an operation is a single statement, that statement is not recorded separately.
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

/// Returns the name for reports of a statement that begins with `words`: the words without the
/// schema of this run, cut to 48 characters; `statement` if there are no words.
fn statement_name(words: &[String]) -> String {
    if words.is_empty() {
        return "statement".to_owned();
    }
    let words: Vec<&str> = words.iter().map(|word| without_run(word)).collect();
    words.join(" ").chars().take(LONGEST_NAME).collect()
}

/// Returns `word` without a leading schema name of this program (`plimsoll_…`), which differs from
/// run to run.
fn without_run(word: &str) -> &str {
    match word.rsplit_once('.') {
        Some((schema, table)) if schema.starts_with("plimsoll_") => table,
        _ => word,
    }
}

/// Returns the index of `name` in `parts`, appending it if needed. After `MOST_PARTS - 1` entries
/// every further name is replaced by one common name, so `parts` never exceeds [`MOST_PARTS`].
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
    /// Returns the table of the operations that the scripts count for, in the order of their first
    /// script.
    pub(crate) fn operations(&self) -> OperationTable {
        self.operations.clone()
    }

    /// Returns the names of the statements that are recorded separately within an operation;
    /// [`Prepared::part`] is an index into them.
    pub(crate) fn parts(&self) -> Vec<String> {
        self.parts.clone()
    }

    /// Returns the statements of all scripts in order, and ROLLBACK as the last one. Connections
    /// execute them by their index.
    pub(crate) fn statements(&self) -> &[Prepared] {
        &self.statements
    }

    /// Returns the statements that each connection must prepare before it is used: all of them
    /// under the protocol `prepared`, else none.
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
