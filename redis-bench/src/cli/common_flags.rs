//! Flags of all scenarios of `redis-bench`: server, clients, load, workers and output.

use bench_cli::flags::{self, Counts, OutputFlags};
use bench_cli::host_worker::HostWorkerFlags;
use bench_cli::load::CurveLoadFlags;
use bench_cli::workers::WorkerFlags;
use bench_cli::{Objective, UsageError};
use clap::Args;

use crate::cli::ServerFlags;
use crate::clients::ClientKind;

/// Flags of all scenarios of `redis-bench`: server, clients, load, workers and output.
#[derive(Debug, Clone, Args)]
pub(crate) struct CommonFlags {
    /// Flags of the server.
    #[command(flatten)]
    pub(crate) server: ServerFlags,

    /// Ways to connect: a pool, connections that all users share, one for each user or request, or
    /// to each node of a cluster [default: pooled,multiplexed]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CLIENT")]
    pub(crate) client: Vec<ClientKind>,

    /// Numbers of connections in the pool, each measured (for pooled) [default: 8]
    #[arg(long, value_parser = flags::list_of_counts, value_name = "N,…|A..B*F")]
    pub(crate) pool_size: Option<Counts>,

    /// Numbers of connections that all users share, each measured (for multiplexed, managed, and
    /// cluster: to each node) [default: 1]
    #[arg(long, value_parser = flags::list_of_counts, value_name = "N,…|A..B*F")]
    pub(crate) connections: Option<Counts>,

    /// Bound that a number of connections must keep to be recommended, as in p99<20ms (repeat it
    /// for several)
    #[arg(long, value_name = "OBJECTIVE", value_parser = str::parse::<Objective>)]
    pub(crate) objective: Vec<Objective>,

    /// Flags of the load: users or rate, and durations.
    #[command(flatten)]
    pub(crate) load: CurveLoadFlags,

    /// Flags of worker processes.
    #[command(flatten)]
    pub(crate) workers: WorkerFlags,

    /// Flags of a worker on a host of its own.
    #[command(flatten)]
    pub(crate) host: HostWorkerFlags,

    /// Flags of the output.
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl CommonFlags {
    /// Returns the numbers of connections of a client that the run measures, over all workers and
    /// hosts; `None` if each of its users or requests has a connection.
    pub(crate) fn connections(&self, client: ClientKind) -> Option<Vec<u64>> {
        let (given, default) = match client {
            ClientKind::Pooled => (&self.pool_size, 8),
            ClientKind::Multiplexed | ClientKind::Managed | ClientKind::Cluster => {
                (&self.connections, 1)
            }
            ClientKind::Plain | ClientKind::PerRequest => return None,
        };
        Some(
            given
                .as_ref()
                .map_or_else(|| vec![default], |counts| counts.0.clone()),
        )
    }

    /// Returns the number of settings of `client`: one for each number of connections.
    pub(crate) fn settings(&self, client: ClientKind) -> usize {
        self.connections(client).map_or(1, |counts| counts.len())
    }

    /// Refuses a number of connections if none of the run's `clients` uses it.
    ///
    /// # Errors
    /// Fails with a sentence that names the flag, its client and what to write.
    pub(crate) fn check_clients(&self, clients: &[ClientKind]) -> Result<(), UsageError> {
        let flags = [
            (&self.pool_size, "--pool-size", ClientKind::Pooled),
            (&self.connections, "--connections", ClientKind::Multiplexed),
        ];
        let is_used = |flag: &str| clients.iter().any(|client| client.flag() == flag);
        let idle = flags
            .iter()
            .find(|(given, flag, _)| given.is_some() && !is_used(flag));
        let Some((_, flag, client)) = idle else {
            return Ok(());
        };
        let used: Vec<&str> = clients.iter().map(|client| client.name()).collect();
        let (name, used) = (client.name(), used.join(","));
        Err(UsageError(format!(
            "{flag} is for the {name} client, which --client {used} leaves out; leave {flag} out \
             too, or write --client {used},{name}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{RedisBenchCli, RedisBenchCommand};

    fn pool_flags(args: &str) -> CommonFlags {
        let args = ["redis-bench", "pool"].into_iter().chain(args.split(' '));
        match RedisBenchCli::try_parse_from(args).unwrap().command {
            RedisBenchCommand::Pool(flags) => flags.common,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_number_of_connections_is_that_of_its_client() {
        let flags = pool_flags("--pool-size 4");
        assert_eq!(flags.connections(ClientKind::Pooled), Some(vec![4]));
        assert_eq!(flags.connections(ClientKind::Multiplexed), Some(vec![1]));
        assert_eq!(
            pool_flags("-q").connections(ClientKind::Pooled),
            Some(vec![8])
        );
        flags.check_clients(&[ClientKind::Pooled]).unwrap();
        let idle = flags.check_clients(&[ClientKind::Multiplexed]);
        let UsageError(said) = idle.unwrap_err();
        assert!(said.contains("leave --pool-size out"), "{said}");
    }
}
