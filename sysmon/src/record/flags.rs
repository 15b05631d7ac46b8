//! Flags of `sysmon record`.

use std::ffi::OsString;
use std::time::Duration;

use bench_cli::flags::{self, OutputFlags};
use clap::Args;

use crate::growth::GrowthThreshold;
use crate::sampling_flags::SamplingFlags;
use crate::stream::flags::RawFlags;

// Each paragraph is one line, because clap breaks lines at the width of the terminal.
pub(crate) const EXAMPLES: &str = "\
With a command, stdout belongs to the command, and the summary goes to stderr. The exit code is \
the command's own (128 + n if signal n killed it); 127 if the program does not exist, 126 if it \
cannot be run, 125 if sysmon itself failed.

Examples:
  sysmon record                                    until Ctrl-C
  sysmon record --duration 30s
  sysmon record -- make test                       exits with the command's code
  sysmon record --rotate-age 1h --keep 24          24 files of raw samples
  sysmon record --interval 100ms --processes none --output run.json
  sysmon record --follow postgres,redis-server --fields io,scheduler
  sysmon record --follow port:5432,pid:4711 --follow 'command:java .*shop'";

/// Flags of `sysmon record`.
#[derive(Debug, Args)]
pub(crate) struct RecordFlags {
    /// Flags that select what is sampled.
    #[command(flatten)]
    pub(crate) sampling: SamplingFlags,

    /// Length of the recording [default: until Ctrl-C, or until the command ends]
    #[arg(long, value_parser = flags::duration, value_name = "TIME")]
    #[arg(conflicts_with = "command")]
    pub(crate) duration: Option<Duration>,

    /// Do not record the command lines of processes [default: recorded, with secrets masked]
    #[arg(long)]
    pub(crate) no_command_lines: bool,

    /// Smallest growth of memory over the recording that is reported: a size, or a share of the
    /// first values, as in 10% [default: 50MB]
    #[arg(long, value_name = "SIZE|SHARE")]
    pub(crate) growth: Option<GrowthThreshold>,

    /// Flags that control raw samples.
    #[command(flatten)]
    pub(crate) raw: RawFlags,

    /// Flags of the report and its display.
    #[command(flatten)]
    pub(crate) output: OutputFlags,

    /// Command to record around, after `--`
    #[arg(last = true, value_name = "COMMAND", help_heading = "Arguments")]
    pub(crate) command: Vec<OsString>,
}
