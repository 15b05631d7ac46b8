//! Flags that select what is sampled, for all commands that sample the machine.

use std::time::Duration;

use bench_cli::flags;
use clap::{Args, ValueEnum};
use host_metrics::source::process::ProcessFields;

use crate::follow::{FollowOptions, ProcessTarget};
use crate::masking;

/// Shortest interval between samples; at shorter ones, sampling would mostly measure itself.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// Largest number of processes that `--processes all` records; those that use the least CPU time
/// and memory are left out.
pub(crate) const ALL_PROCESSES: usize = 512;

/// Flags of every command that samples the machine: the interval, and the processes to follow.
#[derive(Debug, Args)]
pub(crate) struct BasicFlags {
    /// Time between samples, 10ms or more
    #[arg(long, default_value = "1s", value_parser = interval, value_name = "TIME")]
    pub(crate) interval: Duration,

    /// Processes that are always recorded, with their descendants and a total: a name, pid:N,
    /// port:N (the process that listens there) or command:REGEX
    #[arg(long, value_name = "WHO,...", value_delimiter = ',', value_parser = masking::target)]
    pub(crate) follow: Vec<ProcessTarget>,

    /// Groups of figures to read of each process in addition to CPU time and memory; each group
    /// costs time at every sample
    #[arg(long, value_name = "GROUP,...", value_enum, value_delimiter = ',')]
    pub(crate) fields: Vec<FieldGroup>,
}

/// Flags of the commands that record or export samples.
#[derive(Debug, Args)]
pub(crate) struct SamplingFlags {
    /// Interval and processes to follow.
    #[command(flatten)]
    pub(crate) basic: BasicFlags,

    /// Processes to record individually [default: top, or none with --follow]
    #[arg(long, value_enum)]
    pub(crate) processes: Option<ProcessChoice>,

    /// Number of processes for --processes top: this many by CPU time, this many by memory, and in a recording
    /// with --fields io this many by disk transfers
    #[arg(long, default_value = "10", value_parser = top, value_name = "N")]
    pub(crate) top: usize,

    /// Control groups to record in addition to sysmon's own: a path as in
    /// system.slice/nginx.service, a pattern as in 'app-*', a systemd unit, or a container's id
    /// (repeat it for several)
    #[arg(long = "cgroup", value_name = "PATH")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) cgroups: Vec<String>,

    /// Also count TCP sockets by state; expensive with tens of thousands of connections
    #[arg(long)]
    pub(crate) sockets: bool,
}

/// Choice of the processes that are recorded individually.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProcessChoice {
    /// No process except those of --follow, which costs least.
    None,
    /// The processes that use the most CPU time, and those that use the most memory.
    Top,
    /// All processes, up to 512.
    All,
}

/// Group of figures that is read of each recorded process on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FieldGroup {
    /// CPU time of children that have exited.
    Children,
    /// Minor and major page faults.
    Faults,
    /// Number of threads.
    Threads,
    /// Bytes read and written, on disks and in all.
    Io,
    /// Number of open file descriptors. From Linux 6.2 on it is always read for processes that are
    /// followed or among the top.
    Descriptors,
    /// Time waited for a CPU, and context switches.
    Scheduler,
    /// Memory in swap.
    Swap,
    /// Memory in which each shared page is divided among its users (PSS); expensive to read.
    Pss,
    /// All groups except pss.
    All,
}

impl SamplingFlags {
    /// Returns the choice of `--processes`; without that flag, `Top`, or `None` if `--follow` is
    /// given.
    pub(crate) fn processes(&self) -> ProcessChoice {
        self.processes.unwrap_or(if self.basic.follow.is_empty() {
            ProcessChoice::Top
        } else {
            ProcessChoice::None
        })
    }

    /// Returns the processes to follow and the figures to read of each; `None` if no process is
    /// sampled. `command_lines` is true if command lines are recorded.
    pub(crate) fn following(&self, command_lines: bool) -> Option<FollowOptions> {
        let most = match self.processes() {
            ProcessChoice::None => 0,
            ProcessChoice::Top => self.top,
            ProcessChoice::All => ALL_PROCESSES,
        };
        let any = most > 0 || !self.basic.follow.is_empty();
        any.then(|| {
            let mut following = self.basic.following();
            following.fields.descriptors_if_cheap = self.processes() != ProcessChoice::All;
            FollowOptions {
                most,
                all: matches!(self.processes(), ProcessChoice::All),
                command_lines,
                ..following
            }
        })
    }
}

impl BasicFlags {
    /// Returns the processes of `--follow`, and the figures to read of each, with defaults for all
    /// other options.
    pub(crate) fn following(&self) -> FollowOptions {
        FollowOptions {
            targets: self.follow.clone(),
            fields: self.groups(),
            ..FollowOptions::default()
        }
    }

    fn groups(&self) -> ProcessFields {
        let has = |field| self.fields.contains(&field);
        let all = has(FieldGroup::All);
        ProcessFields {
            children: all || has(FieldGroup::Children),
            faults: all || has(FieldGroup::Faults),
            threads: all || has(FieldGroup::Threads),
            io: all || has(FieldGroup::Io),
            descriptors: all || has(FieldGroup::Descriptors),
            descriptors_if_cheap: false,
            scheduler: all || has(FieldGroup::Scheduler),
            swap: all || has(FieldGroup::Swap),
            pss: has(FieldGroup::Pss),
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
