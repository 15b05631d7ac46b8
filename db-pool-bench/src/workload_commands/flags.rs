//! Flags of the command `workload`.

use std::path::PathBuf;

use bench_cli::flags;
use clap::{Args, Subcommand};

use crate::protocol::Protocol;
use crate::workloads::{Builtin, LASTING, ScriptFlag, definition, scale, script};
use pgbench_script::ScriptValue;

const EXAMPLES: &str = "Examples:
  db-pool-bench workload list
  db-pool-bench workload describe tpcb-like
  db-pool-bench workload init --url postgres://app@db/shop --scale 50
      tables that stay; sweep --schema plimsoll_workload uses them
  db-pool-bench workload drop --url postgres://app@db/shop
  db-pool-bench workload check checkout.sql --define tenants=40
  db-pool-bench workload suggest --url postgres://app@db/shop --write mix/";

const LIST_EXAMPLES: &str = "Examples:
  db-pool-bench workload list
  db-pool-bench sweep --workload read-heavy
      a run of one of them";

const DESCRIBE_EXAMPLES: &str = "Examples:
  db-pool-bench workload describe tpcb-like
      what each request of it does, in pgbench's language, and on which tables";

/// Flags of `db-pool-bench workload`: its subcommand.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WorkloadCommandFlags {
    /// Subcommand of `workload` to run.
    #[command(subcommand)]
    pub(crate) command: WorkloadCommand,
}

/// Subcommands of `db-pool-bench workload`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum WorkloadCommand {
    /// List the built-in workloads
    #[command(after_help = LIST_EXAMPLES)]
    List,
    /// Show the statements and tables of a built-in workload
    #[command(after_help = DESCRIBE_EXAMPLES)]
    Describe {
        /// Name of the workload
        name: Builtin,
    },
    /// Create the tables of the built-in workloads in a schema that stays
    Init(InitFlags),
    /// Drop a schema that init has created
    Drop(DropFlags),
    /// Check scripts as a run does, and report errors with file and line
    Check(ScriptCheckFlags),
    /// Propose a weighted mix from the statements that a server has counted
    Suggest(SuggestFlags),
}

const INIT_EXAMPLES: &str = "Examples:
  db-pool-bench workload init --url postgres://app@db/shop --scale 50
      five million accounts in the schema plimsoll_workload
  db-pool-bench sweep --url postgres://app@db/shop --schema plimsoll_workload
      a run on them";

/// Flags of `db-pool-bench workload init`.
#[derive(Debug, Clone, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub(crate) struct InitFlags {
    /// Address of the server
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: String,

    /// Size of the tables, in steps of 100,000 accounts (some 15 MB each)
    #[arg(long, value_parser = scale, value_name = "N", default_value = "1")]
    pub(crate) scale: u64,

    /// Name of the schema
    #[arg(long, value_name = "NAME", default_value = LASTING)]
    pub(crate) schema: String,
}

const DROP_EXAMPLES: &str = "Examples:
  db-pool-bench workload drop --url postgres://app@db/shop
      what workload init has made, and nothing else";

/// Flags of `db-pool-bench workload drop`.
#[derive(Debug, Clone, Args)]
#[command(after_help = DROP_EXAMPLES)]
pub(crate) struct DropFlags {
    /// Address of the server
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: String,

    /// Name of the schema
    #[arg(long, value_name = "NAME", default_value = LASTING)]
    pub(crate) schema: String,
}

const CHECK_EXAMPLES: &str = "Examples:
  db-pool-bench workload check checkout.sql --define tenants=40
  db-pool-bench workload check browse.sql@9 buy.sql \\
      --url postgres://app@db/shop
      whether the server knows the tables and columns too";

/// Flags of `db-pool-bench workload check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct ScriptCheckFlags {
    /// Scripts of one mix, each with its weight (1 if not given)
    #[arg(required = true, value_parser = script, value_name = "FILE[@WEIGHT]")]
    pub(crate) script: Vec<ScriptFlag>,

    /// Set a script variable to a number, true, false or null (repeat it for several)
    #[arg(long, value_parser = definition, value_name = "NAME=VALUE")]
    pub(crate) define: Vec<(String, ScriptValue)>,

    /// Protocol of the run; some commands of pgbench need simple
    #[arg(long, value_enum, default_value = "prepared")]
    pub(crate) protocol: Protocol,

    /// Server that verifies each statement as well; it executes nothing
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}

const SUGGEST_EXAMPLES: &str = "Examples:
  db-pool-bench workload suggest --url postgres://app@db/shop
      shapes and shares of the ten most frequent statements
  db-pool-bench workload suggest --url postgres://app@db/shop --write mix/
      the same as scripts, which sweep --script takes";

/// Flags of `db-pool-bench workload suggest`.
#[derive(Debug, Clone, Args)]
#[command(after_help = SUGGEST_EXAMPLES)]
pub(crate) struct SuggestFlags {
    /// The server, and the database whose counted statements are read
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: String,

    /// Largest number of statements to take, the most frequent first
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "10")]
    pub(crate) top: u64,

    /// Directory to create, with a script for each statement; it must not exist yet
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Option<PathBuf>,
}
