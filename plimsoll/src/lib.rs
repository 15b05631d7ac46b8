//! Runs the benches as one suite while the machine is recorded, then shows the analyzer's findings.
//!
//! Each tool runs as a process of its own, as a user would run it: the suite measures exactly what the tool
//! measures, and a tool that crashes does not affect the others.
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
