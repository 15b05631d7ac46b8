//! Scripts in [pgbench's language](https://www.postgresql.org/docs/current/pgbench.html): compiled
//! once, executed any number of times without parsing again.
//!
//! The crate opens no connection. [`compile`] turns scripts into a [`Program`] each;
//! [`Program::advance`] executes the backslash commands and hands each SQL statement to the caller,
//! who sends it with the driver of their choice:
//!
//! ```
//! use pgbench_script::{Action, ScriptSource, ValueMode, compile};
//! use rand::{SeedableRng as _, rngs::SmallRng};
//!
//! let source = ScriptSource {
//!     file: "transfer.sql".to_owned(),
//!     text: "\\set id random(1, 10)\nSELECT balance FROM accounts WHERE id = :id;".to_owned(),
//! };
//! let scripts = compile(&[source], &[], 42, ValueMode::Bind)?;
//! let program = &scripts.programs[0];
//! let mut variables = scripts.variables.client(0);
//! let mut random = SmallRng::seed_from_u64(42);
//! let mut next = 0;
//! while let Some(action) = program.advance(&mut next, &mut variables, &mut random)? {
//!     if let Action::Statement(index) = action {
//!         let statement = &program.statements[index];
//!         assert_eq!(statement.sql, "SELECT balance FROM accounts WHERE id = $1");
//!         let parameter = &statement.parameters[0];
//!         println!("$1 = {}", variables.require(parameter.slot, parameter.position)?);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Semantics and formulas follow the PostgreSQL manual, *pgbench*, section *Custom Scripts*.
//! Commands of pgbench that are not supported are refused with the reason and their position.

mod bind;
mod capture;
mod diagnostic;
mod distribution;
mod execution;
mod expression;
mod function;
mod hash;
mod meta_command;
mod operator;
mod parser;
mod program;
mod scanner;
mod statement;
mod statement_writer;
#[cfg(test)]
mod tests;
mod token;
mod transaction;
mod unsupported;
mod value;
mod variable_table;
mod variables;

pub use bind::{BindError, BoundValue, ParameterType};
pub use capture::{Capture, StatementResult};
pub use diagnostic::{Diagnostic, Position, ScriptError};
pub use execution::Action;
pub use program::Program;
pub use scanner::is_single_statement;
pub use statement::{ScriptParameter, ScriptStatement};
pub use transaction::TransactionEffect;
pub use value::ScriptValue;
pub use variable_table::VariableTable;
pub use variables::Variables;

/// Text of a script and the name that errors give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptSource {
    /// Name in error messages, as in `transfer.sql`.
    pub file: String,
    /// Content of the script.
    pub text: String,
}

/// Way in which the values of variables get into statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueMode {
    /// As bind parameters, `$1` and so on: `pgbench --protocol extended` and `prepared`.
    #[default]
    Bind,
    /// As text in place of `:name`: `pgbench --protocol simple`. Only here statements can be
    /// joined by `\;`, and `\gset` and `\aset` are understood.
    Inline,
}

/// Compiled scripts of one mix.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledScripts {
    /// One program for each source, in the same order.
    pub programs: Vec<Program>,
    /// Variables of all programs.
    pub variables: VariableTable,
}

/// Compiles scripts that one client executes in turn: a variable set by one script is visible to
/// the others. `constants` are set before the first script begins, as with `pgbench --define`;
/// `seed` becomes `:random_seed` and `:default_seed`, of which the lowest 53 bits count.
///
/// # Errors
/// Fails at the first mistake in any of the scripts, with file, line and column.
pub fn compile(
    sources: &[ScriptSource],
    constants: &[(String, ScriptValue)],
    seed: u64,
    mode: ValueMode,
) -> Result<CompiledScripts, ScriptError> {
    let mut variables = VariableTable::new(constants, seed);
    let mut scanned = Vec::with_capacity(sources.len());
    for source in sources {
        let commands = scanner::split_commands(&source.text)
            .map_err(|diagnostic| diagnostic.in_file(&source.file))?;
        meta_command::declare_assigned(&commands, &mut variables);
        scanned.push((source, commands));
    }
    if scanned
        .iter()
        .any(|(_, commands)| meta_command::has_capture(commands))
    {
        // The columns of a result are known only when the query answers: any variable that is
        // read may be set by one.
        for (_, commands) in &scanned {
            meta_command::declare_read(commands, &mut variables);
        }
    }
    let compiled = scanned.iter().map(|(source, commands)| {
        Program::compile(commands, &variables, mode)
            .map_err(|diagnostic| diagnostic.in_file(&source.file))
    });
    let programs = compiled.collect::<Result<_, _>>()?;
    Ok(CompiledScripts {
        programs,
        variables,
    })
}
