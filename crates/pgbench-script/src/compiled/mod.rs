//! Compiled scripts: programs, their statements, and their execution.

pub(crate) mod compile;
pub(crate) mod execution;
pub(crate) mod parameter;
pub(crate) mod program;
pub(crate) mod statement;
pub(crate) mod statement_writer;
pub(crate) mod transaction;
