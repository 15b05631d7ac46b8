//! What is asked of the server: named mixes of requests on tables of our own.

mod requests;
mod schema;
mod tables;

use clap::ValueEnum;

pub use requests::{Request, Requests};
pub use schema::Schema;
pub use tables::{Tables, TablesError};

/// A named mix of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// One row by its key, as `pgbench -S` does
    PointSelect,
    /// 95 % reads, 5 % updates
    ReadHeavy,
    /// 70 % reads, 20 % updates, 10 % transactions
    Mixed,
    /// 20 % reads, 40 % updates, 20 % inserts, 20 % transactions
    WriteHeavy,
}

/// Shares of a mix, in percent; they add up to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mix {
    reads: u32,
    updates: u32,
    inserts: u32,
    transfers: u32,
}

impl Workload {
    /// Its name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::PointSelect => "point-select",
            Self::ReadHeavy => "read-heavy",
            Self::Mixed => "mixed",
            Self::WriteHeavy => "write-heavy",
        }
    }

    /// The operations that its requests count as: [`Request::operation`] indexes them.
    pub fn operations(self) -> &'static [&'static str] {
        match self {
            Self::PointSelect => &["select"],
            _ => &["read", "write"],
        }
    }

    /// Whether it changes anything.
    pub fn writes(self) -> bool {
        self.mix().reads < 100
    }

    fn mix(self) -> Mix {
        let (reads, updates, inserts, transfers) = match self {
            Self::PointSelect => (100, 0, 0, 0),
            Self::ReadHeavy => (95, 5, 0, 0),
            Self::Mixed => (70, 20, 0, 10),
            Self::WriteHeavy => (20, 40, 20, 20),
        };
        Mix {
            reads,
            updates,
            inserts,
            transfers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_only_point_select_never_writes() {
        for workload in Workload::value_variants() {
            let mix = workload.mix();
            assert_eq!(mix.reads + mix.updates + mix.inserts + mix.transfers, 100);
            assert_eq!(workload.writes(), *workload != Workload::PointSelect);
        }
    }
}
