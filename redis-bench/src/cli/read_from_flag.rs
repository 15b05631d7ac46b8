//! Flag of the server that reads go to.

use clap::{Args, ValueEnum};

/// Server that reads go to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReadFrom {
    /// The primary, as writes do.
    #[default]
    Primary,
    /// A replica of the primary.
    Replica,
}

/// Flag of the server that reads go to.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReadFromFlag {
    /// Server that reads go to: the primary, or the first of its replicas that is online
    #[arg(
        long,
        value_enum,
        default_value = "primary",
        value_name = "primary|replica"
    )]
    pub(crate) read_from: ReadFrom,
}
