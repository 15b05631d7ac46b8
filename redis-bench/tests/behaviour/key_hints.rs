//! Tests of what is told of single keys and of the latency monitor: large, much used and slow keys below the
//! prefix, and events within the observation.

use crate::common;
use bench_report::names::redis as figures;
use bench_report::names::redis::{key_hints, latency_events, slow_calls};
use bench_report::{EvidenceRow, ServerEvidence};
use redis::Connection;
use testbed::{Redis, RedisOptions};

/// Part of a key's name that nothing may show.
const SECRET: &str = "Zq7secretqZ";
const WATCH: &str = "--duration 1s --interval 500ms --keys-under app:";

fn server(settings: &[(&str, &str)]) -> (Redis, Connection) {
    let settings = settings.iter();
    let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let redis = Redis::start(&RedisOptions {
        settings: settings.collect(),
        ..RedisOptions::default()
    });
    let redis = redis.unwrap();
    let connection = common::connect(&redis);
    (redis, connection)
}

/// Writes 300 short strings, and a list of 100,000 elements in `list`.
fn fill(connection: &mut Connection, list: &str) {
    let mut fill = redis::pipe();
    for number in 0..300 {
        fill.cmd("SET")
            .arg(format!("app:item:{number}"))
            .arg("x")
            .ignore();
    }
    fill.exec(connection).unwrap();
    let elements = vec!["element"; 100_000];
    redis::cmd("RPUSH")
        .arg(list)
        .arg(elements)
        .exec(connection)
        .unwrap();
}

fn read_all(connection: &mut Connection, list: &str) {
    let mut read = redis::cmd("LRANGE");
    let read = read
        .arg(list)
        .arg(0)
        .arg(-1)
        .query::<Vec<String>>(connection);
    assert_eq!(read.unwrap().len(), 100_000);
}

fn rows<'a>(server: &'a ServerEvidence, why: &str) -> Vec<&'a EvidenceRow> {
    let rows = server.rows(key_hints::TABLE).unwrap_or_default().iter();
    rows.filter(|row| row.label(key_hints::WHY) == Some(why))
        .collect()
}

/// The chain from a command over the slow log to the type and size of its key.
#[test]
fn a_slow_command_leads_to_the_type_and_size_of_its_key_below_the_prefix_alone() {
    let (redis, mut connection) = server(&[("slowlog-log-slower-than", "200")]);
    let (own, other) = (format!("app:{SECRET}"), format!("other:{SECRET}"));
    fill(&mut connection, &own);
    fill(&mut connection, &other);
    let (said, server) = common::watched(redis.url(), WATCH, || {
        read_all(&mut connection, &own);
        read_all(&mut connection, &other);
    });
    let slow = server.rows(slow_calls::TABLE).unwrap();
    assert!(
        slow.iter()
            .any(|row| row.label(slow_calls::COMMAND) == Some("lrange"))
    );
    for why in ["slow", "big"] {
        let found = rows(&server, why);
        assert_eq!(found.len(), 1, "{why}: {found:?}");
        let row = found[0];
        assert_eq!(row.label(key_hints::KEY), Some("app:***"));
        assert_eq!(row.label(key_hints::TYPE), Some("list"));
        assert_eq!(row.label(key_hints::ENCODING), Some("quicklist"));
        assert_eq!(row.value(key_hints::ELEMENTS), Some(100_000.0));
        assert!(row.value(key_hints::BYTES).unwrap() > 700_000.0, "{row:?}");
    }
    assert_eq!(
        rows(&server, "slow")[0].label(key_hints::COMMAND),
        Some("lrange")
    );
    assert_eq!(server.value(figures::KEYS_SAMPLED), Some(301.0));
    let report = serde_json::to_string(&server).unwrap();
    assert!(!report.contains(SECRET) && !said.contains(SECRET), "{said}");
    assert!(
        said.contains("slow lrange") && said.contains("100000"),
        "{said}"
    );
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
}

#[test]
fn the_key_with_most_accesses_is_told_where_the_server_counts_them() {
    let lfu = [("maxmemory", "64mb"), ("maxmemory-policy", "allkeys-lfu")];
    let (redis, mut connection) = server(&lfu);
    fill(&mut connection, "other:list");
    let (_, server) = common::watched(redis.url(), WATCH, || {
        let mut requests = redis::pipe();
        for _ in 0..20_000 {
            requests.cmd("GET").arg("app:item:7").ignore();
        }
        requests.exec(&mut connection).unwrap();
    });
    let hot = rows(&server, "hot");
    assert_eq!(hot.len(), 1, "{hot:?}");
    assert_eq!(hot[0].label(key_hints::TYPE), Some("string"));
    assert!(
        hot[0].value(key_hints::FREQUENCY).unwrap() > 18.0,
        "{hot:?}"
    );
    assert!(rows(&server, "big").is_empty(), "all strings are alike");
}

#[test]
fn without_permission_to_look_at_keys_the_reason_is_told() {
    let (redis, mut connection) = server(&[]);
    let rules = ["SETUSER", "little", "on", ">pw", "~*", "+@all", "-memory"];
    fill(&mut connection, "app:list");
    redis::cmd("ACL").arg(&rules).exec(&mut connection).unwrap();
    let url = redis.url().replace("redis://", "redis://little:pw@");
    let (_, server) = common::watched(&url, WATCH, || ());
    let why = &server.unavailable["key_hints"];
    assert!(why.contains("NOPERM"), "{why}");
    assert_eq!(server.value(figures::KEYS_SAMPLED), None);
}

/// Planted: an event of the monitor before the observation, and one within it.
#[test]
fn only_events_of_the_observation_are_told_and_a_monitor_that_is_off_is_said_to_be() {
    let spin = "for i = 1, tonumber(ARGV[1]) do local x = i * i end";
    let spin_for = |connection: &mut Connection, turns: u64| {
        let mut eval = redis::cmd("EVAL");
        eval.arg(spin).arg(0).arg(turns).exec(connection).unwrap();
    };
    let (redis, mut connection) = server(&[("latency-monitor-threshold", "2")]);
    spin_for(&mut connection, 30_000_000);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let args = "--duration 2500ms --interval 1s";
    let (said, evidence) = common::watched(redis.url(), args, || {
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        spin_for(&mut connection, 3_000_000);
    });
    let rows = evidence.rows(latency_events::TABLE).unwrap();
    let row = rows
        .iter()
        .find(|row| row.label(latency_events::EVENT) == Some("command"));
    let longest_us = row.unwrap().value(latency_events::LONGEST_US).unwrap();
    let told: Vec<(u64, u64)> = redis::cmd("LATENCY")
        .arg(&["HISTORY", "command"])
        .query(&mut connection)
        .unwrap();
    assert_eq!(longest_us, 1e3 * told.last().unwrap().1 as f64, "{told:?}");
    assert!(
        told.len() > 1 && told[0].1 as f64 > longest_us / 1e3,
        "{told:?}"
    );
    assert!(said.contains("Latency monitor: command up to"), "{said}");

    let (redis, _) = server(&[]);
    let (said, evidence) = common::watched(redis.url(), "--duration 500ms", || ());
    let why = &evidence.unavailable["latency_events"];
    assert!(why.contains("latency-monitor-threshold 0"), "{why}");
    assert!(said.contains("latency_events"), "{said}");
}
