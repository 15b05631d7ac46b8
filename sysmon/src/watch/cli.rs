//! Flags of `sysmon watch`.

use clap::Args;

use crate::follow::FollowOptions;
use crate::sampling_flags::BasicFlags;

/// Text below the flags in `--help`.
pub(crate) const EXAMPLES: &str = "\
Keys: q, Esc or Ctrl-C quit, ? help, / filter, space pause, c m i n p sort by CPU, memory, I/O, \
name or number. It needs a terminal of 60 columns and 16 lines or more; NO_COLOR is honoured.

Examples:
  sysmon watch
  sysmon watch --interval 200ms
  sysmon watch --follow postgres,port:6379     these and their descendants
  sysmon watch --fields io,threads             more columns, at their cost
  ssh -t db sysmon watch                       another host's terminal";

/// Flags of `sysmon watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchFlags {
    /// Flags that select what is sampled, and how often.
    #[command(flatten)]
    pub(crate) basic: BasicFlags,
}

impl WatchFlags {
    /// Returns options that follow every process and keep only its latest figures, with command
    /// lines.
    pub(crate) fn following(&self) -> FollowOptions {
        FollowOptions {
            live: true,
            command_lines: true,
            ..self.basic.following()
        }
    }
}
