//! Tests of what is left where the removal fails, and of the removal from a cluster whose slots
//! moved.

use std::net::TcpListener;

use redis::Connection;
use testbed::{Redis, RedisOptions};

use super::*;
use crate::keys::run_keys::Preload;

fn run_keys(keys: u64) -> RunKeys {
    RunKeys {
        keys,
        value_bytes: 3,
        preload: Preload::Ratio(1.0),
        ..RunKeys::new("plimsoll:run:", 1)
    }
}

fn address_of(redis: &Redis) -> RedisAddress {
    RedisAddress::parse(redis.url()).unwrap()
}

fn connect(redis: &Redis) -> Connection {
    address_of(redis).connect().unwrap()
}

fn names(redis: &Redis) -> Vec<String> {
    let mut all = redis::cmd("KEYS");
    all.arg("*").query(&mut connect(redis)).unwrap()
}

/// Removes the keys as a user with the permissions `rights` only, and returns what is left.
fn left_by_user(redis: &Redis, rights: &[&str], keys: &RunKeys) -> Vec<String> {
    let mut user = redis::cmd("ACL");
    user.arg(&["SETUSER", "app", "reset", "on", "nopass", "~*"]);
    user.arg(rights).exec(&mut connect(redis)).unwrap();
    let url = redis.url().replace("redis://", "redis://app:any@");
    let remote = RedisAddress::parse(&url).unwrap();
    let left = clear(&KeyServers::new(remote, None), keys, &mut || true);
    left.into_iter().map(|left| left.why).collect()
}

#[test]
fn keys_that_nobody_may_remove_are_counted() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let keys = run_keys(1_234);
    let mut admin = connect(&redis);
    let cancel = load_engine::Cancel::new();
    assert!(keys.fill(&mut admin, &cancel, None).unwrap());
    let mut some = redis::cmd("DEL");
    some.arg(&["plimsoll:run:k:0", "plimsoll:run:k:1233"]);
    some.exec(&mut admin).unwrap();
    let left = left_by_user(&redis, &["+get", "+exists"], &keys);
    assert_eq!(left.len(), 1);
    assert!(left[0].starts_with("NOPERM"), "{left:?}");
    assert!(
        left[0].contains("1232 of 1234 keys still there"),
        "{left:?}"
    );
    let unknown = left_by_user(&redis, &["+get"], &keys);
    assert!(!unknown[0].contains("still there"), "{unknown:?}");
    redis::cmd("FLUSHDB").exec(&mut admin).unwrap();
    let gone = left_by_user(&redis, &["+get", "+exists"], &keys);
    assert_eq!(gone, [""; 0], "nothing is left to be removed");
}

/// Every tenth of 250,000 keys exists. Of them every third key is looked up.
#[test]
fn of_many_keys_a_sample_is_counted() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let keys = run_keys(250_000);
    let mut few = redis::pipe();
    for index in (0..keys.keys).step_by(10) {
        let mut name = Vec::new();
        keys.name_into(index, &mut name);
        few.cmd("SET").arg(name).arg("x").ignore();
    }
    few.exec(&mut connect(&redis)).unwrap();
    let left = left_by_user(&redis, &["+exists"], &keys);
    let count = left[0].split("about ").nth(1).unwrap();
    let (count, rest) = count.split_once(' ').unwrap();
    let count: u64 = count.parse().unwrap();
    assert!((24_000..=26_000).contains(&count), "{left:?}");
    assert!(rest.contains("by a sample of 83334"), "{left:?}");
}

/// Starts a node of a cluster with the slots from `first` to `last`. Returns it with the port of its
/// bus, which is else the server's plus 10,000, and may not exist.
fn node(first: u16, last: u16) -> (Redis, u16) {
    let bus = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = bus.local_addr().unwrap().port();
    drop(bus);
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = RedisOptions {
        settings: vec![
            setting("cluster-enabled", "yes"),
            setting("cluster-port", &port.to_string()),
        ],
        ..RedisOptions::default()
    };
    let redis = Redis::start(&options).unwrap();
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(first).arg(last);
    slots.exec(&mut connect(&redis)).unwrap();
    (redis, port)
}

#[test]
fn keys_of_slots_that_moved_are_removed_from_the_other_node() {
    let ((first, _), (second, bus)) = (node(0, 8_191), node(8_192, 16_383));
    let mut meet = redis::cmd("CLUSTER");
    meet.arg("MEET")
        .arg("127.0.0.1")
        .arg(second.port())
        .arg(bus);
    meet.exec(&mut connect(&first)).unwrap();
    for node in [&first, &second] {
        test_support::eventually("the cluster is up", || {
            let mut info = redis::cmd("CLUSTER");
            let info: String = info.arg("INFO").query(&mut connect(node)).unwrap();
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        });
    }
    let keys = run_keys(1_000);
    let plant = |node: &Redis| {
        let mut connection = connect(node);
        let mut name = Vec::new();
        for index in 0..keys.keys {
            keys.name_into(index, &mut name);
            // Refused for keys of the other node's slots.
            let _ = redis::cmd("SET").arg(&name).arg("x").exec(&mut connection);
        }
        assert!(names(node).len() > 300);
    };
    plant(&first);
    plant(&second);
    let identity = ServerIdentity::read(&mut connect(&first)).unwrap();
    let servers = KeyServers::new(address_of(&first), Some(&identity));
    let left = clear(&servers, &keys, &mut || true);
    assert!(left.is_empty(), "{left:?}");
    assert_eq!((names(&first).len(), names(&second).len()), (0, 0));

    plant(&second);
    drop(first);
    let left = clear(&servers, &keys, &mut || true);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].why.contains("refused"), "{left:?}");
    assert!(left[0].node.cli().starts_with("redis-cli -h 127.0.0.1"));
    assert_eq!(names(&second), [""; 0], "the other node told the nodes");

    drop(second);
    let left = clear(&servers, &keys, &mut || true);
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left[0].why.contains("are not known"), "{left:?}");
}
