//! Tests of a cluster that changes during the load: slots move from node to node with their keys, and a
//! node is killed.
use std::time::{Duration, Instant};

use crate::common::cluster::{TestCluster, calls};
use crate::common::{self, bench, told};
use bench_report::{Operation, Report};
use redis::Connection;
use test_support::{Ended, RunningProgram, TestDirectory, left_behind};
use testbed::RedisOptions;

/// Time for which a slot is between two nodes.
const BETWEEN: Duration = Duration::from_millis(100);
/// Longest time for which slots are moved, within a step.
const MOVING: Duration = Duration::from_millis(1_500);

/// Run on a cluster that changed during the load.
struct ChangedRun {
    ended: Ended,
    report: Report,
}

impl ChangedRun {
    /// Returns the kinds of failures of requests, each with its number.
    fn failures(&self) -> Vec<String> {
        let steps = self.report.steps.iter();
        let operations = steps.flat_map(|step| step.operations.values());
        let kinds = operations.flat_map(|operation| &operation.errors);
        kinds
            .map(|(kind, count)| format!("{kind}: {count}"))
            .collect()
    }

    fn finished(&self) -> u64 {
        let steps = self.report.steps.iter();
        let operations = steps.flat_map(|step| step.operations.values());
        operations
            .map(|operation: &Operation| operation.succeeded)
            .sum()
    }
}

/// Runs one step with `args`, and calls `change` when requests are being made.
fn run(cluster: &mut TestCluster, args: &str, change: impl FnOnce(&mut TestCluster)) -> ChangedRun {
    let place = TestDirectory::new();
    let args = format!("{args} --client cluster --warmup 0s --repeats 1 --run-dir run");
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", cluster.url()));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(200));
    change(cluster);
    let ended = running.end();
    assert!(!ended.said.contains("panicked"), "{}", ended.said);
    ChangedRun {
        ended,
        report: common::report(&place, args[0]),
    }
}

/// Movement of one slot with its keys from the first node to the second.
struct Move<'a> {
    nodes: &'a mut [Connection],
    slot: u64,
    port: u16,
}

impl<'a> Move<'a> {
    /// Begins the movement of `slot`, which then is between the nodes.
    fn begin(cluster: &TestCluster, nodes: &'a mut [Connection], slot: u64) -> Self {
        let [from, to, ..] = &mut *nodes else {
            panic!("too few nodes")
        };
        let (from_id, to_id) = (id(from), id(to));
        set_slot(to, slot, &["IMPORTING", &from_id]);
        set_slot(from, slot, &["MIGRATING", &to_id]);
        let port = cluster.nodes.nodes()[1].port();
        Self { nodes, slot, port }
    }

    /// Moves the keys.
    fn keys(&mut self) {
        loop {
            let mut held = redis::cmd("CLUSTER");
            held.arg("GETKEYSINSLOT").arg(self.slot).arg(100);
            let held: Vec<String> = held.query(&mut self.nodes[0]).unwrap();
            if held.is_empty() {
                return;
            }
            let mut migrate = redis::cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(self.port).arg("").arg(0);
            migrate.arg(5_000).arg("KEYS").arg(held);
            migrate.exec(&mut self.nodes[0]).unwrap();
        }
    }

    /// Ends the movement: the slot is the second node's.
    fn end(self) {
        let owner = id(&mut self.nodes[1]);
        for node in [1, 0, 2] {
            set_slot(&mut self.nodes[node], self.slot, &["NODE", &owner]);
        }
    }
}

fn set_slot(node: &mut Connection, slot: u64, to: &[&str]) {
    let mut command = redis::cmd("CLUSTER");
    command.arg("SETSLOT").arg(slot).arg(to);
    command.exec(node).unwrap();
}

fn id(node: &mut Connection) -> String {
    redis::cmd("CLUSTER").arg("MYID").query(node).unwrap()
}

/// Returns the slots of the keys that the first node holds.
fn slots_in_use(node: &mut Connection) -> Vec<u64> {
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query(node).unwrap();
    let slot = |name| redis::cmd("CLUSTER").arg("KEYSLOT").arg(name).query(node);
    let mut slots: Vec<u64> = names.iter().map(slot).map(Result::unwrap).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// Returns what the step counted as followed redirections.
fn followed(report: &Report, kind: &str) -> f64 {
    let figures = report.steps.iter().map(|step| &step.figures);
    figures.filter_map(|figures| figures.get(kind)).sum()
}

#[test]
fn requests_for_a_slot_between_two_nodes_are_followed_there() {
    let mut cluster = TestCluster::start(&RedisOptions::default());
    for args in [
        "pool --workload get --users 200",
        "pool --workload set --users 200 -P 8",
        "session --store hash,indexed --users 20",
    ] {
        cluster.reset_statistics();
        let run = run(&mut cluster, &format!("{args} --duration 2s"), |cluster| {
            let (mut nodes, begun) = (cluster.connections(), Instant::now());
            let mut tries = 0;
            // The session of a slot may end before a request meets the slot between the nodes.
            while tries < 3 || cluster.errors("ASK")[0] == 0 && begun.elapsed() < MOVING {
                let slot = slots_in_use(&mut nodes[0])[0];
                let mut moved = Move::begin(cluster, &mut nodes, slot);
                moved.keys();
                std::thread::sleep(BETWEEN);
                moved.end();
                tries += 1;
            }
        });
        assert_eq!(run.ended.code, Some(0), "{args}: {}", run.ended.said);
        assert_eq!(run.failures(), [""; 0], "{args}: {}", run.ended.said);
        assert!(run.finished() > 100, "{args}: {}", run.ended.said);
        let ask = cluster.errors("ASK")[0];
        assert!(ask > 0, "{args}: {}", run.ended.said);
        let told = followed(&run.report, "redirections.ask");
        assert!(told > 0.0 && told <= ask as f64, "{told} of {ask}");
        assert!(
            run.ended.said.contains("Redirections followed"),
            "{}",
            run.ended.said
        );
        assert_eq!(left_behind(&run.report), None);
        assert_eq!(cluster.keys(), [""; 0], "{args}");
    }
}

/// Reads check the length of each value, and a key that is missing would be a miss: all keys exist and
/// live for longer than the run.
#[test]
fn a_resharding_under_load_loses_no_value() {
    let mut cluster = TestCluster::start(&RedisOptions::default());
    let args = "cache --keys 2k --ttl 1h --preload fresh --writes 0.3 --users 20 --duration 3s";
    let mut count = 0;
    let run = run(&mut cluster, args, |cluster| {
        let mut nodes = cluster.connections();
        let begun = Instant::now();
        for slot in slots_in_use(&mut nodes[0]) {
            if begun.elapsed() > Duration::from_secs(2) {
                break;
            }
            let mut moved = Move::begin(cluster, &mut nodes, slot);
            moved.keys();
            moved.end();
            count += 1;
        }
    });
    assert_eq!(run.ended.code, Some(0), "{}", run.ended.said);
    assert_eq!(run.failures(), [""; 0], "{}", run.ended.said);
    assert_eq!(run.report.steps[0].censored(), 0, "{}", run.ended.said);
    assert_eq!(
        run.report.steps[0].figures["hit_ratio"], 1.0,
        "{}",
        run.ended.said
    );
    assert!(
        followed(&run.report, "redirections.moved") > 0.0,
        "{count} slots: {}",
        run.ended.said
    );
    assert_eq!(left_behind(&run.report), None);
    assert_eq!(cluster.keys(), [""; 0]);
}

/// The first node is that of the URL. The others tell the nodes in its place when keys are removed.
#[test]
fn a_killed_node_fails_its_requests_and_is_named_with_what_may_be_left() {
    let mut cluster = TestCluster::start(&RedisOptions::default());
    for dead in [2, 0] {
        let args = "cache --keys 300 --users 6 --duration 3s";
        let run = run(&mut cluster, args, |cluster| {
            cluster.nodes.nodes_mut()[dead].kill();
        });
        let said = &run.ended.said;
        assert_eq!(run.ended.code, Some(3), "the rule about errors: {said}");
        let kinds = run.failures().join(" ");
        assert!(kinds.contains("refused"), "{kinds}: {said}");
        assert_eq!(run.report.steps[0].censored(), 0, "{said}");
        assert!(said.contains("CLUSTER NODES on a node that runs"), "{said}");
        let left = left_behind(&run.report).unwrap_or_default();
        for (index, node) in cluster.nodes.nodes().iter().enumerate() {
            let is_named = left.contains(&node.port().to_string());
            assert_eq!(is_named, index == dead, "{left}");
            if index != dead {
                assert_eq!(common::keys(node), [""; 0]);
            }
        }
        cluster.nodes.nodes_mut()[dead].restart().unwrap();
        test_support::eventually("the cluster is whole again", || {
            cluster.connections().iter_mut().all(|node| {
                let info: String = redis::cmd("CLUSTER").arg("INFO").query(node).unwrap();
                info.contains("cluster_state:ok")
            })
        });
    }
}

/// Returns the values of the series `name` in the measured intervals of the only step.
fn intervals(report: &Report, name: &str) -> Vec<f64> {
    let mut series = report.series.iter();
    let series = series.find(|series| series.name == name).unwrap();
    let end_ns = report.steps[0].window.measure_end_ns;
    let all = series.at_ns.iter().zip(&series.mean);
    let measured = all.filter(|(at, _)| **at <= end_ns);
    measured.map(|(_, value)| value.unwrap()).collect()
}

/// As in a failover, but the node that takes over is one that was there before, and has no copy.
#[test]
fn requests_go_to_the_node_that_takes_the_slots_of_a_killed_one() {
    let mut cluster = TestCluster::start(&RedisOptions::default());
    let args = "cache --keys 300 --users 6 --duration 4s --stop-on p99>1h";
    let run = run(&mut cluster, args, |cluster| {
        cluster.nodes.nodes_mut()[2].kill();
        let alive = &cluster.nodes.nodes()[..2];
        let mut alive: Vec<Connection> = alive.iter().map(common::connect).collect();
        let heir = id(&mut alive[1]);
        for node in &mut alive {
            let mut slots = redis::Pipeline::new();
            for slot in 16_384 * 2 / 3..16_384 {
                let command = slots.cmd("CLUSTER").arg("SETSLOT").arg(slot);
                command.arg("NODE").arg(&heir).ignore();
            }
            slots.exec(node).unwrap();
        }
    });
    let said = &run.ended.said;
    assert_eq!(run.ended.code, Some(0), "{said}");
    assert!(run.failures().join(" ").contains("refused"), "{said}");
    let answered = intervals(&run.report, "throughput_per_s");
    assert!(answered.last().unwrap() > &0.0, "{said}");
    assert_eq!(
        intervals(&run.report, "errors_per_s").last(),
        Some(&0.0),
        "{said}"
    );
    let alive = &cluster.nodes.nodes()[..2];
    assert!(alive.iter().all(|node| common::keys(node).is_empty()));
}

/// The other nodes go on answering: a third of 300 requests a second is for each.
#[test]
fn a_node_that_stands_still_delays_its_own_requests_only() {
    let mut cluster = TestCluster::start(&RedisOptions::default());
    let args = "cache --keys 1k --rate 300 --duration 3s";
    let mut answered = 0;
    let run = run(&mut cluster, args, |cluster| {
        let [first, .., last] = cluster.nodes.nodes() else {
            panic!("too few nodes")
        };
        last.pause();
        let before = calls(first, "get");
        std::thread::sleep(Duration::from_secs(1));
        answered = calls(first, "get") - before;
        last.resume();
    });
    assert!(answered >= 20, "{answered} requests, {}", run.ended.said);
    let said = &run.ended.said;
    assert_eq!(run.ended.code, Some(0), "{said}");
    assert_eq!(run.failures(), [""; 0], "{said}");
    let get = &run.report.steps[0].operations["get"];
    let longest_ns = get.latency().unwrap().max_ns;
    assert!(longest_ns >= 900_000_000, "{longest_ns} ns {said}");
    assert_eq!(cluster.keys(), [""; 0]);
}

#[test]
fn a_node_that_hangs_before_the_load_is_told_with_where_keys_may_be_left() {
    let cluster = TestCluster::start(&RedisOptions::default());
    let nodes = cluster.nodes.nodes();
    nodes[2].pause();
    let args = ["pool", "--client", "cluster", "--run-dir", "run"];
    let place = TestDirectory::new();
    let stderr = told(&place, Some(cluster.url()), &args, 1);
    nodes[2].resume();
    assert!(stderr.contains("no answer in time"), "{stderr}");
    assert!(
        stderr.contains("CLUSTER NODES on a node that runs"),
        "{stderr}"
    );
    let removing = format!("redis-cli -h 127.0.0.1 -p {} --scan", nodes[2].port());
    assert!(stderr.contains(&removing), "{stderr}");
}
