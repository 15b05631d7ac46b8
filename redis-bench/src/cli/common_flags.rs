//! Flags of all scenarios of `redis-bench`: server, clients, load, workers and output.

use bench_cli::UsageError;
use bench_cli::flags::{self, OutputFlags};
use bench_cli::host_worker::HostWorkerFlags;
use bench_cli::load::CurveLoadFlags;
use bench_cli::workers::WorkerFlags;
use clap::{Args, ValueEnum as _};

use crate::clients::ClientKind;

/// Flags of all scenarios of `redis-bench`: server, clients, load, workers and output.
#[derive(Debug, Args)]
pub(crate) struct CommonFlags {
    /// Your Redis, as in redis://USER:PASSWORD@HOST:PORT/DATABASE
    /// [default: a throwaway server]
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Ways to connect: a pool, or connections that all users share
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "CLIENT",
        default_value = "pooled,multiplexed"
    )]
    pub(crate) client: Vec<ClientKind>,

    /// Number of connections in the pool (for pooled) [default: 8]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) pool_size: Option<u64>,

    /// Number of connections that all users share (for multiplexed) [default: 1]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) connections: Option<u64>,

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
    /// Returns the number of connections of a client in one step, over all workers and hosts.
    pub(crate) fn connections(&self, client: ClientKind) -> u64 {
        let default = match client {
            ClientKind::Pooled => 8,
            ClientKind::Multiplexed => 1,
        };
        self.given_connections(client).unwrap_or(default)
    }

    /// Refuses a number of connections for a client that the run does not use.
    ///
    /// # Errors
    /// Fails with a sentence that names the flag, its client and what to write.
    pub(crate) fn check_clients(&self) -> Result<(), UsageError> {
        let is_idle = |client: &&ClientKind| {
            self.given_connections(**client).is_some() && !self.client.contains(client)
        };
        let Some(idle) = ClientKind::value_variants().iter().find(is_idle) else {
            return Ok(());
        };
        let used: Vec<&str> = self.client.iter().map(|client| client.name()).collect();
        let (flag, name, used) = (idle.flag(), idle.name(), used.join(","));
        Err(UsageError(format!(
            "{flag} is for the {name} client, which --client {used} leaves out; leave {flag} out \
             too, or write --client {used},{name}"
        )))
    }

    /// Returns the value of the flag for the number of a client's connections; `None` if it is not
    /// given.
    fn given_connections(&self, client: ClientKind) -> Option<u64> {
        match client {
            ClientKind::Pooled => self.pool_size,
            ClientKind::Multiplexed => self.connections,
        }
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
        assert_eq!(flags.connections(ClientKind::Pooled), 4);
        assert_eq!(flags.connections(ClientKind::Multiplexed), 1);
        assert_eq!(pool_flags("-q").connections(ClientKind::Pooled), 8);
        flags.check_clients().unwrap();
        let idle = pool_flags("--client multiplexed --pool-size 4").check_clients();
        let UsageError(said) = idle.unwrap_err();
        assert!(said.contains("leave --pool-size out"), "{said}");
    }
}
