//! Tests of the removal on real servers: users without permissions, and a node of a cluster.

use std::net::TcpListener;

use redis::Connection;
use testbed::{Redis, RedisOptions};

use super::clear;
use crate::keys::run_keys::{Preload, RunKeys};
use crate::server::address::RedisAddress;

/// More than two batches.
const KEYS: u64 = 1_234;

fn run_keys() -> RunKeys {
    RunKeys {
        keys: KEYS,
        value_bytes: 3,
        preload: Preload::Ratio(1.0),
        ..RunKeys::new("plimsoll:run:", 1)
    }
}

fn connect(url: &str) -> Connection {
    RedisAddress::parse(url).unwrap().connect().unwrap()
}

/// Writes the keys of a run, and a key that is none of them.
fn plant(connection: &mut Connection, keys: &RunKeys) {
    let cancel = load_engine::Cancel::new();
    assert!(keys.fill(connection, &cancel, None).unwrap());
    let mut mine = redis::cmd("SET");
    mine.arg("mine").arg("x").exec(connection).unwrap();
}

fn names(connection: &mut Connection) -> Vec<String> {
    redis::cmd("KEYS").arg("*").query(connection).unwrap()
}

#[test]
fn without_a_permission_another_command_removes_the_keys() {
    for denied in [
        &["-scan"][..],
        &["-unlink"],
        &["-scan", "-unlink"],
        &["-scan", "-unlink", "-del"],
        &["-unlink", "-del", "-pexpire"],
        &["-scan", "-unlink", "-del", "-pexpire"],
    ] {
        let redis = Redis::start(&RedisOptions::default()).unwrap();
        let mut admin = connect(redis.url());
        plant(&mut admin, &run_keys());
        let mut user = redis::cmd("ACL");
        user.arg(&["SETUSER", "app", "on", "nopass", "~*", "&*", "+@all"]);
        user.arg(denied).exec(&mut admin).unwrap();
        let url = redis.url().replace("redis://", "redis://app:any@");
        let cleared = clear(&mut connect(&url), &run_keys(), || true);
        assert!(cleared.unwrap(), "{denied:?}");
        // Keys that were given a life of 1 ms may still be counted in their last moment.
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert_eq!(names(&mut admin), ["mine"], "{denied:?}");
    }
}

#[test]
fn a_user_who_may_remove_nothing_gets_an_error_and_the_keys_stay() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let mut admin = connect(redis.url());
    plant(&mut admin, &run_keys());
    let mut user = redis::cmd("ACL");
    user.arg(&["SETUSER", "app", "on", "nopass", "~*", "+get", "+ping"]);
    user.exec(&mut admin).unwrap();
    let url = redis.url().replace("redis://", "redis://app:any@");
    let error = clear(&mut connect(&url), &run_keys(), || true).unwrap_err();
    assert!(super::is_refused(&error), "{error}");
    assert_eq!(names(&mut admin).len() as u64, KEYS + 1);
}

#[test]
fn keys_of_all_slots_are_removed_from_a_node_of_a_cluster() {
    // The port of the cluster's bus is else the server's plus 10,000, which may not exist.
    let bus = TcpListener::bind("127.0.0.1:0").unwrap();
    let bus_port = bus.local_addr().unwrap().port().to_string();
    drop(bus);
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = RedisOptions {
        settings: vec![
            setting("cluster-enabled", "yes"),
            setting("cluster-port", &bus_port),
        ],
        ..RedisOptions::default()
    };
    let redis = Redis::start(&options).unwrap();
    let mut connection = connect(redis.url());
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(0).arg(16_383);
    slots.exec(&mut connection).unwrap();
    test_support::eventually("the cluster is up", || {
        let info: String = redis::cmd("CLUSTER")
            .arg("INFO")
            .query(&mut connection)
            .unwrap();
        info.contains("cluster_state:ok")
    });
    plant(&mut connection, &run_keys());
    assert!(clear(&mut connection, &run_keys(), || true).unwrap());
    assert_eq!(names(&mut connection), ["mine"]);
}
