//! Flags of `db-pool-bench observe`.

use std::time::Duration;

use bench_cli::flags::{self, OutputFlags};
use clap::Args;

const EXAMPLES: &str = "Examples:
  db-pool-bench observe --url postgres://app@db/shop --duration 5m
      beside the load that is there; the password comes from PGPASSWORD
  db-pool-bench observe --url postgres://app@db/shop --duration 1h \\
      --interval 30s --run-dir reports/friday
      for the analyzer: bottleneck-analyzer analyze reports/friday

Only reads, makes no load, and creates nothing. A role in pg_monitor sees the
sessions of all roles; any other role sees only its own, and the output says
what is hidden. Statements are shown without their values.";

/// Flags of `db-pool-bench observe`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ObserveFlags {
    /// Address of the server
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Duration of the observation, after which the result is shown
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "1m")]
    pub(crate) duration: Duration,

    /// Time between two shown lines, and between two recorded points
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "2s")]
    pub(crate) interval: Duration,

    /// Flags of the output and the report.
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}
