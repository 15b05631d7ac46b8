//! Flags of a script of the user.

use std::path::PathBuf;

use clap::Args;

/// Flags of a script of the user, which takes the place of the requests of a scenario.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ScriptFlags {
    /// Script in TOML with sequences of commands, in place of the requests of the scenario
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,

    /// Check the script and make no load
    #[arg(long, requires = "script")]
    pub(crate) check_script: bool,
}

/// Flags that a script takes the place of in `pool`.
pub(super) const REPLACED_IN_POOL: [&str; 4] = ["workload", "value_size", "pipeline", "read_from"];
/// Flags that a script takes the place of in `burst`.
pub(super) const REPLACED_IN_BURST: [&str; 14] = [
    "keys",
    "preload",
    "zipf",
    "keys_as",
    "ttl",
    "ttl_jitter",
    "value_size",
    "writes",
    "maxmemory",
    "policy",
    "backend",
    "guards",
    "lock_ttl",
    "read_from",
];
