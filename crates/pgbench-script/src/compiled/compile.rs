//! Compilation of the pgbench scripts of a mix.

use crate::compiled::program::Program;
use crate::language::diagnostic::ScriptError;
use crate::language::meta_command;
use crate::language::scanner::split_commands;
use crate::language::source::{ScriptSource, ValueMode};
use crate::values::value::ScriptValue;
use crate::values::variable_table::VariableTable;

/// Compiled pgbench scripts of one mix, with the variables that they share.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledScripts {
    /// Programs of the scripts, in the order of the sources.
    pub programs: Vec<Program>,
    /// Variables of all programs, which share them.
    pub variables: VariableTable,
}

/// Compiles pgbench scripts that one client executes in turn; a variable that one script sets is
/// visible to the others. `constants` are set before the first script begins, as with `pgbench
/// --define`. The lowest 53 bits of `seed` become `:random_seed` and `:default_seed`. `mode` says
/// whether values are bound or written into the statements.
///
/// # Errors
/// Returns the first mistake in any of the scripts, with file, line and column.
pub fn compile(
    sources: &[ScriptSource],
    constants: &[(String, ScriptValue)],
    seed: u64,
    mode: ValueMode,
) -> Result<CompiledScripts, ScriptError> {
    let mut variables = VariableTable::new(constants, seed);
    let mut scanned = Vec::with_capacity(sources.len());
    for source in sources {
        let commands =
            split_commands(&source.text).map_err(|diagnostic| diagnostic.in_file(&source.file))?;
        meta_command::declare_assigned(&commands, &mut variables);
        scanned.push((source, commands));
    }
    if scanned
        .iter()
        .any(|(_, commands)| meta_command::has_capture(commands))
    {
        // The columns of a result are known only once the query was executed, so any variable that
        // is read may be set by one.
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
