//! Replica of a primary: where it is, and how far it is behind. Replication is asynchronous, so that a
//! replica knows a write later than the primary acknowledges it.

use std::time::Duration;

use redis::{Connection, RedisResult};

use crate::server::address::RedisAddress;
use crate::server::info::Info;
use crate::server::sentinel::HostPort;

/// Largest number of replicas that are looked at.
const MOST_REPLICAS: usize = 100;
/// Time between two looks at a replica that copies what was written.
const LOOK: Duration = Duration::from_millis(10);

/// Distance of a replica from its primary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ReplicaDistance {
    /// Bytes of the replication that the replica has not received; `None` if one of both does not tell
    /// its offset.
    pub(crate) bytes: Option<f64>,
    /// True if the replica is connected to its primary.
    pub(crate) is_linked: bool,
}

/// Returns the address of the first replica that is online, from a primary's `INFO`; `None` if it has
/// none.
fn online(info: &Info) -> Option<HostPort> {
    (0..MOST_REPLICAS).find_map(|number| {
        let fields = info.text(&format!("slave{number}"))?;
        let field = |name: &str| {
            let mut pairs = fields.split(',').filter_map(|pair| pair.split_once('='));
            pairs.find_map(|(found, value)| (found == name).then_some(value))
        };
        if field("state") != Some("online") {
            return None;
        }
        Some((field("ip")?.to_owned(), field("port")?.parse().ok()?))
    })
}

/// Returns the address of the first replica that the primary calls online. One that copies the data is
/// waited for as long as `goes_on` returns true; `None` if there is none.
///
/// # Errors
/// Fails with the error of the connection or the server.
pub(crate) fn await_online(
    primary: &RedisAddress,
    goes_on: &mut dyn FnMut() -> bool,
) -> RedisResult<Option<HostPort>> {
    let mut connection = primary.connect()?;
    loop {
        let info = Info::section(&mut connection, "replication")?;
        let found = online(&info);
        let is_coming = info.text("slave0").is_some() && goes_on();
        if found.is_some() || !is_coming {
            return Ok(found);
        }
        std::thread::sleep(LOOK);
    }
}

/// Asks a primary, then its replica, how far the replication is. In between the replica may catch up:
/// the distance is at least the one returned.
///
/// # Errors
/// Fails with the error of the connection or the server.
pub(crate) fn distance(
    primary: &mut Connection,
    replica: &mut Connection,
) -> RedisResult<ReplicaDistance> {
    let primary = Info::section(primary, "replication")?;
    let replica = Info::section(replica, "replication")?;
    Ok(between(&primary, &replica))
}

fn between(primary: &Info, replica: &Info) -> ReplicaDistance {
    let ahead = primary.number("master_repl_offset");
    let behind = replica.number("slave_repl_offset");
    ReplicaDistance {
        bytes: ahead
            .zip(behind)
            .map(|(ahead, behind)| (ahead - behind).max(0.0)),
        is_linked: replica.text("master_link_status") == Some("up"),
    }
}

/// Waits until the replica has all that the primary has now. Returns false if `goes_on` returns false
/// first, which is called again and again.
///
/// # Errors
/// Fails with the error of a connection or a server.
pub(crate) fn await_copy(
    primary: &RedisAddress,
    replica: &RedisAddress,
    goes_on: &mut dyn FnMut() -> bool,
) -> RedisResult<bool> {
    let wanted = Info::section(&mut primary.connect()?, "replication")?;
    let mut replica = replica.connect()?;
    while goes_on() {
        let now = Info::section(&mut replica, "replication")?;
        let distance = between(&wanted, &now);
        if distance.is_linked && distance.bytes == Some(0.0) {
            return Ok(true);
        }
        std::thread::sleep(LOOK);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_replica_that_is_online_is_taken() {
        let info = Info::parse(
            "role:master\nconnected_slaves:3\n\
             slave0:ip=10.0.0.1,port=6379,state=wait_bgsave,offset=0,lag=0\n\
             slave1:ip=10.0.0.2,port=6380,state=online,offset=14,lag=1\n\
             slave2:ip=10.0.0.3,port=6379,state=online,offset=14,lag=0\n",
        );
        assert_eq!(online(&info), Some(("10.0.0.2".to_owned(), 6_380)));
        assert_eq!(
            online(&Info::parse("role:master\nconnected_slaves:0\n")),
            None
        );
    }

    #[test]
    fn a_replica_is_behind_by_what_it_has_not_received() {
        let primary = Info::parse("master_repl_offset:1500\n");
        let replica = |text: &str| between(&primary, &Info::parse(text));
        let late = replica("master_link_status:up\nslave_repl_offset:1200\n");
        assert_eq!((late.bytes, late.is_linked), (Some(300.0), true));
        let ahead = replica("master_link_status:up\nslave_repl_offset:1600\n");
        assert_eq!(ahead.bytes, Some(0.0), "it caught up in between");
        let lost = replica("master_link_status:down\n");
        assert_eq!((lost.bytes, lost.is_linked), (None, false));
    }
}
