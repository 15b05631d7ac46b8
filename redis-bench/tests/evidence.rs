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

use bench_report::{EvidenceRow, ServerEvidence, Step, Warning, WarningCode};
use common::bench;
use test_support::{RunningProgram, TestDirectory};
use testbed::{Redis, RedisOptions};

const CACHE: &str =
    "cache --client pooled --keys 500 --rate 300 --repeats 1 --warmup 100ms --run-dir run";

/// Runs a step of `cache` with `args` on the server at `url` and returns it. Calls `meanwhile` 200
/// ms after the measured part has begun.
fn step(url: &str, args: &str, meanwhile: impl FnOnce()) -> Step {
    let place = TestDirectory::new();
    let args: Vec<&str> = CACHE.split(' ').chain(args.split(' ')).collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", url));
    running.wait_for("phase: measure");
    // Waits until the server was read for the first time.
    std::thread::sleep(Duration::from_millis(200));
    meanwhile();
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let mut report = common::report(&place, "cache");
    let doubted = |w: &Warning| w.code == WarningCode::EvidenceMissing;
    assert!(
        !report.warnings.iter().any(doubted),
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
    assert_eq!(
        server.unavailable.len(),
        usize::from(old),
        "{:?}",
        server.unavailable
    );
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
