//! pgbench's script language, as far as people use it: read once at the start, executed without
//! reading again.
//!
//! Meaning and formulas: PostgreSQL documentation, *pgbench*, section *Custom Scripts*. What
//! pgbench has beyond this is refused with the reason.

pub mod bind;
mod distribution;
mod expression;
mod function;
mod gather;
mod hash;
mod names;
mod parser;
mod place;
mod program;
mod refused;
pub(crate) mod scan;
mod statement;
#[cfg(test)]
mod tests;
mod token;
mod value;

pub use bind::{Bound, Kind};
pub use gather::Answer;
pub use place::{Fault, Place, ScriptError};
pub use statement::{Effect, Parameter, Statement};
pub use value::Value;

pub(crate) use gather::Gather;
pub(crate) use names::{CLIENT_ID, Names};
pub(crate) use program::{Command, Program};

use crate::protocol::Protocol;

/// A script as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What errors call it: its file, as given.
    pub file: String,
    /// What stands in it.
    pub text: String,
}

/// Compiles scripts that are mixed with each other, for sending by `protocol`: a variable that one
/// sets, the others see.
///
/// # Errors
/// Fails with what is wrong with one of them, and where.
pub(crate) fn compile(
    sources: &[Source],
    constants: &[(String, Value)],
    seed: u64,
    protocol: Protocol,
) -> Result<(Vec<Program>, Names), ScriptError> {
    let mut names = Names::new(constants, seed);
    let mut scanned = Vec::with_capacity(sources.len());
    for source in sources {
        let pieces = scan::pieces(&source.text).map_err(|fault| fault.of_file(&source.file))?;
        program::declare(&pieces, &mut names);
        scanned.push((source, pieces));
    }
    if scanned.iter().any(|(_, pieces)| program::gathers(pieces)) {
        // Which variables a query sets shows when it answers: any that is read may be one.
        for (_, pieces) in &scanned {
            program::declare_read(pieces, &mut names);
        }
    }
    let compiled = scanned.iter().map(|(source, pieces)| {
        Program::compile(pieces, &names, protocol).map_err(|fault| fault.of_file(&source.file))
    });
    let programs = compiled.collect::<Result<_, _>>()?;
    Ok((programs, names))
}
