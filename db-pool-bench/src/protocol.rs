//! Query protocol of PostgreSQL, selected as by `pgbench --protocol`.

use clap::ValueEnum;
use pgbench_script::ValueMode;
use serde::{Deserialize, Serialize};

/// Query protocol of PostgreSQL by which statements are sent to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Protocol {
    /// Simple query protocol: values are written into the text; nothing is prepared
    Simple,
    /// Extended protocol: parsed for each execution as the unnamed statement, with values bound
    Extended,
    /// Extended protocol: prepared once on each connection, with values bound
    #[default]
    Prepared,
}

impl Protocol {
    /// Returns the name of the protocol as written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }

    /// Returns true if values are written into the text of a statement instead of being bound to
    /// parameters.
    pub(crate) fn is_textual(self) -> bool {
        self == Self::Simple
    }

    /// Returns the mode in which values of scripts are sent: as text or as bound parameters.
    pub(crate) fn value_mode(self) -> ValueMode {
        if self.is_textual() {
            ValueMode::Inline
        } else {
            ValueMode::Bind
        }
    }
}
