//! Tests of reads from a replica: which server gets which command, and what is told of a replica that
//! does not have what was written.
use std::time::Duration;

use crate::common::{self, bench, report, told};
use bench_report::{Operation, Report};
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::{Redis, RedisSentinel};

/// Runs `redis-bench` with these arguments, and returns all that it said and the report of `scenario`.
fn run(url: Option<&str>, scenario: &str, args: &str) -> (String, Report) {
    let place = TestDirectory::new();
    let args = format!(
        "{scenario} {args} --read-from replica --users 4 --repeats 1 --warmup 0s --run-dir run"
    );
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut command = bench(&place, &args);
    if let Some(url) = url {
        command.env("REDIS_URL", url);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
    (said, report(&place, scenario))
}

/// Returns the number of times that the server executed `command`, in the commands of a replica those
/// that the primary sent it as well.
fn calls(redis: &Redis, command: &str) -> u64 {
    let mut connection = common::connect(redis);
    let mut ask = redis::cmd("INFO");
    let info: String = ask.arg("commandstats").query(&mut connection).unwrap();
    let line = format!("cmdstat_{command}:calls=");
    let mut counts = info.lines().filter_map(|text| text.strip_prefix(&line));
    let count = counts.next().and_then(|rest| rest.split(',').next());
    count.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn a_load_that_only_reads_is_made_at_the_replica_in_every_way_to_connect() {
    for more in [
        "--client pooled,multiplexed,managed,plain,per-request --duration 300ms",
        "--client multiplexed --connections 2 --workers 2 --duration 300ms -P 4",
    ] {
        let primary = common::redis();
        let replica = primary.start_replica().unwrap();
        let args = format!("--workload get {more}");
        let (said, report) = run(Some(primary.url()), "pool", &args);
        assert_eq!(report.config["read_from"], "replica");
        let place = format!("127.0.0.1:{}", replica.port());
        assert_eq!(report.config["replica"], *place, "{said}");
        let mut requests = 0;
        for step in &report.steps {
            let get = &step.operations["get"];
            assert_eq!(get.failures(), 0, "{said}");
            requests += get.succeeded;
            assert!(
                step.figures.contains_key("replica.lag_most_bytes"),
                "{said}"
            );
            assert_eq!(step.figures["replica.unlinked_ratio"], 0.0, "{said}");
            // The evidence is that of the server under load.
            let server = step.server.as_ref().unwrap();
            assert!(server.figures["commands.get.calls"] > 0.0, "{said}");
        }
        assert!(requests > 0);
        assert!(calls(&replica, "get") >= requests, "{said}");
        assert_eq!(calls(&primary, "get"), 0, "{said}");
        assert_eq!(common::keys(&primary), [""; 0]);
    }
}

#[test]
fn a_burst_of_a_cache_reads_from_the_replica_as_the_cache_does() {
    let primary = common::redis();
    let replica = primary.start_replica().unwrap();
    let args = "--rate spike:200,1k/300ms --keys 1000 --duration 900ms";
    let place = TestDirectory::new();
    let args = format!("burst {args} --read-from replica --repeats 1 --warmup 0s --run-dir run");
    let args: Vec<&str> = args.split_whitespace().collect();
    let output = bench(&place, &args)
        .env("REDIS_URL", primary.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report = report(&place, "burst");
    assert_eq!(report.steps[0].parameters["client"], "multiplexed".into());
    assert!(report.config.contains_key("replica"), "{said}");
    assert!(calls(&replica, "get") > 0, "{said}");
    assert_eq!(calls(&primary, "get"), 0, "{said}");
}

#[test]
fn a_cache_reads_from_the_replica_and_writes_to_the_primary() {
    for client in ["multiplexed", "plain"] {
        let primary = common::redis();
        let replica = primary.start_replica().unwrap();
        let args = format!("--client {client} --keys 1000 --ttl 1s --writes 20% --duration 500ms");
        let (said, report) = run(Some(primary.url()), "cache", &args);
        let operations = &report.steps[0].operations;
        let count = |name: &str| operations.get(name).map_or(0, |one| one.succeeded);
        let reads = count("get") + count("miss") + count("stale_miss");
        assert!(count("get") > 0 && count("set") > 0, "{said}");
        let failed: u64 = operations.values().map(Operation::failures).sum();
        assert_eq!(failed, 0, "{said}");
        assert!(calls(&replica, "get") >= reads, "{said}");
        assert_eq!(calls(&primary, "get"), 0, "{said}");
        assert!(calls(&primary, "set") > count("set"), "{said}");
        let words: Vec<&str> = said.split_whitespace().collect();
        assert!(words.join(" ").contains("Replica: step 1"), "{said}");
        assert_eq!(common::keys(&primary), [""; 0]);
    }
}

/// In the middle of the run the replica loses its primary. It answers on with what it has, whose lives
/// end, and does not learn of the writes that follow each miss.
#[test]
fn reads_of_a_replica_that_lost_its_primary_are_told_as_stale_and_not_as_misses() {
    let primary = common::redis();
    let replica = primary.start_replica().unwrap();
    let place = TestDirectory::new();
    let args = "cache --read-from replica --keys 50 --ttl 1s --users 4 --think-time 2ms --repeats 1 \
                --warmup 0s --duration 4s --run-dir run";
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", primary.url()));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(300));
    let mut lost = redis::cmd("REPLICAOF");
    lost.arg(&["127.0.0.1", "1"]);
    lost.exec(&mut common::connect(&replica)).unwrap();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place, "cache");
    let step = &report.steps[0];
    let count = |name: &str| step.operations.get(name).map_or(0, |one| one.succeeded);
    assert!(count("stale_miss") > count("miss"), "{said}");
    assert!(step.figures["replica.unlinked_ratio"] > 0.5, "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "not connected to its primary for",
        "reads did not find what had been written",
    ] {
        assert!(words.contains(part), "{said}");
    }
    assert_eq!(common::keys(&primary), [""; 0]);
}

/// A throwaway server gets a replica of its own. Sentinels name a primary, which tells its replicas.
#[test]
fn throwaway_servers_and_those_of_sentinels_have_a_replica_too() {
    run(
        None,
        "pool",
        "--workload get --client pooled --duration 200ms",
    );
    run(None, "cache", "--keys 100 --duration 200ms");
    let primary = common::redis();
    let sentinel = RedisSentinel::start(&primary, 1).unwrap();
    let url = format!("{}?sentinel={}", sentinel.url(), RedisSentinel::PRIMARY);
    run(Some(&url), "cache", "--keys 100 --duration 200ms");
    assert_eq!(calls(&primary, "get"), 0);
    assert!(calls(&sentinel.replicas()[0], "get") > 0);
    assert_eq!(common::keys(&primary), [""; 0]);
}

#[test]
fn what_a_replica_cannot_do_is_refused_with_what_to_write() {
    let primary = common::redis();
    let place = TestDirectory::new();
    for (args, code, part) in [
        ("pool --read-from replica", 2, "--workload get"),
        (
            "cache --read-from replica --client pooled",
            2,
            "--client multiplexed,plain",
        ),
        ("cache --read-from replica --backend 5ms", 2, "--backend"),
        (
            "cache --read-from replica",
            1,
            "has no replica that is online",
        ),
    ] {
        let words: Vec<&str> = args.split(' ').chain(["--run-dir", "run"]).collect();
        let said = told(&place, Some(primary.url()), &words, code);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(part), "{args}: {said}");
    }
    assert_eq!(common::keys(&primary), [""; 0]);
}
