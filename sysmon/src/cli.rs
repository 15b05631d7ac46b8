//! Commands of `sysmon`.

use clap::{Parser, Subcommand};

#[cfg(feature = "export")]
use crate::export::{self, flags::ExportFlags};
use crate::mark::{self, MarkFlags};
use crate::record::{self, flags::RecordFlags};
use crate::show::{self, ShowFlags};
#[cfg(feature = "watch")]
use crate::watch::{self, cli::WatchFlags};

/// Records the machine while something else is measured.
#[derive(Debug, Parser)]
#[command(name = "sysmon", version, after_help = EXAMPLES)]
pub(crate) struct SysmonCli {
    /// Subcommand to run.
    #[command(subcommand)]
    pub(crate) action: SysmonCommand,
}

/// Subcommands of `sysmon`.
#[derive(Debug, Subcommand)]
pub(crate) enum SysmonCommand {
    /// Record CPU, memory, pressure, disks, network, GPUs and processes
    #[command(after_help = record::flags::EXAMPLES)]
    Record(Box<RecordFlags>),
    /// Show the machine's figures live on the terminal
    #[cfg(feature = "watch")]
    #[command(after_help = watch::cli::EXAMPLES)]
    #[command(mut_arg("interval", |arg| arg.help("Time between samples, 200ms or more")))]
    Watch(WatchFlags),
    /// Serve the machine's figures to Prometheus over HTTP
    #[cfg(feature = "export")]
    #[command(after_help = export::flags::EXAMPLES)]
    Export(ExportFlags),
    /// Show a recording as a table, CSV or JSON, or two side by side
    #[command(after_help = show::EXAMPLES)]
    Show(ShowFlags),
    /// Add a named mark to a recording in progress
    #[command(after_help = mark::EXAMPLES)]
    Mark(MarkFlags),
}

const EXAMPLES: &str = "\
Examples:
  sysmon watch                           this machine, live
  sysmon record -- make test             a recording of it around a command
  sysmon show reports/nightly            what was recorded
  sysmon show before after               two recordings side by side
  sysmon help record                     all about one command";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_fit_together() {
        SysmonCli::command().debug_assert();
    }
}
