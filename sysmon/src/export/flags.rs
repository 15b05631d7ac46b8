//! Flags of `sysmon export`.

use clap::Args;

use super::listen::{self, ListenAddress};
use crate::sampling_flags::SamplingFlags;

/// Text below the flags in `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  sysmon export                          on http://127.0.0.1:19178/metrics
  sysmon export --follow postgres,redis-server --fields io,scheduler
  sysmon export --processes none --interval 5s
  sysmon export --listen 192.0.2.7:19178           whoever reaches it reads it";

/// Flags of `sysmon export`.
#[derive(Debug, Args)]
pub(crate) struct ExportFlags {
    /// Address to serve on. There is no authentication: whoever can reach the address can read all
    /// figures. Port 0 selects a free port
    #[arg(long, default_value = listen::DEFAULT, value_name = "ADDRESS:PORT")]
    pub(crate) listen: ListenAddress,

    /// Flags that select what is sampled, and how often.
    #[command(flatten)]
    pub(crate) sampling: SamplingFlags,
}
