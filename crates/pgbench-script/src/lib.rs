//! Scripts in [pgbench's language](https://www.postgresql.org/docs/current/pgbench.html): compiled
//! once, executed any number of times without parsing again.
//!
//! The crate opens no connection. [`compile()`] turns scripts into a [`Program`] each;
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

mod compiled;
mod language;
#[cfg(test)]
mod tests;
mod values;

pub use compiled::{
    compile::{CompiledScripts, compile},
    execution::Action,
    parameter::ScriptParameter,
    program::Program,
    statement::ScriptStatement,
    transaction::TransactionEffect,
};
pub use language::{
    diagnostic::{Diagnostic, Position, ScriptError},
    scanner::is_single_statement,
    source::{ScriptSource, ValueMode},
};
pub use values::{
    bind::{BindError, BoundValue, ParameterType},
    capture::{Capture, StatementResult},
    value::ScriptValue,
    variable_table::VariableTable,
    variables::Variables,
};
