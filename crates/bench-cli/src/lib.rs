//! Parts that all programs share: flags, progress, output, signals, exit codes.
//!
//! Results go to stdout, progress and errors to stderr. A terminal gets progress bars and tables, a
//! pipe gets plain lines. Secrets are masked in everything shown. This crate opens no sockets.
//!
//! A binary's `main` is then:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! #[derive(clap::Parser)]
//! struct Cli {
//!     #[command(flatten)]
//!     output: bench_cli::flags::OutputFlags,
//! }
//!
//! fn main() -> ExitCode {
//!     let cli: Cli = bench_cli::parse();
//!     bench_cli::run("a-bench", || {
//!         bench_cli::output::print(&format!("quiet: {}\n", cli.output.quiet))?;
//!         Ok(bench_cli::Exit::Done)
//!     })
//! }
//! ```
#![cfg_attr(test, allow(clippy::float_cmp))]

#[cfg(feature = "load")]
pub mod bench;
#[cfg(feature = "load")]
pub mod blocking;
mod command_line;
mod exit;
pub mod flags;
mod generate;
#[cfg(feature = "load")]
mod host_schedule;
#[cfg(feature = "load")]
pub mod host_worker;
#[cfg(feature = "load")]
pub mod load;
mod logging;
mod objective;
pub mod output;
pub mod progress;
#[cfg(feature = "load")]
mod rates;
#[cfg(feature = "load")]
mod scenario;
mod screen;
#[cfg(feature = "load")]
pub mod settings;
pub mod signals;
pub mod table;
pub mod terminal_text;

#[cfg(feature = "load")]
pub mod workers;

pub use command_line::{parse, parse_words};
pub use exit::{Exit, Interrupted, Remedy, UsageError, explain, run};
pub use logging::verbose_flag;
pub use objective::Objective;
#[cfg(feature = "load")]
pub use rates::{
    find_rate::FindRateFlags,
    rate_finder::{RateFinder, RateStep},
    rate_text::found_rates,
};
#[cfg(feature = "load")]
pub use scenario::{Scenario, ScenarioName, run_scenario};
pub use screen::{HeldLines, hold_lines, show};
