//! `sysmon` records the machine while something else is measured. This library contains its
//! commands, and the recording of figures over time.
//!
//! The crate `host-metrics` reads the machine. Module `derive` converts counters to figures by the
//! table in `metric`, and `follow` follows the processes that use the most or that the user
//! selected. A [`recording`] stores figures in limited memory and writes them into a report, which
//! `show` reads. `marks` are named instants that another process adds to a recording.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_cmp
    )
)]

mod cli;
mod command;
mod derive;
#[cfg(feature = "export")]
mod export;
mod figure;
mod follow;
mod gpu;
mod growth;
mod growth_rule;
mod label_text;
mod mark;
mod marks;
mod masking;
mod metric;
mod own_cost;
mod points;
mod process_history;
mod record;
pub mod recording;
mod render;
mod rolling;
mod sampler;
mod sampling_flags;
mod saver;
mod series_store;
pub mod settings;
mod show;
mod signals;
mod spread;
mod stream;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod tick_schedule;
mod wall_clock;
#[cfg(feature = "watch")]
mod watch;

use std::process::ExitCode;

use crate::cli::{SysmonCli, SysmonCommand};

/// Parses the command line of the process, runs the command that it names, and returns the exit
/// code for `main`. Prints results and errors. Wrong usage ends the process.
pub fn run() -> ExitCode {
    let cli = bench_cli::parse::<SysmonCli>();
    let mut own_code = None;
    let code = bench_cli::run("sysmon", || match cli.action {
        SysmonCommand::Record(flags) => {
            let recorded = record::record(&flags);
            own_code = record::own_failure(&recorded, &flags);
            recorded
        }
        #[cfg(feature = "watch")]
        SysmonCommand::Watch(flags) => watch::watch(&flags),
        SysmonCommand::Show(flags) => show::show(&flags),
        SysmonCommand::Mark(flags) => mark::mark(&flags),
        #[cfg(feature = "export")]
        SysmonCommand::Export(flags) => export::export(&flags),
    });
    own_code.map_or(code, ExitCode::from)
}
