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

/// Returns a key that node `index` of three holds.
fn key_of(index: u32, connection: &mut Connection) -> String {
    let keys = (0..).map(|number| format!("item:{number}"));
    let mut keys = keys.filter(|key| {
        let slot: u32 = redis::cmd("CLUSTER")
            .arg("KEYSLOT")
            .arg(key)
            .query(connection)
            .unwrap();
        (SLOTS * index / 3..SLOTS * (index + 1) / 3).contains(&slot)
    });
    keys.next().unwrap()
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
            let key = key_of(index, &mut connection);
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
