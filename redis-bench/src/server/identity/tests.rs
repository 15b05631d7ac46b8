//! Tests of a server's identity, on real servers and for users without permissions.

use redis::Connection;
use testbed::{Redis, RedisOptions};

use super::*;
use crate::server::address::RedisAddress;

fn start(settings: &[(&str, &str)]) -> Redis {
    let settings = settings.iter();
    let options = RedisOptions {
        settings: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..RedisOptions::default()
    };
    Redis::start(&options).unwrap()
}

fn connect(url: &str) -> Connection {
    RedisAddress::parse(url).unwrap().connect().unwrap()
}

/// Identity of `redis` for a user who may not use the commands `denied`.
fn without(redis: &Redis, denied: &[&str]) -> ServerIdentity {
    let mut admin = connect(redis.url());
    let mut user = redis::cmd("ACL");
    user.arg(&["SETUSER", "app", "reset", "on", "nopass", "~*", "+@all"]);
    user.arg(denied).exec(&mut admin).unwrap();
    let url = redis.url().replace("redis://", "redis://app:any@");
    ServerIdentity::read(&mut connect(&url)).unwrap()
}

#[test]
fn a_server_is_known_to_a_user_without_info() {
    let redis = start(&[]);
    let whole = without(&redis, &[]);
    assert_eq!(whole.denied, BTreeMap::new());
    assert_eq!(whole.mode, ServerMode::Standalone);
    assert_eq!(whole.role, ServerRole::Primary);
    assert!(whole.info.as_ref().unwrap().number("maxclients").is_some());
    let told = without(&redis, &["-info", "-role"]);
    assert_eq!(told.info, None);
    assert_eq!(
        (told.version, told.mode, told.role),
        (whole.version, whole.mode, whole.role)
    );
    assert!(
        told.denied["INFO"].starts_with("NOPERM"),
        "{:?}",
        told.denied
    );
    assert_eq!(told.denied.len(), 1, "the role is known without ROLE");
}

#[test]
fn the_pools_check_is_tried_and_its_refusal_kept() {
    let redis = start(&[]);
    assert_eq!(without(&redis, &["-get"]).denied_pool_check(), None);
    for command in ["PING", "UNWATCH"] {
        let denied = without(&redis, &[&format!("-{}", command.to_lowercase())]);
        let (refused, why) = denied.denied_pool_check().unwrap();
        assert_eq!(refused, command);
        assert!(why.starts_with("NOPERM"), "{why}");
    }
}

#[test]
fn a_replica_tells_its_primary_with_and_without_info() {
    let redis = start(&[("replicaof", "127.0.0.1 1")]);
    let replica = |takes_writes| ServerRole::Replica {
        primary: Some(("127.0.0.1".to_owned(), 1)),
        takes_writes,
    };
    assert_eq!(without(&redis, &[]).role, replica(false));
    assert_eq!(without(&redis, &["-info"]).role, replica(false));
    let alone = without(&redis, &["-info", "-role"]);
    let unnamed = ServerRole::Replica {
        primary: None,
        takes_writes: false,
    };
    assert_eq!(alone.role, unnamed);
    let redis = start(&[("replicaof", "127.0.0.1 1"), ("replica-read-only", "no")]);
    assert_eq!(without(&redis, &[]).role, replica(true));
}

#[test]
fn a_node_of_a_cluster_tells_how_many_slots_it_holds() {
    let bus = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = bus.local_addr().unwrap().port().to_string();
    drop(bus);
    let redis = start(&[("cluster-enabled", "yes"), ("cluster-port", &port)]);
    assert_eq!(without(&redis, &[]).slots, Some(0));
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(0).arg(4_999);
    slots.exec(&mut connect(redis.url())).unwrap();
    let node = without(&redis, &["-info"]);
    assert_eq!((node.mode, node.slots), (ServerMode::Cluster, Some(5_000)));
    let silent = without(&redis, &["-cluster"]);
    assert_eq!((silent.mode, silent.slots), (ServerMode::Cluster, None));
}
