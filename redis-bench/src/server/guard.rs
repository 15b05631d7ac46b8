//! Checks before anything is written to the server: a run that would exceed a limit of the server
//! or of this process is not started.

use bench_cli::Remedy as _;
use bench_cli::table;

use crate::clients::ClientKind;
use crate::server::address::RedisAddress;
use crate::server::cluster_nodes::SLOTS;
use crate::server::identity::{ServerIdentity, ServerMode, ServerRole};
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
    /// Number of further connections that open for a while. The server may refuse them, but this
    /// process must be able to open them.
    pub(crate) storm: u64,
    /// Estimated memory of all keys on the server, in bytes.
    pub(crate) bytes: u64,
    /// Flag that makes the keys fewer, as in `fewer --keys`.
    pub(crate) fewer_keys: &'static str,
    /// Largest number of files that this process may open; `None` if it is not known.
    pub(crate) descriptors: Option<u64>,
}

/// Checks that the server at `address` can be loaded by `clients`, which are empty for a scenario that
/// has no other than its own connection: that the server holds keys, and as far as the clients speak
/// to it alone, takes writes, and takes the keys of every slot. What the server does not tell is not
/// held against it.
///
/// # Errors
/// Fails with a sentence about a Sentinel, a replica, a node that holds a part of a cluster's slots,
/// or a server that is no node of a cluster where the client needs one, and a remedy.
pub(crate) fn kind(
    identity: &ServerIdentity,
    address: &RedisAddress,
    clients: &[ClientKind],
) -> anyhow::Result<()> {
    let (shown, cli) = (address.masked_url(), address.cli());
    if identity.mode == ServerMode::Sentinel {
        return Err(anyhow::anyhow!(
            "{shown} is a Sentinel, which holds no keys and cannot be loaded"
        ))
        .remedy(format!(
            "{shown} with ?sentinel=NAME at its end, to load the primary that it names: {cli} \
             SENTINEL MASTERS tells the names"
        ));
    }
    let spans = |client: &ClientKind| *client == ClientKind::Cluster;
    if identity.mode == ServerMode::Standalone && clients.iter().any(spans) {
        return Err(anyhow::anyhow!("{shown} is no node of a cluster"))
            .remedy("another --client than cluster, or the URL of a node of a cluster");
    }
    if !clients.is_empty() && clients.iter().all(spans) {
        return nodes(identity, address);
    }
    if let Some(slots) = identity.slots.filter(|slots| *slots < SLOTS) {
        return Err(anyhow::anyhow!(
            "{shown} is a node of a cluster with {slots} of its {SLOTS} slots, and refuses the keys of \
             all other slots"
        ))
        .remedy(if clients.is_empty() {
            "a server that is no part of a cluster, or a node that holds all slots"
        } else {
            "--client cluster and no other, which speaks to all nodes, or a server that is no part of \
             a cluster"
        });
    }
    let ServerRole::Replica {
        primary,
        takes_writes: false,
    } = &identity.role
    else {
        return Ok(());
    };
    Err(anyhow::anyhow!(
        "{shown} is a read only replica, which refuses every write (READONLY)"
    ))
    .remedy(match primary {
        Some((host, port)) => format!("the URL of its primary: redis://{host}:{port}/"),
        None => format!("the URL of its primary: {cli} INFO replication names it"),
    })
}

/// Checks that the nodes of the cluster are known to which the server at `address` belongs.
///
/// # Errors
/// Fails with a remedy if the user may not ask for them.
fn nodes(identity: &ServerIdentity, address: &RedisAddress) -> anyhow::Result<()> {
    if identity.mode != ServerMode::Cluster || !identity.nodes.is_empty() {
        return Ok(());
    }
    let shown = address.masked_url();
    Err(anyhow::anyhow!(
        "{shown} does not tell the nodes of its cluster (CLUSTER NODES)"
    ))
    .remedy(
        "a user who may CLUSTER NODES and CLUSTER SLOTS (ACL SETUSER NAME +cluster|nodes \
         +cluster|slots)",
    )
}

/// Checks `demand` against the limits of the server, as far as it tells them, and of this process.
/// Returns the names of the server's limits that are not known, and so were not checked.
///
/// # Errors
/// Fails with a sentence about the first limit that would be exceeded, and a remedy.
pub(crate) fn limits(info: Option<&Info>, demand: Demand) -> anyhow::Result<Vec<&'static str>> {
    descriptors(demand)?;
    let unknown = Info::default();
    let info = info.unwrap_or(&unknown);
    let checked = [
        ("maxclients", connections(info, demand.connections)?),
        ("memory", memory(info, demand.bytes, demand.fewer_keys)?),
    ];
    let unchecked = checked.into_iter().filter(|(_, is_checked)| !is_checked);
    Ok(unchecked.map(|(limit, _)| limit).collect())
}

fn descriptors(demand: Demand) -> anyhow::Result<()> {
    let connections = demand.connections.saturating_add(demand.storm);
    let wanted = connections.saturating_add(SPARE_DESCRIPTORS);
    match demand.descriptors {
        Some(limit) if wanted > limit => Err(anyhow::anyhow!(
            "{wanted} open files are needed for {}, but this process may have {limit}",
            table::counted(connections, "connection")
        ))
        .remedy(format!("ulimit -n {wanted}, or fewer connections")),
        _ => Ok(()),
    }
}

/// Checks the number of connections. Returns false if the limit is not known.
fn connections(info: &Info, connections: u64) -> anyhow::Result<bool> {
    let (Some(limit), Some(used)) = (info.number("maxclients"), info.number("connected_clients"))
    else {
        return Ok(false);
    };
    let wanted = connections.saturating_add(SPARE_CONNECTIONS) as f64;
    if used + wanted <= limit {
        return Ok(true);
    }
    Err(anyhow::anyhow!(
        "the server takes {limit} clients and has {used}: {} would leave none for others",
        table::counted(connections, "connection")
    ))
    .remedy("a smaller --pool-size, or a larger maxclients on the server")
}

/// Checks the memory of the keys. Returns false if the limit is not known.
fn memory(info: &Info, bytes: u64, fewer_keys: &str) -> anyhow::Result<bool> {
    if bytes == 0 {
        return Ok(true);
    }
    let Some(used) = info.number("used_memory") else {
        return Ok(false);
    };
    let limit = info.number("maxmemory").filter(|limit| *limit > 0.0);
    let (limit, name) = match (limit, info.number("total_system_memory")) {
        (Some(limit), _) => (limit, "its maxmemory"),
        (None, Some(machine)) => (machine, "its machine"),
        (None, None) => return Ok(false),
    };
    let free = (limit - used).max(0.0);
    if bytes as f64 <= free * FILLED_RATIO {
        return Ok(true);
    }
    Err(anyhow::anyhow!(
        "the keys would take about {}, but of the {} that {name} allows the server only has {} free: it would evict, or refuse, what is not ours",
        table::bytes(bytes),
        table::bytes(limit as u64),
        table::bytes(free as u64)
    ))
    .remedy(format!(
        "a throwaway server (no --url, no REDIS_URL), a smaller --value-size, or {fewer_keys}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::cluster_nodes::ClusterNode;

    const SERVER: &str =
        "used_memory:1000000\nmaxmemory:11000000\nconnected_clients:5\nmaxclients:100\n";

    fn demand(connections: u64, bytes: u64) -> Demand {
        Demand {
            connections,
            storm: 0,
            bytes,
            fewer_keys: "fewer --keys",
            descriptors: Some(1_024),
        }
    }

    #[test]
    fn what_fits_may_begin_and_what_does_not_is_told_why() {
        let info = Info::parse(SERVER);
        assert!(
            limits(Some(&info), demand(50, 7_000_000))
                .unwrap()
                .is_empty()
        );
        for (demand, wanted) in [
            (demand(95, 1), "maxclients"),
            (demand(50, 9_000_000), "--keys"),
            (demand(2_000, 1), "ulimit"),
            (
                Demand {
                    storm: 990,
                    ..demand(50, 1)
                },
                "1040 connections",
            ),
        ] {
            let error = limits(Some(&info), demand).unwrap_err();
            assert!(format!("{error:#}").contains(wanted), "{error:#}");
        }
    }

    #[test]
    fn without_a_limit_of_its_own_the_machines_memory_counts() {
        let info = Info::parse("used_memory:10\nmaxmemory:0\ntotal_system_memory:1000\n");
        limits(Some(&info), demand(1, 700)).unwrap();
        assert!(limits(Some(&info), demand(1, 900)).is_err());
    }

    #[test]
    fn what_the_server_does_not_tell_is_named_and_not_held_against_it() {
        let silent = Info::default();
        for info in [None, Some(&silent)] {
            let unchecked = limits(info, demand(900, u64::MAX)).unwrap();
            assert_eq!(unchecked, ["maxclients", "memory"]);
        }
        assert!(
            limits(None, demand(2_000, 1)).is_err(),
            "the limit of this process"
        );
    }

    fn refused_to(identity: &ServerIdentity, clients: &[ClientKind]) -> Option<String> {
        let address = RedisAddress::parse("redis://app:hunter2@cache:7000/").unwrap();
        let error = kind(identity, &address, clients).err()?;
        Some(format!("{error:#}"))
    }

    fn refused(identity: &ServerIdentity) -> Option<String> {
        refused_to(identity, &[ClientKind::Pooled])
    }

    #[test]
    fn a_part_of_a_cluster_is_for_the_client_of_a_cluster_alone() {
        let (pooled, cluster) = (ClientKind::Pooled, ClientKind::Cluster);
        let part = ServerIdentity {
            mode: ServerMode::Cluster,
            slots: Some(5_461),
            nodes: vec![ClusterNode::at("cache", 7_000)],
            ..ServerIdentity::default()
        };
        assert_eq!(refused_to(&part, &[cluster]), None);
        let silent = ServerIdentity {
            nodes: Vec::new(),
            ..part.clone()
        };
        let said = refused_to(&silent, &[cluster]).unwrap();
        assert!(said.contains("+cluster|nodes"), "{said}");
        for clients in [&[pooled][..], &[pooled, cluster]] {
            let said = refused_to(&part, clients).unwrap();
            assert!(said.contains("--client cluster and no other"), "{said}");
        }
        let said = refused_to(&part, &[]).unwrap();
        assert!(!said.contains("--client"), "{said}");
        let alone = ServerIdentity {
            mode: ServerMode::Standalone,
            ..ServerIdentity::default()
        };
        assert_eq!(refused_to(&alone, &[pooled]), None);
        let said = refused_to(&alone, &[pooled, cluster]).unwrap();
        assert!(said.contains("no node of a cluster"), "{said}");
        let replica = ServerIdentity {
            role: ServerRole::Replica {
                primary: None,
                takes_writes: false,
            },
            ..part
        };
        assert_eq!(
            refused_to(&replica, &[cluster]),
            None,
            "knows the primaries"
        );
    }

    #[test]
    fn a_server_that_cannot_be_loaded_is_refused_with_where_to_go() {
        let of_role = |primary, takes_writes| ServerIdentity {
            role: ServerRole::Replica {
                primary,
                takes_writes,
            },
            ..ServerIdentity::default()
        };
        let of_slots = |slots| ServerIdentity {
            mode: ServerMode::Cluster,
            slots,
            ..ServerIdentity::default()
        };
        let sentinel = ServerIdentity {
            mode: ServerMode::Sentinel,
            ..ServerIdentity::default()
        };
        let primary = Some(("10.0.0.7".to_owned(), 6380));
        for (identity, wanted) in [
            (sentinel, "7000/ with ?sentinel=NAME"),
            (of_role(primary, false), "redis://10.0.0.7:6380/"),
            (of_role(None, false), "INFO replication"),
            (of_slots(Some(5_461)), "5461 of its 16384 slots"),
            (of_slots(Some(0)), "no part of a cluster"),
        ] {
            let said = refused(&identity).unwrap();
            assert!(said.contains(wanted), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        for identity in [
            ServerIdentity::default(),
            of_role(None, true),
            of_slots(Some(SLOTS)),
            of_slots(None),
        ] {
            assert_eq!(refused(&identity), None, "{identity:?}");
        }
    }
}
