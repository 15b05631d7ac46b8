//! The front door: runs the benches as one suite, with the machine recorded beside them, and
//! ends with what the analyzer says.
//!
//! Each tool runs as a process of its own, the way a user would run it by hand: what the suite
//! measures is what the tool measures, and a tool that dies takes nothing else with it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod cli;
pub mod doctor;
mod failure_cause;
pub mod list;
mod profile;
mod run_directory;
mod run_parts;
mod server_check;
mod servers;
pub mod suite;
mod tool_process;
