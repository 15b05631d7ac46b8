//! The front door: runs the benches as one suite, with the machine recorded beside them, and
//! ends with what the analyzer says.
//!
//! Each tool runs as a process of its own, the way a user would run it by hand: what the suite
//! measures is what the tool measures, and a tool that dies takes nothing else with it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod cause;
pub mod child;
pub mod cli;
pub mod doctor;
pub mod list;
pub mod parts;
pub mod profile;
pub mod reach;
pub mod run_directory;
pub mod servers;
pub mod suite;
