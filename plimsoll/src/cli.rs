//! Commands and flags of `plimsoll`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs the whole suite and names the bottleneck.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, after_help = EXAMPLES)]
pub(crate) struct PlimsollCli {
    /// Subcommand to run.
    #[command(subcommand)]
    pub(crate) command: PlimsollCommand,
}

const EXAMPLES: &str = "Examples:
  plimsoll run --profile quick
  plimsoll run --profile normal --only db-pool-bench
  DATABASE_URL=postgres://app@db/shop plimsoll run --only db-pool-bench
  plimsoll doctor";

/// Subcommands of `plimsoll`.
#[derive(Debug, Subcommand)]
pub(crate) enum PlimsollCommand {
    /// Run a profile: servers, recorder, benches, analysis
    #[command(after_help = RUN_HELP)]
    Run(RunFlags),
    /// Show profiles and scenarios
    List,
    /// Check this machine and say what would spoil a run
    Doctor,
}

const RUN_HELP: &str = "\
Exit codes: 0 done; 1 a component, the recorder or the analysis failed; 2 wrong usage; 3 a guard \
ended a bench; 130 interrupted. What was measured until then is in the run's directory in any case.

Examples:
  plimsoll run
  plimsoll run --profile normal --run-dir reports/before-release
  plimsoll run --only redis-bench --only ws-bench";

/// Flags of `plimsoll run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunFlags {
    /// Profile to run; `plimsoll list` shows them
    #[arg(long, value_name = "NAME", default_value = "quick")]
    pub(crate) profile: String,

    /// Run only this component, as in db-pool-bench (repeat it for several)
    #[arg(long, value_name = "COMPONENT")]
    pub(crate) only: Vec<String>,

    /// Directory of the run's files; it must not contain reports of another run [default:
    /// reports/RUN]
    #[arg(long, value_name = "DIR")]
    pub(crate) run_dir: Option<PathBuf>,

    /// URL of your PostgreSQL [default: a throwaway server]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,

    /// URL of your Redis [default: a throwaway server]
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) redis_url: Option<String>,

    /// URL of your WebSocket server [default: a throwaway server]
    #[arg(long, env = "WS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) ws_url: Option<String>,

    /// Seed of everything random, for all benches [default: drawn by each]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Show no progress, only the result
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
