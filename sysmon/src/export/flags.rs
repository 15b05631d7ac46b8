//! Flags of `sysmon export`.

use clap::Args;

use super::listen::{self, Listen};
use crate::cli::SamplingFlags;

/// Shown after the flags.
pub const EXAMPLES: &str = "\
Examples:
  sysmon export                          on http://127.0.0.1:19178/metrics
  sysmon export --follow postgres,redis-server --fields io,scheduler
  sysmon export --processes none --interval 5s
  sysmon export --listen 192.0.2.7:19178           whoever reaches it reads it";

/// Flags of `sysmon export`.
#[derive(Debug, Args)]
pub struct ExportFlags {
    /// Where to serve; there is no authentication, so think before you name an address that
    /// others reach. Port 0 is any that is free
    #[arg(long, default_value = listen::DEFAULT, value_name = "ADDRESS:PORT")]
    pub listen: Listen,

    /// What is sampled.
    #[command(flatten)]
    pub sampling: SamplingFlags,
}
