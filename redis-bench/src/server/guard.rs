//! Checks before anything is written to the server: a run that would exceed a limit of the server
//! or of this process is not started.

use bench_cli::Remedy as _;
use bench_cli::table;

use crate::server::info::Info;

/// Number of connections to the server that a run needs in addition to those of its clients: for
/// evidence, filling, and a user's redis-cli.
const SPARE_CONNECTIONS: u64 = 8;
/// Number of file descriptors that this process needs for other purposes than connections.
const SPARE_DESCRIPTORS: u64 = 64;
/// Largest share of the server's free memory, from 0 to 1, that a run's keys may take.
const FILLED_RATIO: f64 = 0.8;

/// Resources that a run needs on its server and in this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// Largest number of connections to the server in any step.
    pub(crate) connections: u64,
    /// Estimated memory of all keys on the server, in bytes.
    pub(crate) bytes: u64,
    /// Largest number of files that this process may open; `None` if it is not known.
    pub(crate) descriptors: Option<u64>,
}

/// Checks `demand` against the limits of the server, which are in `info`, and of this process. A
/// limit that is not known is not checked.
///
/// # Errors
/// Fails with a sentence about the first limit that would be exceeded, and a remedy.
pub(crate) fn check(info: &Info, demand: Demand) -> anyhow::Result<()> {
    descriptors(demand)?;
    connections(info, demand.connections)?;
    memory(info, demand.bytes)
}

fn descriptors(demand: Demand) -> anyhow::Result<()> {
    let wanted = demand.connections.saturating_add(SPARE_DESCRIPTORS);
    match demand.descriptors {
        Some(limit) if wanted > limit => Err(anyhow::anyhow!(
            "{} connections need {wanted} open files, but this process may have {limit}",
            demand.connections
        ))
        .remedy(format!("ulimit -n {wanted}, or fewer connections")),
        _ => Ok(()),
    }
}

fn connections(info: &Info, connections: u64) -> anyhow::Result<()> {
    let (Some(limit), Some(used)) = (info.number("maxclients"), info.number("connected_clients"))
    else {
        return Ok(());
    };
    let wanted = connections.saturating_add(SPARE_CONNECTIONS) as f64;
    if used + wanted <= limit {
        return Ok(());
    }
    Err(anyhow::anyhow!(
        "the server takes {limit} clients and has {used}: {connections} connections would leave none for others"
    ))
    .remedy("a smaller --pool-size, or a larger maxclients on the server")
}

fn memory(info: &Info, bytes: u64) -> anyhow::Result<()> {
    let Some(used) = info.number("used_memory") else {
        return Ok(());
    };
    let limit = info.number("maxmemory").filter(|limit| *limit > 0.0);
    let (limit, name) = match (limit, info.number("total_system_memory")) {
        (Some(limit), _) => (limit, "its maxmemory"),
        (None, Some(machine)) => (machine, "its machine"),
        (None, None) => return Ok(()),
    };
    let free = (limit - used).max(0.0);
    if bytes as f64 <= free * FILLED_RATIO {
        return Ok(());
    }
    Err(anyhow::anyhow!(
        "the keys would take about {}, but of the {} that {name} allows the server only has {} free: it would evict, or refuse, what is not ours",
        table::bytes(bytes),
        table::bytes(limit as u64),
        table::bytes(free as u64)
    ))
    .remedy("a throwaway server (no --url, no REDIS_URL), a smaller --value-size, or fewer --keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str =
        "used_memory:1000000\nmaxmemory:11000000\nconnected_clients:5\nmaxclients:100\n";

    fn demand(connections: u64, bytes: u64) -> Demand {
        Demand {
            connections,
            bytes,
            descriptors: Some(1_024),
        }
    }

    #[test]
    fn what_fits_may_begin_and_what_does_not_is_told_why() {
        let info = Info::parse(SERVER);
        check(&info, demand(50, 7_000_000)).unwrap();
        for (demand, wanted) in [
            (demand(95, 1), "maxclients"),
            (demand(50, 9_000_000), "--keys"),
            (demand(2_000, 1), "ulimit"),
        ] {
            let error = check(&info, demand).unwrap_err();
            assert!(format!("{error:#}").contains(wanted), "{error:#}");
        }
    }

    #[test]
    fn without_a_limit_of_its_own_the_machines_memory_counts() {
        let info = Info::parse("used_memory:10\nmaxmemory:0\ntotal_system_memory:1000\n");
        check(&info, demand(1, 700)).unwrap();
        assert!(check(&info, demand(1, 900)).is_err());
    }

    #[test]
    fn what_the_server_does_not_tell_is_not_held_against_it() {
        check(&Info::default(), demand(900, u64::MAX)).unwrap();
    }
}
