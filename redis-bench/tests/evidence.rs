//! Tests of the evidence about a real server in the report: commands by origin and cost, and
//! connected clients.
#![allow(
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use bench_report::{EvidenceRow, Report, ServerEvidence, Step, Warning, WarningCode};
use common::bench;
use test_support::{RunningProgram, TestDirectory};
use testbed::{Redis, RedisOptions};

const CACHE: &str =
    "cache --client pooled --keys 500 --rate 300 --repeats 1 --warmup 100ms --run-dir run";

/// Runs a step of `cache` with `args` on the server at `url` and returns the report. Calls
/// `meanwhile` 200 ms after the measured part has begun.
fn run(url: &str, args: &str, meanwhile: impl FnOnce()) -> Report {
    let place = TestDirectory::new();
    let args: Vec<&str> = CACHE.split(' ').chain(args.split(' ')).collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", url));
    running.wait_for("phase: measure");
    // Waits until the server was read for the first time.
    std::thread::sleep(Duration::from_millis(200));
    meanwhile();
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    common::report(&place, "cache")
}

fn is_evidence_missing(warning: &Warning) -> bool {
    warning.code == WarningCode::EvidenceMissing
}

/// Runs a step as [`run`] does and returns it. Panics if the report warns of missing evidence.
fn step(url: &str, args: &str, meanwhile: impl FnOnce()) -> Step {
    let mut report = run(url, args, meanwhile);
    assert!(
        !report.warnings.iter().any(is_evidence_missing),
        "what was read is sound"
    );
    report.steps.remove(0)
}

fn rows<'a>(server: &'a ServerEvidence, table: &str) -> &'a [EvidenceRow] {
    server.tables.get(table).map_or(&[], Vec::as_slice)
}

fn row<'a>(server: &'a ServerEvidence, table: &str, label: &str, value: &str) -> &'a EvidenceRow {
    let mut all = rows(server, table).iter();
    let found = all.find(|row| row.labels[label] == value);
    found.unwrap_or_else(|| panic!("no {value} in {table}: {:?}", rows(server, table)))
}

/// Returns all settings of the server by name, which collecting evidence must not change.
fn settings(redis: &Redis) -> BTreeMap<String, String> {
    let pairs: Vec<(String, String)> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("*")
        .query(&mut common::connect(redis))
        .unwrap();
    pairs.into_iter().collect()
}

#[test]
fn what_other_clients_do_is_told_apart_and_nothing_is_changed_on_the_server() {
    let settings_of = vec![("slowlog-log-slower-than".to_owned(), "2000".to_owned())];
    let redis = Redis::start(&RedisOptions {
        settings: settings_of,
        ..RedisOptions::default()
    })
    .unwrap();
    let before = settings(&redis);
    let spin = "local n = 0 for i = 1, tonumber(ARGV[1]) do n = n + i end return n";
    let turn = |loops: u64| {
        let _: i64 = redis::cmd("EVAL")
            .arg(spin)
            .arg(0)
            .arg(loops)
            .query(&mut common::connect(&redis))
            .unwrap();
    };
    // This call was made before the step: it is in the slow log, but not in the step.
    turn(3_000_000);
    let mut monitor = common::connect(&redis);
    monitor
        .send_packed_command(&redis::cmd("MONITOR").get_packed_command())
        .unwrap();
    let step = step(redis.url(), "--duration 1200ms", || {
        for _ in 0..3 {
            turn(3_000_000);
        }
    });
    let server = step.server.unwrap();
    let eval = row(&server, "commands", "command", "eval");
    assert_eq!(eval.labels["whose"], "others");
    assert_eq!(eval.figures["calls"], 3.0);
    let old = server.unavailable.contains_key("latency_histogram");
    // The histogram (since version 7.0) has each call within a factor of two, and their sum exactly.
    let usec = eval.figures["usec"];
    let squares = eval.figures.get("squares_us2").copied();
    let squares = squares.unwrap_or(if old { usec * usec / 3.0 } else { 0.0 });
    assert!(
        (0.5..4.0).contains(&(squares / (usec * usec / 3.0))),
        "{eval:?}"
    );
    assert_eq!(
        row(&server, "commands", "command", "get").labels["whose"],
        "load"
    );
    assert_eq!(
        row(&server, "commands", "command", "ping").labels["whose"],
        "pool"
    );
    let looks = row(&server, "commands", "command", "info");
    assert_eq!(
        looks.labels["whose"], "bench",
        "nobody else asked: {looks:?}"
    );
    let slow = row(&server, "slow_calls", "command", "eval");
    assert_eq!(
        (slow.figures["calls"], server.figures["slowlog_entries"]),
        (3.0, 3.0)
    );
    assert_eq!(
        row(&server, "clients", "kind", "monitor").figures["clients"],
        1.0
    );
    assert!(server.figures["answer_most_ns"] >= server.figures["answer_least_ns"]);
    let mut missing: Vec<&str> = server.unavailable.keys().map(String::as_str).collect();
    missing.retain(|what| !old || *what != "latency_histogram");
    // The latency monitor is off by default, and both ends are on this machine.
    assert_eq!(missing, ["latency_events", "link"]);
    assert_eq!(settings(&redis), before);
    let text = serde_json::to_string(&server).unwrap();
    assert!(!text.contains("tonumber"), "what a script says is nobody's");
}

#[test]
fn a_user_who_may_do_little_learns_what_could_not_be_read() {
    let redis = common::redis();
    let mut admin = common::connect(&redis);
    let () = redis::cmd("ACL")
        .arg(&[
            "SETUSER", "little", "on", ">pw", "~*", "+@all", "-config", "-slowlog", "-latency",
            "-client",
        ])
        .query(&mut admin)
        .unwrap();
    let url = redis.url().replace("redis://", "redis://little:pw@");
    let step = step(&url, "--duration 500ms", || ());
    let server = step.server.unwrap();
    assert!(server.figures["commands.get.calls"] > 0.0);
    for what in ["settings", "slowlog", "latency_histogram", "clients"] {
        let why = server.unavailable.get(what);
        assert!(
            why.is_some_and(|why| why.contains("NOPERM")),
            "{what}: {:?}",
            server.unavailable
        );
    }
    assert!(!server.tables.contains_key("settings"));
}

#[test]
fn without_info_slow_calls_clients_and_settings_are_still_read() {
    let settings_of = [("slowlog-log-slower-than", "0")];
    let settings_of = settings_of.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let redis = Redis::start(&RedisOptions {
        settings: settings_of.to_vec(),
        ..RedisOptions::default()
    })
    .unwrap();
    let mut admin = common::connect(&redis);
    let rules = ["SETUSER", "little", "on", ">pw", "~*", "+@all", "-info"];
    redis::cmd("ACL").arg(&rules).exec(&mut admin).unwrap();
    let url = redis.url().replace("redis://", "redis://little:pw@");
    let mut monitor = common::connect(&redis);
    let mut follow = || redis::cmd("MONITOR").exec(&mut monitor).unwrap();
    let report = run(&url, "--duration 700ms", &mut follow);
    let server = report.steps[0].server.as_ref().unwrap();
    assert!(server.unavailable["info"].starts_with("NOPERM"));
    assert!(server.figures["slowlog_entries"] > 0.0);
    assert!(row(server, "slow_calls", "command", "get").figures["calls"] > 0.0);
    assert_eq!(
        row(server, "clients", "kind", "monitor").figures["clients"],
        1.0
    );
    let slower = row(server, "settings", "setting", "slowlog-log-slower-than");
    assert_eq!(slower.labels["value"], "0");
    for counter in ["interval_s", "keyspace_hits", "answers"] {
        assert!(!server.figures.contains_key(counter), "{counter}");
    }
    // Refused questions were not asked again and again.
    let refused = redis::cmd("ACL")
        .arg("LOG")
        .query::<Vec<redis::Value>>(&mut admin);
    assert!(refused.unwrap().len() <= 4);
}

#[test]
fn a_child_process_that_saves_data_is_told_with_its_times() {
    let redis = common::redis();
    let step = step(redis.url(), "--duration 800ms", || {
        let () = redis::cmd("BGSAVE")
            .query(&mut common::connect(&redis))
            .unwrap();
    });
    let server = step.server.unwrap();
    assert_eq!(server.figures["forks"], 1.0);
    assert!(server.figures["latest_fork_us"] > 0.0);
    for saving in rows(&server, "saving") {
        let (from, to) = (
            saving.figures["from_ns"] as u64,
            saving.figures["to_ns"] as u64,
        );
        assert!(
            from <= to && from >= step.window.start_ns && to <= step.window.end_ns + 2_000_000_000
        );
    }
}

#[test]
fn a_command_that_the_server_refuses_is_told_in_its_own_words_with_its_name() {
    let settings = [("maxmemory", "3mb"), ("maxmemory-policy", "noeviction")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let redis = Redis::start(&RedisOptions {
        settings: settings.to_vec(),
        ..RedisOptions::default()
    })
    .unwrap();
    let fill = "redis.call('set', 'filler', string.rep('x', tonumber(ARGV[1])))";
    let args = "--duration 700ms --writes 50% --stop-on errors>99%";
    let step = step(redis.url(), args, || {
        let _: Result<(), _> = redis::cmd("EVAL")
            .arg(fill)
            .arg(0)
            .arg(3_000_000)
            .query::<()>(&mut common::connect(&redis));
    });
    let failure = step
        .failures
        .iter()
        .find(|f| f.kind == "response.OOM")
        .unwrap();
    assert_eq!(failure.statement.as_deref(), Some("SET"));
    assert!(
        failure.message.starts_with("OOM command not allowed"),
        "{}",
        failure.message
    );
    let set = row(step.server.as_ref().unwrap(), "commands", "command", "set").clone();
    assert!(set.figures["rejected_calls"] > 0.0, "{set:?}");
    assert!(step.server.unwrap().figures["errors.OOM"] > 0.0);
}

/// Waits until the program has read the server before the step. That reading sends two `INFO`, and
/// no other connection of the program sends one then.
fn wait_for_reading(redis: &Redis) {
    let mut connection = common::connect(redis);
    let mut first = None;
    for own in 0..500 {
        let text: String = redis::cmd("INFO")
            .arg("commandstats")
            .query(&mut connection)
            .unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("cmdstat_info:calls="));
        let calls: u64 = line.unwrap().split(',').next().unwrap().parse().unwrap();
        let others = calls - own;
        if others >= *first.get_or_insert(others) + 2 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the program did not read the server");
}

/// Planted: the counters are reset while they are small, so that those of the load grow past their
/// earlier values, and while they are large, so that they stay below.
#[test]
fn counters_that_somebody_reset_in_a_step_are_left_out_with_the_reason() {
    for misses_before in [0, 100_000] {
        let redis = common::redis();
        let missing = "for i = 1, tonumber(ARGV[1]) do redis.call('get', 'nothing') end";
        let () = redis::cmd("EVAL")
            .arg(missing)
            .arg(0)
            .arg(misses_before)
            .query(&mut common::connect(&redis))
            .unwrap();
        let report = run(redis.url(), "--duration 1500ms", || {
            wait_for_reading(&redis);
            let () = redis::cmd("CONFIG")
                .arg("RESETSTAT")
                .query(&mut common::connect(&redis))
                .unwrap();
        });
        let step = &report.steps[0];
        let server = step.server.as_ref().unwrap();
        for part in ["stats", "commandstats", "errorstats"] {
            let reason = &server.unavailable[part];
            assert!(reason.starts_with("was reset meanwhile ("), "{reason}");
        }
        let names_counter = server.unavailable["stats"].contains("keyspace_");
        assert!(names_counter || misses_before == 0);
        assert!(server.unavailable.contains_key("latency_histogram"));
        for left_out in [
            "keyspace_hits",
            "connections_received",
            "commands.get.calls",
        ] {
            assert!(!server.figures.contains_key(left_out), "{left_out}");
        }
        assert!(!server.tables.contains_key("commands"));
        assert!(
            server.figures["used_memory_bytes"] > 0.0,
            "a gauge counts nothing"
        );
        assert!(step.figures.contains_key("hit_ratio"));
        assert!(!step.figures.contains_key("server_hit_ratio"));
        let told = report
            .warnings
            .iter()
            .find(|w| is_evidence_missing(w))
            .unwrap();
        assert!(
            told.message.contains("was reset meanwhile ("),
            "{}",
            told.message
        );
    }
}

#[test]
fn a_slow_log_that_somebody_emptied_in_a_step_is_not_said_to_have_no_slow_calls() {
    let redis = common::redis();
    let () = redis::cmd("CONFIG")
        .arg(&["SET", "slowlog-log-slower-than", "0"])
        .query(&mut common::connect(&redis))
        .unwrap();
    let step = step(redis.url(), "--duration 1500ms", || {
        wait_for_reading(&redis);
        let mut connection = common::connect(&redis);
        // With this threshold the log stays empty.
        let () = redis::cmd("CONFIG")
            .arg(&["SET", "slowlog-log-slower-than", "-1"])
            .query(&mut connection)
            .unwrap();
        let () = redis::cmd("SLOWLOG")
            .arg("RESET")
            .query(&mut connection)
            .unwrap();
    });
    let server = step.server.unwrap();
    let reason = &server.unavailable["slowlog"];
    assert!(reason.starts_with("was reset meanwhile ("), "{reason}");
    assert!(!server.figures.contains_key("slowlog_entries"));
    assert!(
        server.figures["keyspace_hits"] > 0.0,
        "only the log was reset"
    );
}
