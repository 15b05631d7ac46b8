//! Tests of the scenario `replay` on real servers: the hit ratio of the sample trace is that of
//! libCacheSim, and what lags behind a trace or is left out of it is told.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bench_report::{Report, Step};
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::{Redis, RedisOptions};

use crate::common::{self, bench, connect, keys, report, told};

/// Sample trace of which the number of hits is known.
const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/replay/sample/zipf.oracleGeneral.zst"
);
const EVENTS: usize = 40_000;
const OBJECTS: u64 = 2_977;
/// Capacities in objects, and the hits of LRU as libCacheSim 0.3.5 for Python counts them.
const LRU_HITS: [(usize, u64); 4] = [
    (100, 9_600),
    (300, 16_063),
    (1_000, 26_147),
    (3_000, 37_023),
];

/// Runs `redis-bench replay` with `args` on the server at `url`, and calls `meanwhile` when its only
/// step begins. The run must succeed. Returns its report and its text.
fn run<T>(url: &str, args: &[&str], meanwhile: impl FnOnce() -> T) -> (Report, String, T) {
    let place = TestDirectory::new();
    let fixed = ["replay", "--run-dir", "run", "--stop-on", "p99>1h"];
    let words: Vec<&str> = fixed.iter().chain(args).copied().collect();
    let mut running = RunningProgram::start(bench(&place, &words).env("REDIS_URL", url));
    running.wait_for("phase: measure");
    let seen = meanwhile();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    (report(&place, "replay"), words, seen)
}

fn figure(step: &Step, name: &str) -> f64 {
    let found = step.figures.get(name);
    *found.unwrap_or_else(|| panic!("no {name}: {:?}", step.figures))
}

fn succeeded(step: &Step, operation: &str) -> u64 {
    let found = step.operations.get(operation);
    found.map_or(0, |operation| operation.succeeded)
}

/// Returns the keys of the sample trace in the order of its requests, as the bench itself names them:
/// the server is asked for them by a monitor.
fn sample_keys() -> Vec<u64> {
    let output = std::process::Command::new("zstd")
        .args(["-dcq", SAMPLE])
        .output()
        .unwrap();
    let records = output.stdout.chunks_exact(24);
    let key = |record: &[u8]| u64::from_le_bytes(record[4..12].try_into().unwrap());
    records.map(key).collect()
}

/// Returns the hits of exact LRU with room for `capacity` keys.
fn lru_hits(keys: &[u64], capacity: usize) -> u64 {
    let mut used: HashMap<u64, usize> = HashMap::new();
    let mut by_use: BTreeMap<usize, u64> = BTreeMap::new();
    let mut hits = 0;
    for (now, key) in keys.iter().enumerate() {
        match used.insert(*key, now) {
            Some(before) => {
                hits += 1;
                by_use.remove(&before);
            }
            None if used.len() > capacity => {
                let (_, oldest) = by_use.pop_first().unwrap();
                used.remove(&oldest);
            }
            None => {}
        }
        by_use.insert(now, *key);
    }
    hits
}

/// Each key misses once. The requests keep their order, so the count is exact.
#[test]
fn a_server_without_limit_has_the_hits_of_lib_cache_sim() {
    let redis = common::redis();
    let args = ["--trace", SAMPLE, "--speed", "1500", "--in-order"];
    let (report, said, ()) = run(redis.url(), &args, || ());
    let step = &report.steps[0];
    assert_eq!(figure(step, "replay.requests"), EVENTS as f64);
    assert_eq!(figure(step, "replay.unsent"), 0.0, "{said}");
    let (hits, misses) = (succeeded(step, "get"), succeeded(step, "miss"));
    assert_eq!((hits, misses), (EVENTS as u64 - OBJECTS, OBJECTS), "{said}");
    assert_eq!(hits, LRU_HITS[3].1);
    let ratio = figure(step, "hit_ratio");
    assert!((ratio - 0.925_575).abs() < 1e-9, "{ratio}");
    let info: String = redis::cmd("INFO")
        .arg("stats")
        .query(&mut connect(&redis))
        .unwrap();
    let counted = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap()
    };
    assert_eq!(counted("keyspace_hits:"), hits.to_string());
    assert_eq!(counted("keyspace_misses:"), misses.to_string());
    assert_eq!(report.config["trace_format"], "oracle-general");
    assert_eq!(keys(&redis), Vec::<String>::new());
}

/// The server evicts by LRU with 64 samples, whose clock counts whole seconds. The replay of half of the
/// trace takes 20 s, so that the clock tells the keys apart.
#[test]
fn a_limited_server_has_the_hit_ratio_of_lib_cache_sim() {
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let redis = Redis::start(&RedisOptions {
        settings: vec![
            setting("maxmemory-policy", "allkeys-lru"),
            setting("maxmemory-samples", "64"),
        ],
        ..RedisOptions::default()
    })
    .unwrap();
    let mut trace = sample_keys();
    for (capacity, counted) in LRU_HITS {
        assert_eq!(lru_hits(&trace, capacity), counted, "{capacity}");
    }
    trace.truncate(EVENTS / 2);
    let args = "--speed 500 --in-order --requests 20k --value-size 1000 --trace";
    let args: Vec<&str> = args.split(' ').chain([SAMPLE]).collect();
    let is_over = AtomicBool::new(false);
    let (report, said, capacity) = thread::scope(|scope| {
        let ran = run(redis.url(), &args, || {
            let mut own = connect(&redis);
            let used: String = redis::cmd("INFO").arg("memory").query(&mut own).unwrap();
            let used = used.lines().find_map(|l| l.strip_prefix("used_memory:"));
            let limit = used.unwrap().parse::<u64>().unwrap() + 1_800_000;
            let mut set = redis::cmd("CONFIG");
            let set = set.arg("SET").arg("maxmemory").arg(limit);
            let () = set.query(&mut own).unwrap();
            scope.spawn(|| held(&redis, &is_over))
        });
        is_over.store(true, Ordering::Relaxed);
        (ran.0, ran.1, ran.2.join().unwrap())
    });
    let step = &report.steps[0];
    assert_eq!(figure(step, "replay.unsent"), 0.0, "{said}");
    assert!((800..2_000).contains(&capacity), "{capacity} keys: {said}");
    let counted = lru_hits(&trace, capacity) as f64 / trace.len() as f64;
    let measured = figure(step, "hit_ratio");
    assert!(
        (measured - counted).abs() <= 0.01,
        "{capacity} keys: {measured}, not {counted}"
    );
    assert_eq!(keys(&redis), Vec::<String>::new());
}

/// Returns the number of keys that the full server holds, as the median of readings until `is_over`.
fn held(redis: &Redis, is_over: &AtomicBool) -> usize {
    let mut connection = connect(redis);
    let mut readings = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let info: String = redis::cmd("INFO")
            .arg("stats")
            .query(&mut connection)
            .unwrap();
        let evicted = info.lines().find_map(|l| l.strip_prefix("evicted_keys:"));
        let keys: usize = redis::cmd("DBSIZE").query(&mut connection).unwrap();
        if evicted.unwrap() != "0" && keys > 0 {
            readings.push(keys);
        }
        thread::sleep(Duration::from_millis(50));
    }
    readings.sort_unstable();
    readings[readings.len() / 2]
}

/// Key b has expired when it is read, and key a was removed before it is read again.
#[test]
fn writes_removals_and_expiry_are_those_of_the_trace_and_other_lines_are_told() {
    let place = TestDirectory::new();
    let trace = place.path().join("day.csv");
    let lines = "0,a,1,7,1,get,0\n1,a,1,7,1,get,0\n1,b,1,9,1,set,1\nnoise\n7,b,1,9,1,get,0\n\
                 7,a,1,0,1,delete,0\n6,a,1,7,1,get,0\n";
    fs::write(&trace, lines).unwrap();
    let redis = common::redis();
    let args = ["--trace", trace.to_str().unwrap(), "--speed", "2"];
    let (report, said, ()) = run(redis.url(), &args, || ());
    let step = &report.steps[0];
    let counts = ["get", "miss", "set", "del"].map(|name| succeeded(step, name));
    assert_eq!(counts, [1, 3, 1, 1], "{said}");
    assert_eq!(figure(step, "hit_ratio"), 0.25);
    for wanted in [
        "Trace day.csv (twitter): 4 reads, 1 write and 1 removal of 2 keys in 4.00 s",
        "Left out as no request: 1 line, first line 4: the line has 1 column, not 7",
        "Out of order: 1 request",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains(trace.to_str().unwrap()), "{said}");
    assert_eq!(keys(&redis), Vec::<String>::new());
}

/// Lines of a published trace of cachebench, which has no times, and repeats requests by `op_count`.
#[test]
fn a_trace_without_times_is_sent_at_a_rate_and_repeated_lines_are_requests() {
    let place = TestDirectory::new();
    let trace = place.path().join("kvcache.csv");
    let lines = "key,op,size,op_count,key_size\n1668757755,SET,82,1,40\n1668757755,GET,0,4,40\n\
                 1668757805,GET,208,3,63\n1668757805,DELETE,0,1,63\n1668757805,GET,208,1,63\n";
    fs::write(&trace, lines).unwrap();
    let redis = common::redis();
    let args = [
        "--in-order",
        "--rate",
        "10",
        "--trace",
        trace.to_str().unwrap(),
    ];
    let (report, said, ()) = run(redis.url(), &args, || ());
    let step = &report.steps[0];
    let counts = ["get", "miss", "set", "del"].map(|name| succeeded(step, name));
    assert_eq!(counts, [6, 2, 1, 1], "{said}");
    assert!(
        (step.window.measured_s() - 1.0).abs() < 0.05,
        "ten requests at 10/s"
    );
    assert_eq!(keys(&redis), Vec::<String>::new());
}

/// Reports about other tools: a line whose quote is not closed, and a `HELLO`, made a replay of
/// `MONITOR` hang or abort.
#[test]
fn a_monitor_with_odd_lines_is_replayed_without_them() {
    let place = TestDirectory::new();
    let trace = place.path().join("monitor.txt");
    let line = |at: &str, command: &str| format!("{at} [0 127.0.0.1:5] {command}\n");
    let lines = [
        "OK\n".to_owned(),
        line("1.100000", r#""HELLO" "3""#),
        line("1.200000", r#""SET" "a" "v" "EX" "60""#),
        line("1.300000", r#""GET" "a"#),
        line("1.400000", r#""GET" "a""#),
        line("1.450000", r#""DEBUG" "SLEEP" "9""#),
        line("1.500000", r#""MGET" "a" "b""#),
    ];
    fs::write(&trace, lines.concat()).unwrap();
    let redis = common::redis();
    let args = ["--in-order", "--trace", trace.to_str().unwrap()];
    let (report, said, ()) = run(redis.url(), &args, || ());
    let counts = ["get", "miss", "set", "del"].map(|name| succeeded(&report.steps[0], name));
    assert_eq!(counts, [2, 1, 1, 0], "{said}");
    for wanted in [
        "Left out as no request: 1 line, first line 4: a quoted word has no end",
        "Left out as no read, write or removal of a string: 2 commands, first line 2",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(keys(&redis), Vec::<String>::new());
}

/// The server answers nothing for a second, in which a thousand requests are due.
#[test]
fn what_lags_behind_the_trace_is_told() {
    let redis = common::redis();
    let args = "--speed 500 --in-order --requests 4k --trace";
    let args: Vec<&str> = args.split(' ').chain([SAMPLE]).collect();
    let (report, said, ()) = run(redis.url(), &args, || {
        let mut pause = redis::cmd("CLIENT");
        let pause = pause.arg("PAUSE").arg(1_000);
        let () = pause.query(&mut connect(&redis)).unwrap();
    });
    let step = &report.steps[0];
    assert_eq!(figure(step, "replay.unsent"), 0.0, "{said}");
    assert!(figure(step, "replay.late") >= 100.0, "{said}");
    assert!(figure(step, "replay.longest_lag_ns") >= 0.5e9, "{said}");
    let response = step.operations["get"].response.as_ref().unwrap();
    assert!(response.max_ns >= 500_000_000, "{response:?}");
}

/// A user who may not scan: the keys are removed by their names.
#[test]
fn keys_are_removed_by_name_where_the_server_refuses_to_scan() {
    let redis = common::redis();
    let mut rule = redis::cmd("ACL");
    let rule = rule
        .arg("SETUSER")
        .arg("app")
        .arg("on")
        .arg(">pw")
        .arg("~*");
    let () = rule
        .arg("+@all")
        .arg("-scan")
        .query(&mut connect(&redis))
        .unwrap();
    let url = format!("redis://app:pw@127.0.0.1:{}/", redis.port());
    let args = "--speed 1000 --requests 2k --trace";
    let args: Vec<&str> = args.split(' ').chain([SAMPLE]).collect();
    let (report, said, lives) = run(&url, &args, || {
        thread::sleep(Duration::from_millis(300));
        let mut own = connect(&redis);
        let some: Vec<String> = keys(&redis).into_iter().take(20).collect();
        let lives = some.iter().map(|key| {
            let ttl: i64 = redis::cmd("TTL").arg(key).query(&mut own).unwrap();
            ttl
        });
        lives.collect::<Vec<_>>()
    });
    assert!(figure(&report.steps[0], "hit_ratio") > 0.0, "{said}");
    // The trace has no expiry, but a run that is killed must leave nothing for ever.
    assert!(
        !lives.is_empty() && lives.iter().all(|ttl| *ttl > 0),
        "{lives:?}"
    );
    assert_eq!(keys(&redis), Vec::<String>::new());
}

#[test]
fn limits_of_a_throwaway_server_are_measured_with_each_policy() {
    let place = TestDirectory::new();
    let args = "replay --run-dir run --speed 2000 --requests 8k --value-size 2k --maxmemory 3MiB,1GiB \
                --policy allkeys-random --trace";
    let args: Vec<&str> = args.split_whitespace().chain([SAMPLE]).collect();
    let Ended { code, said, .. } = RunningProgram::start(&mut bench(&place, &args)).end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place, "replay");
    let mut by_limit: Vec<(f64, f64)> = report
        .steps
        .iter()
        .map(|step| (figure(step, "keys_held"), figure(step, "hit_ratio")))
        .collect();
    by_limit.sort_by(|a, b| a.0.total_cmp(&b.0));
    let [(less, low), (more, high)] = by_limit[..] else {
        panic!("{by_limit:?}");
    };
    assert!(less < more && low < high, "{by_limit:?}");
    assert!(said.contains("allkeys-random"), "{said}");
}

#[test]
fn what_cannot_be_replayed_is_refused_with_what_to_write() {
    let place = TestDirectory::new();
    fs::write(place.path().join("some.csv"), "1,2,3\n").unwrap();
    fs::write(place.path().join("none.csv"), "key,op,size\na,GET,1\n").unwrap();
    for (args, wanted) in [
        ("--trace nowhere.csv", "nowhere.csv"),
        ("--trace some.csv", "--trace-format"),
        ("--trace /dev/null", "is no regular file"),
        ("--trace some.csv --trace-format twitter", "3 columns"),
        ("--trace none.csv", "the event has no time"),
        ("--trace none.csv", "--rate PER_S"),
        ("--trace none.csv --rate 5 --speed 2", "cannot be used with"),
        ("--trace none.csv --runtime per-core", "leave --runtime out"),
    ] {
        let args: Vec<&str> = ["replay"].into_iter().chain(args.split(' ')).collect();
        let said = told(&place, None, &args, 2);
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
}
