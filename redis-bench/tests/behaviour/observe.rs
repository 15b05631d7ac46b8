//! Tests of `observe`: reading a server under a load that another program makes. Nothing is written or
//! set, a user with few permissions is enough, and a signal keeps what was seen.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::common::{self, bench};
use bench_report::names::redis::{commands, slow_calls};
use bench_report::names::{FigureName, load_series, redis as figures};
use bench_report::{Report, ServerEvidence, Status};
use nix::sys::signal::Signal;
use redis::Connection;
use test_support::{RunningProgram, TestDirectory};
use testbed::Redis;

/// Commands that a run may send, by their names in the server's statistics: all of them only read, but
/// for those with which a client logs in and names its library.
const READING: [&str; 18] = [
    "hello",
    "auth",
    "client|setinfo",
    "info",
    "role",
    "config|get",
    "client|list",
    "slowlog|get",
    "latency|histogram",
    "latency|latest",
    "latency|history",
    "time",
    "scan",
    "type",
    "memory|usage",
    "object|encoding",
    "llen",
    "select",
];
/// Value of the load's keys, which nothing may show.
const VALUE: &str = "Zq7secretqZ";

/// Client that asks for a key again and again until it is stopped.
struct Load {
    stop: Arc<AtomicBool>,
    client: JoinHandle<()>,
}

impl Load {
    fn start(redis: &Redis) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, mut connection) = (Arc::clone(&stop), common::connect(redis));
        redis::cmd("SET")
            .arg(VALUE)
            .arg(VALUE)
            .exec(&mut connection)
            .unwrap();
        let client = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let mut requests = redis::pipe();
                for key in [VALUE, VALUE, VALUE, "absent"] {
                    requests.cmd("GET").arg(key).ignore();
                }
                requests.exec(&mut connection).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { stop, client }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.client.join().unwrap();
    }
}

fn observe(place: &TestDirectory, url: &str, args: &str) -> std::process::Command {
    let words = ["observe", "--run-dir", "run", "--url", url].into_iter();
    let words: Vec<&str> = words.chain(args.split_whitespace()).collect();
    bench(place, &words)
}

/// Watches `url` for `args`, and returns all that it said and its report.
fn watched(url: &str, args: &str) -> (String, Report) {
    let place = TestDirectory::new();
    let output = observe(&place, url, args).output().unwrap();
    let said =
        String::from_utf8(output.stdout).unwrap() + std::str::from_utf8(&output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = std::fs::read_to_string(place.path().join("run/redis-bench.observe.json")).unwrap();
    for secret in [VALUE, "hunter2"] {
        assert!(!text.contains(secret) && !said.contains(secret), "{said}");
    }
    (said, common::report(&place, "observe"))
}

fn server(report: &Report) -> &ServerEvidence {
    report.steps[0].server.as_ref().unwrap()
}

fn figure(report: &Report, name: FigureName) -> f64 {
    let server = server(report);
    let value = server.value(name);
    value.unwrap_or_else(|| panic!("no {name}: {:?}", server.unavailable))
}

/// Returns the calls, also refused ones, of each command since the server's start.
fn called(connection: &mut Connection) -> BTreeMap<String, u64> {
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(connection)
        .unwrap();
    let lines = info.lines().filter_map(|line| {
        let (name, counts) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let count = |field: &str| -> Option<u64> {
            let mut fields = counts.split(',').filter_map(|f| f.split_once('='));
            fields.find(|(name, _)| *name == field)?.1.parse().ok()
        };
        let calls = count("calls")? + count("rejected_calls").unwrap_or(0);
        Some((name.to_owned(), calls))
    });
    lines.collect()
}

#[test]
fn the_load_of_others_is_counted_and_named_without_its_keys() {
    let redis = common::redis();
    let load = Load::start(&redis);
    let mut admin = common::connect(&redis);
    let slower = ["SET", "slowlog-log-slower-than", "0"];
    redis::cmd("CONFIG").arg(&slower).exec(&mut admin).unwrap();
    let (said, report) = watched(redis.url(), "--duration 2s --interval 500ms");
    load.end();

    assert_eq!(report.status, Status::Complete);
    let rows = server(&report).rows(commands::TABLE).unwrap();
    let get = rows
        .iter()
        .find(|row| row.label(commands::COMMAND) == Some("get"));
    let get = get.unwrap();
    assert_eq!(get.label(commands::WHOSE), Some("load"));
    // Both counts are of the same two readings; the load sends nothing else.
    let seconds = figure(&report, figures::INTERVAL_S);
    let counted = get.value(commands::CALLS).unwrap() / seconds;
    let told = figure(&report, figures::COMMANDS_PER_S);
    assert!((told / counted - 1.0).abs() < 0.05, "{told}, not {counted}");
    let hits = figure(&report, figures::KEYSPACE_HIT_RATIO);
    assert!((hits - 0.75).abs() < 0.01, "{hits}");
    let command = &report.steps[0].operations["command"];
    assert_eq!(command.attempted, command.succeeded, "{command:?}");
    assert!(server(&report).rows(slow_calls::TABLE).is_some());

    let of = load_series::SERVER.of(figures::COMMANDS_PER_S);
    let mut series = report.series.iter();
    let rates = series.find(|series| series.name == of).unwrap();
    assert!(rates.len() >= 2, "{rates:?}");
    let known = rates.mean.iter().flatten();
    assert!(known.clone().count() >= 2, "{rates:?}");
    assert!(known.clone().all(|rate| *rate > 0.0), "{rates:?}");
    for wanted in ["clients", "Commands by time", "get", "Slow calls"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(said.lines().all(|l| l.chars().count() <= 80), "{said}");
}

#[test]
fn only_reading_commands_are_sent_and_settings_stay() {
    let redis = common::redis();
    let mut admin = common::connect(&redis);
    let settings = |admin: &mut Connection| -> BTreeMap<String, String> {
        redis::cmd("CONFIG")
            .arg("GET")
            .arg("*")
            .query(admin)
            .unwrap()
    };
    let big = redis::cmd("RPUSH")
        .arg("app:list")
        .arg(vec!["x"; 50_000])
        .to_owned();
    big.exec(&mut admin).unwrap();
    let monitored = ["SET", "latency-monitor-threshold", "1"];
    redis::cmd("CONFIG")
        .arg(&monitored)
        .exec(&mut admin)
        .unwrap();
    let (before, set) = (called(&mut admin), settings(&mut admin));
    watched(
        redis.url(),
        "--duration 1s --interval 300ms --keys-under app:",
    );
    let after = called(&mut admin);
    let grown = after
        .iter()
        .filter(|(name, calls)| before.get(*name).is_none_or(|was| was < calls));
    let names: Vec<&str> = grown.map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"info"), "{names:?}");
    for name in names {
        assert!(READING.contains(&name), "{name} is no reading command");
    }
    assert_eq!(settings(&mut admin), set);
    assert_eq!(common::keys(&redis), ["app:list"]);
}

#[test]
fn a_user_who_may_run_info_alone_sees_the_load_and_what_is_hidden() {
    let redis = common::redis();
    let load = Load::start(&redis);
    let rules = ["SETUSER", "guest", "on", ">hunter2", "+info"];
    let mut admin = common::connect(&redis);
    redis::cmd("ACL").arg(&rules).exec(&mut admin).unwrap();
    let url = redis.url().replace("redis://", "redis://guest:hunter2@");
    let (said, report) = watched(&url, "--duration 1s --interval 300ms");
    load.end();
    assert!(figure(&report, figures::COMMANDS_PER_S) > 0.0);
    for part in ["clients", "slowlog", "settings"] {
        let reason = &server(&report).unavailable[part];
        assert!(reason.contains("NOPERM"), "{part}: {reason}");
        assert!(said.contains(&format!("{part}: ")), "{said}");
    }

    let rules = ["SETUSER", "guest", "-info"];
    redis::cmd("ACL").arg(&rules).exec(&mut admin).unwrap();
    let place = TestDirectory::new();
    let args = ["observe", "--duration", "1s", "--run-dir", "run"];
    let told = common::told(&place, Some(&url), &args, 1);
    assert!(told.contains("+info"), "{told}");
}

#[test]
fn a_signal_ends_it_with_what_was_seen() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let mut running = RunningProgram::start(&mut observe(&place, redis.url(), "--duration 1h"));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(500));
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{}", ended.said);
    let report = common::report(&place, "observe");
    assert_eq!(report.status, Status::Interrupted);
    assert!(figure(&report, figures::CONNECTED_CLIENTS_MAX) >= 1.0);
}

#[test]
fn without_a_server_there_is_nothing_to_watch() {
    let place = TestDirectory::new();
    let told = common::told(&place, None, &["observe", "--duration", "1s"], 2);
    assert!(told.contains("--url or REDIS_URL"), "{told}");
}

/// A replica cannot be loaded, but watched.
#[test]
fn a_replica_is_watched_and_an_event_is_told() {
    let primary = common::redis();
    let replica = primary.start_replica().unwrap();
    let place = TestDirectory::new();
    let args = "--duration 1500ms --interval 300ms";
    let mut running = RunningProgram::start(&mut observe(&place, replica.url(), args));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(300));
    let mut pause = redis::cmd("CLIENT");
    let mut admin = common::connect(&replica);
    pause.arg("PAUSE").arg(400).exec(&mut admin).unwrap();
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let words: Vec<&str> = ended.said.split_whitespace().collect();
    let said = words.join(" ");
    assert!(said.contains("CLIENT PAUSE kept clients waiting"), "{said}");
}
