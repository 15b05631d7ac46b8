//! Tests of RESP3: every way to connect speaks it, and every scenario finds out as much over it as over
//! RESP2, whose answers have other types.
use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::{self, bench, report};
use bench_report::{Report, Step};
use redis::Connection;
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::Redis;

const CLIENTS: [&str; 5] = ["pooled", "multiplexed", "managed", "plain", "per-request"];

/// Commands and flags of short runs, each with the name of its scenario.
const RUNS: [(&str, &str); 8] = [
    ("cache", "cache --keys 200 --ttl 100ms --writes 10%"),
    (
        "cache",
        "cache --stampede none,lock,early --backend exp:5ms --ttl 100ms",
    ),
    ("pool", "pool --workload get -P 4"),
    ("session", "session --updates 100% --session-length 3"),
    (
        "rate-limit",
        "rate-limit --algorithm fixed-window,sliding-log,sliding-log-list,sliding-counter,\
         token-bucket,gcra --form atomic,racy --limit 20/100ms --keys 2",
    ),
    (
        "rate-limit",
        "rate-limit --limit 20/1s --keys 2 --library rate-limit-redis,rate-limiter-flexible,\
         upstash-fixed,upstash-sliding,upstash-bucket,limits-moving,pyrate-limiter,\
         django-ratelimit,redis-rate,spring-cloud-gateway,laravel",
    ),
    (
        "memory",
        "memory --keys 2000 --types string,hash,zset --value-size 10 --elements 8",
    ),
    ("observe", "observe --duration 300ms"),
];

fn url(redis: &Redis, protocol: u8) -> String {
    format!("{}?protocol=resp{protocol}", redis.url())
}

/// Returns the version of the protocol of each connection that sent one of the load's commands or read
/// the server last: it has logged in, and speaks what it asked for. Before version 7 the server does not
/// tell it.
fn spoken(admin: &mut Connection) -> Vec<String> {
    let list: String = redis::cmd("CLIENT").arg("LIST").query(admin).unwrap();
    let field = |line: &str, name: &str| {
        let mut fields = line.split(' ');
        fields.find_map(|field| Some(field.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    };
    let sent = |line: &&str| {
        let command = field(line, "cmd").unwrap_or_default();
        ["get", "ping", "info"].contains(&&*command)
    };
    let lines = list.lines().filter(sent);
    lines.filter_map(|line| field(line, "resp")).collect()
}

/// The connections of the load and that of the evidence are seen in the middle of a run.
#[test]
fn every_way_to_connect_speaks_the_protocol_of_the_url() {
    let with_resp3 = CLIENTS.map(|client| (client, 3));
    for (client, protocol) in with_resp3.into_iter().chain([("multiplexed", 2)]) {
        let redis = common::redis();
        let mut admin = common::connect(&redis);
        let place = TestDirectory::new();
        let url = url(&redis, protocol);
        let args = "pool --workload get --users 4 --repeats 1 --warmup 0s --duration 1s \
                    --run-dir run --client";
        let args = args.split_whitespace().chain([client, "--url", &url]);
        let mut running = RunningProgram::start(&mut bench(&place, &args.collect::<Vec<_>>()));
        running.wait_for("phase: measure");
        let mut seen = Vec::new();
        while running.runs() && seen.len() < 100 {
            seen.extend(spoken(&mut admin));
            std::thread::sleep(Duration::from_millis(5));
        }
        let Ended { code, said, .. } = running.end();
        assert_eq!(code, Some(0), "{client}: {said}");
        let version: String = redis::cmd("INFO").arg("server").query(&mut admin).unwrap();
        let is_told = !version.contains("redis_version:6.");
        assert_eq!(seen.is_empty(), !is_told, "{client}: {said}");
        let wanted = protocol.to_string();
        assert!(
            seen.iter().all(|told| *told == wanted),
            "{client}: {seen:?}"
        );
        let report = report(&place, "pool");
        assert_eq!(report.config["protocol"], format!("resp{protocol}"));
        assert_eq!(common::keys(&redis), [""; 0]);
    }
}

/// Runs `args` on `redis` over this version of the protocol.
fn run(redis: &Redis, protocol: u8, (scenario, args): (&str, &str)) -> Report {
    let place = TestDirectory::new();
    let url = url(redis, protocol);
    let load = match scenario {
        "memory" | "observe" => "",
        "session" | "rate-limit" => "--users 4 --repeats 1 --warmup 0s --duration 200ms",
        _ => "--users 4 --repeats 1 --warmup 0s --duration 200ms --client multiplexed",
    };
    let args = format!("{args} {load} --run-dir run --url {url}");
    let args: Vec<&str> = args.split_whitespace().collect();
    let output = bench(&place, &args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
    report(&place, scenario)
}

/// Returns the names of what is known of a step: the figures that the server tells, and what it does not
/// tell. Which commands a load sends, which step meets an unknown script, whether a call was slow, and
/// whether a short step is polled is chance.
fn known(step: &Step) -> BTreeSet<String> {
    let server = step.server.as_ref().unwrap();
    let lacks = server.unavailable.iter();
    let lacks = lacks.map(|(what, why)| format!("no {what}: {why}"));
    let figures = server.figures.keys().chain(server.tables.keys());
    let by_chance = ["commands.", "errors.", "slow_calls", "answer"];
    let steady = figures.filter(|name| !by_chance.iter().any(|part| name.starts_with(part)));
    lacks.chain(steady.cloned()).collect()
}

#[test]
fn every_scenario_finds_out_as_much_over_resp3_as_over_resp2() {
    for (scenario, args) in RUNS {
        let reported = |protocol| {
            let redis = common::redis();
            let report = run(&redis, protocol, (scenario, args));
            assert_eq!(common::keys(&redis), [""; 0], "{args}");
            report
        };
        let [old, new] = std::thread::scope(|scope| {
            let both = [2, 3].map(|protocol| scope.spawn(move || reported(protocol)));
            both.map(|one| one.join().unwrap())
        });
        assert_eq!(old.steps.len(), new.steps.len(), "{args}");
        for old in &old.steps {
            let mut steps = new.steps.iter();
            let new =
                steps.find(|new| (&new.name, &new.parameters) == (&old.name, &old.parameters));
            let new = new.unwrap_or_else(|| panic!("{args}: no {}", old.name));
            for operation in new.operations.values() {
                assert_eq!(operation.failures(), 0, "{args}: {operation:?}");
            }
            if old.server.is_some() {
                assert_eq!(known(old), known(new), "{args}: {}", new.name);
            }
        }
    }
}
