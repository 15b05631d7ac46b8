//! Language of the scripts: tokens, expressions, functions and commands.

pub(crate) mod diagnostic;
pub(crate) mod distribution;
pub(crate) mod expression;
pub(crate) mod function;
pub(crate) mod hash;
pub(crate) mod meta_command;
pub(crate) mod operator;
pub(crate) mod parser;
pub(crate) mod scanner;
pub(crate) mod source;
pub(crate) mod token;
pub(crate) mod unsupported;
