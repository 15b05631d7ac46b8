//! The commands and flags of `sysmon`.

use std::ffi::OsString;
use std::time::Duration;

use bench_cli::flags::{self, OutputFlags};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Sampling faster than this would mostly measure itself.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// Processes kept with `--processes all`: beyond it the least are let go.
pub const ALL_PROCESSES: usize = 512;

/// Records the machine while something else is measured.
#[derive(Debug, Parser)]
#[command(name = "sysmon", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Record CPU, memory, pressure, disks, network, GPUs and processes
    #[command(after_help = RECORD_EXAMPLES)]
    Record(RecordFlags),
    /// Print shell completions or the manual page
    #[command(hide = true)]
    Generate {
        /// bash, zsh, fish or man
        what: String,
    },
}

const RECORD_EXAMPLES: &str = "\
Around a command stdout is the command's: the summary goes to stderr, and the exit code is the
command's own (128 + n when signal n killed it), 127 when there is no such program, 126 when it
cannot be run, 125 when sysmon itself failed.

Examples:
  sysmon record                          until Ctrl-C
  sysmon record --duration 30s
  sysmon record -- make test             around a command, whose exit code is handed on
  sysmon record --interval 100ms --processes none --output run.json";

/// Flags of `sysmon record`.
#[derive(Debug, Args)]
pub struct RecordFlags {
    /// Time between samples, 10ms or more
    #[arg(long, default_value = "1s", value_parser = interval, value_name = "TIME")]
    pub interval: Duration,

    /// How long to record; without it until Ctrl-C, or until the command ends
    #[arg(long, value_parser = flags::duration, value_name = "TIME")]
    #[arg(conflicts_with = "command")]
    pub duration: Option<Duration>,

    /// Which processes to record apart
    #[arg(long, value_enum, default_value_t)]
    pub processes: Processes,

    /// How many with --processes top: so many by CPU time and so many by memory
    #[arg(long, default_value = "10", value_parser = top, value_name = "N")]
    pub top: usize,

    /// Control group to record besides our own, as in system.slice/nginx.service (repeat it)
    #[arg(long = "cgroup", value_name = "PATH")]
    pub cgroups: Vec<String>,

    /// Count TCP sockets by state as well; dear with tens of thousands of connections
    #[arg(long)]
    pub sockets: bool,

    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputFlags,

    /// Command to record around, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Which processes are recorded apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Processes {
    /// None: cheapest.
    None,
    /// Those that use the most CPU and memory.
    #[default]
    Top,
    /// All, up to 512.
    All,
}

impl RecordFlags {
    /// How many processes to keep by CPU time and how many by memory; `None` to look at none.
    pub fn follow(&self) -> Option<usize> {
        match self.processes {
            Processes::None => None,
            Processes::Top => Some(self.top),
            Processes::All => Some(ALL_PROCESSES),
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = flags::duration(text)?;
    if interval < SHORTEST_INTERVAL {
        return Err(format!("{text} is too short; 10ms is the shortest"));
    }
    Ok(interval)
}

fn top(text: &str) -> Result<usize, String> {
    let count = flags::count(text)? as usize;
    if count > ALL_PROCESSES {
        return Err(format!("{text} is too many; {ALL_PROCESSES} is the most"));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_fit_together() {
        Cli::command().debug_assert();
    }
}
