//! Tests of the evidence about the nodes of a cluster: each has a row, the hot one is visible, and what one
//! of them does not tell is not known of all.

use crate::common;
use bench_report::names::redis::{commands, nodes};
use bench_report::names::{FigureName, redis as figures};
use bench_report::{EvidenceRow, ServerEvidence};
use redis::Connection;
use testbed::{Redis, RedisCluster, RedisOptions};

const SLOTS: u32 = 16_384;

const WATCH: &str = "--duration 1500ms --interval 500ms";

fn slot(key: &str, connection: &mut Connection) -> u32 {
    let mut slot = redis::cmd("CLUSTER");
    slot.arg("KEYSLOT").arg(key).query(connection).unwrap()
}

/// Returns keys that node `index` of three holds.
fn keys_of(index: u32, connection: &mut Connection) -> impl Iterator<Item = String> {
    let held = SLOTS * index / 3..SLOTS * (index + 1) / 3;
    let keys = (0..).map(|number| format!("item:{number}"));
    keys.filter(move |key| held.contains(&slot(key, connection)))
}

fn row<'a>(server: &'a ServerEvidence, redis: &Redis) -> &'a EvidenceRow {
    let name = format!("127.0.0.1:{}", redis.port());
    let mut rows = server.rows(nodes::TABLE).unwrap().iter();
    rows.find(|row| row.label(nodes::NODE) == Some(&name))
        .unwrap()
}

fn figure(server: &ServerEvidence, name: FigureName) -> f64 {
    let value = server.value(name);
    value.unwrap_or_else(|| panic!("no {name}: {:?}", server.unavailable))
}

#[test]
fn the_node_with_nine_of_ten_requests_is_named_with_its_share_of_all() {
    let cluster = RedisCluster::start(3, &RedisOptions::default()).unwrap();
    let load = || {
        let gets = [(0, 150), (1, 2_700), (2, 150)];
        for (index, count) in gets {
            let mut connection = common::connect(&cluster.nodes()[index as usize]);
            let key = keys_of(index, &mut connection).next().unwrap();
            let mut requests = redis::pipe();
            for _ in 0..count {
                requests.cmd("GET").arg(&key).ignore();
            }
            requests.exec(&mut connection).unwrap();
        }
    };
    // Any node tells of the whole cluster.
    let (said, server) = common::watched(cluster.nodes()[2].url(), WATCH, load);
    let all = server.rows(nodes::TABLE).unwrap();
    assert_eq!(all.len(), 3, "{all:?}");
    let slots: f64 = all.iter().filter_map(|row| row.value(nodes::SLOTS)).sum();
    assert_eq!(slots, f64::from(SLOTS));
    let hot = row(&server, &cluster.nodes()[1]);
    assert_eq!(hot.label(nodes::ROLE), Some("primary"));
    let share = hot.value(nodes::CALLS_RATIO).unwrap();
    assert!((0.85..0.95).contains(&share), "{share}");
    assert_eq!(figure(&server, figures::BUSIEST_NODE_CALLS_RATIO), share);
    // The nodes' own messages and other answers are beside the requests.
    let gets = server.value_of(figures::COMMAND_CALLS, "get").unwrap();
    assert_eq!(gets, 3_000.0);
    let rows = server.rows(commands::TABLE).unwrap();
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row.label(commands::COMMAND) == Some("get"))
        .collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(figure(&server, figures::KEYSPACE_MISSES), 3_000.0);
    assert!(said.contains("Nodes\n"), "{said}");
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
}

#[test]
fn a_node_that_dies_has_a_row_with_the_reason_and_no_sum_is_told() {
    let mut cluster = RedisCluster::start(3, &RedisOptions::default()).unwrap();
    let lost = format!("127.0.0.1:{}", cluster.nodes()[1].port());
    let url = cluster.nodes()[0].url().to_owned();
    let kill = || cluster.nodes_mut()[1].kill();
    let (said, server) = common::watched(&url, WATCH, kill);
    let mut rows = server.rows(nodes::TABLE).unwrap().iter();
    let row = rows
        .find(|row| row.label(nodes::NODE) == Some(&lost))
        .unwrap();
    assert!(
        row.label(nodes::REASON)
            .is_some_and(|why| why.contains("refused")),
        "{row:?}"
    );
    assert_eq!(server.value(figures::COMMANDS_PROCESSED), None);
    assert!(
        server.unavailable["info"].starts_with(&lost),
        "{:?}",
        server.unavailable
    );
    assert!(said.contains(&lost), "{said}");
}

/// Source of the plant: redis/redis#4810, in which a node still lists keys of a slot that it gave up.
#[test]
fn keys_that_their_node_no_longer_serves_are_left_out_of_the_sample() {
    let lenient = ("cluster-require-full-coverage", "no");
    let cluster = RedisCluster::start(
        3,
        &RedisOptions {
            settings: vec![(lenient.0.to_owned(), lenient.1.to_owned())],
            ..RedisOptions::default()
        },
    );
    let cluster = cluster.unwrap();
    let mut connection = common::connect(&cluster.nodes()[0]);
    let mut asking = common::connect(&cluster.nodes()[0]);
    let keys: Vec<String> = keys_of(0, &mut asking).take(5).collect();
    for key in &keys {
        redis::cmd("SET")
            .arg(key)
            .arg("x")
            .exec(&mut connection)
            .unwrap();
    }
    let moved = slot(&keys[4], &mut connection);
    let mut give_up = redis::cmd("CLUSTER");
    let give_up = give_up.arg("DELSLOTS").arg(moved);
    give_up.exec(&mut connection).unwrap();
    let watch = "--duration 500ms --keys-under item:";
    let (said, server) = common::watched(cluster.nodes()[1].url(), watch, || ());
    assert_eq!(server.value(figures::KEYS_SAMPLED), Some(4.0), "{said}");
    assert!(!server.unavailable.contains_key("key_hints"), "{said}");
    assert_eq!(
        row(&server, &cluster.nodes()[0]).value(nodes::KEYS),
        Some(5.0)
    );
}
