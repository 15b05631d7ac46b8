//! Tests of the scenario `memory` on real servers: predictions hold, limits of encodings are found, a
//! server of the user keeps its keys and settings, and nothing stays.
use std::collections::BTreeMap;
use std::process::Output;

use crate::common::{self, bench, connect, report};
use bench_report::names::redis::encoding_limits;
use bench_report::names::{FigureName, steps, summaries};
use bench_report::{Report, Status, Step, StepEnd};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::Redis;

/// Largest error of a prediction.
const LARGEST_ERROR: f64 = 0.02;

/// Runs `redis-bench memory` with `flags` in `place`; on a throwaway server if `redis` is `None`.
fn run(place: &TestDirectory, redis: Option<&str>, flags: &str) -> (Output, Report) {
    let args: Vec<&str> = ["memory", "--run-dir", "run"]
        .into_iter()
        .chain(flags.split(' '))
        .collect();
    let mut command = bench(place, &args);
    if let Some(url) = redis {
        command.env("REDIS_URL", url);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report = report(place, "memory");
    assert_eq!(report.status, Status::Complete);
    (output, report)
}

fn sized(report: &Report) -> Vec<&Step> {
    of_part(report, "sizes")
}

fn of_part<'a>(report: &'a Report, part: &'a str) -> Vec<&'a Step> {
    let steps = report.steps.iter();
    steps
        .filter(|step| step.is_with(&[("part", part)]))
        .collect()
}

/// Returns a figure that counts something.
fn count(step: &Step, name: FigureName) -> u64 {
    figure(step, name) as u64
}

fn figure(step: &Step, name: FigureName) -> f64 {
    let value = step.value(name);
    value.unwrap_or_else(|| panic!("{}: no {name}: {:?}", step.name, step.figures))
}

/// Checks that the memory of all contents was predicted within 2 %.
fn check_predictions(report: &Report) {
    for step in sized(report) {
        let error = figure(step, steps::MEMORY_PREDICTION_ERROR_RATIO);
        assert!(
            error.abs() <= LARGEST_ERROR,
            "{}: {error}: {:?}",
            step.name,
            step.figures
        );
        let (key, payload) = (
            figure(step, steps::MEMORY_KEY_BYTES),
            figure(step, steps::MEMORY_PAYLOAD_BYTES),
        );
        assert!(key > payload, "{}: {key} of {payload}", step.name);
    }
    let worst = report.summary.figures[summaries::WORST_PREDICTION_ERROR_RATIO.as_str()];
    assert!(worst <= LARGEST_ERROR);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

/// Returns the memory of a key of the steps called `name`.
fn key_bytes(report: &Report, name: &str) -> f64 {
    let steps = sized(report);
    let step = steps.iter().find(|step| step.name == name);
    figure(step.unwrap(), steps::MEMORY_KEY_BYTES)
}

#[test]
fn strings_are_predicted_and_limits_are_those_of_the_server() {
    let place = TestDirectory::new();
    let (output, report) = run(&place, None, "--types string --keys 12k");
    check_predictions(&report);
    let names: Vec<&str> = sized(&report)
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(names.len(), 8);
    assert_eq!(names[2..4], ["string of 44 B", "string of 44 B + expiry"]);
    assert!(
        key_bytes(&report, "string of 3 B + expiry") > key_bytes(&report, "string of 3 B") + 8.0
    );
    check_limits_of_encodings(&report);
    check_memory_limit(&report);
    let churned = of_part(&report, "churn");
    let ratio = |state: &str| churned[0].figures[&steps::CHURN_FRAGMENTATION_RATIO.of(state)];
    assert!(ratio("halved") >= ratio("filled"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(text.contains("noeviction: clients are told OOM"), "{text}");
}

fn check_limits_of_encodings(report: &Report) {
    let server = of_part(report, "thresholds")[0].server.as_ref().unwrap();
    assert!(server.unavailable.is_empty(), "{:?}", server.unavailable);
    let mut found = BTreeMap::new();
    for row in server.rows(encoding_limits::TABLE).unwrap() {
        let limit = row.label(encoding_limits::LIMIT).unwrap();
        let most = row.value(encoding_limits::FOUND).unwrap();
        if limit != "string length" {
            assert_eq!(
                row.value(encoding_limits::CONFIGURED),
                Some(most),
                "{limit}"
            );
        }
        found.insert(limit.to_owned(), most);
    }
    assert!(found.len() >= 6, "{found:?}");
    assert!(found["string length"] >= 39.0 && found["set-max-intset-entries"] > 0.0);
}

fn check_memory_limit(report: &Report) {
    let limits = of_part(report, "limit");
    assert_eq!(limits.len(), 3);
    for step in &limits {
        let fits = figure(step, steps::LIMIT_KEYS);
        let predicted = figure(step, steps::LIMIT_PREDICTED_KEYS);
        assert!(
            (predicted / fits - 1.0).abs() < 0.03,
            "{predicted}, not {fits}"
        );
    }
    let of = |policy: &str| {
        limits
            .iter()
            .find(|step| step.is_with(&[("policy", policy)]))
    };
    for policy in ["noeviction", "volatile-lru"] {
        let refusing = of(policy).unwrap();
        assert!(count(refusing, steps::LIMIT_REFUSED_WRITES) > 0, "{policy}");
        assert_eq!(count(refusing, steps::LIMIT_LOST_KEYS), 0, "{policy}");
        assert_eq!(refusing.failures[0].kind, "response.OOM", "{policy}");
    }
    let evicting = of("allkeys-lru").unwrap();
    let evicted = count(evicting, steps::LIMIT_EVICTED_KEYS);
    assert!(evicted > 0);
    assert_eq!(count(evicting, steps::LIMIT_LOST_KEYS), evicted);
    assert_eq!(count(evicting, steps::LIMIT_REFUSED_WRITES), 0);
}

/// 600 elements are more than a compact encoding takes, and 10 are not.
#[test]
fn collections_are_predicted_in_both_encodings() {
    let place = TestDirectory::new();
    let flags = "--types hash,list,set,zset --keys 12k --elements 10,600";
    let (_, report) = run(&place, None, flags);
    check_predictions(&report);
    assert_eq!(sized(&report).len(), 16);
    for (name, encodings) in [
        ("hash of 10 × 16 B", &["listpack", "ziplist"][..]),
        ("hash of 600 × 16 B", &["hashtable"]),
        ("set of 600 × 16 B + expiry", &["hashtable"]),
        ("zset of 10 × 16 B", &["listpack", "ziplist"]),
        ("zset of 600 × 16 B", &["skiplist"]),
        ("list of 600 × 16 B", &["quicklist"]),
    ] {
        let steps = sized(&report);
        let step = steps.iter().find(|step| step.name == name).unwrap();
        let encoding = step.parameters["encoding"].to_string();
        assert!(encodings.contains(&encoding.as_str()), "{name}: {encoding}");
    }
}

/// 32,768 keys fill a table, so that 37,500 need one that is twice as large.
#[test]
fn a_server_of_the_user_keeps_its_keys_and_settings() {
    let redis = common::redis_with_password();
    let () = redis::cmd("SET")
        .arg("mine")
        .arg("x")
        .query(&mut connect(&redis))
        .unwrap();
    let before = settings(&redis);
    let mut tables = Vec::new();
    for (keys, count) in [("25000", 25e3), ("37500", 37.5e3)] {
        let place = TestDirectory::new();
        let flags = format!("--types string --value-size 44 --keys {keys}");
        let (output, report) = run(&place, Some(redis.url()), &flags);
        check_predictions(&report);
        let steps = sized(&report);
        assert_eq!(steps.len(), 1, "keys without expiry would stay");
        tables.push(count * figure(steps[0], steps::MEMORY_TABLES_BYTES));
        let limit = of_part(&report, "limit")[0].server.as_ref().unwrap();
        assert!(limit.unavailable["limit"].contains("throwaway servers only"));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Not available"), "{text}");
        assert_eq!(common::keys(&redis), ["mine"]);
    }
    assert!(tables[1] > 1.6 * tables[0], "{tables:?}");
    assert_eq!(settings(&redis), before);
}

fn settings(redis: &Redis) -> BTreeMap<String, String> {
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg("*").query(&mut connect(redis)).unwrap()
}

#[test]
fn what_the_user_may_not_do_is_told_and_the_rest_is_measured() {
    let redis = common::redis();
    let user = "ACL SETUSER app on >pw ~plimsoll:* +@all -memory -config -zadd";
    let mut words = user.split(' ');
    let mut acl = redis::cmd(words.next().unwrap());
    for word in words {
        acl.arg(word);
    }
    acl.exec(&mut connect(&redis)).unwrap();
    let url = redis.url().replace("redis://", "redis://app:pw@");
    let place = TestDirectory::new();
    let flags = "--types string,zset --value-size 44 --elements 10 --keys 2k";
    let (output, report) = run(&place, Some(&url), flags);
    let steps = sized(&report);
    assert_eq!(steps.len(), 1);
    assert!(figure(steps[0], steps::MEMORY_KEY_BYTES) > 44.0);
    assert_eq!(steps[0].value(steps::MEMORY_PREDICTED_BYTES), None);
    let reason = &steps[0].server.as_ref().unwrap().unavailable["prediction"];
    assert!(reason.contains("NOPERM"), "{reason}");
    let refused: Vec<&Step> = of_part(&report, "refused");
    let StepEnd::Failed { reason } = &refused[0].end else {
        panic!("{:?}", refused[0].end);
    };
    assert!(reason.contains("'zadd'"), "{reason}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("zset of 10 × 16 B + expiry: NOPERM"),
        "{text}"
    );
    assert_eq!(common::keys(&redis), Vec::<String>::new());
}

#[test]
fn a_signal_leaves_a_report_and_no_key() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let args = ["memory", "--run-dir", "run", "--keys", "50k"];
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    std::thread::sleep(std::time::Duration::from_millis(300));
    running.signal(Signal::SIGINT);
    let Ended { code, said, took } = running.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(took <= test_support::ending_bound(), "{took:?}\n{said}");
    assert_eq!(report(&place, "memory").status, Status::Interrupted);
    assert_eq!(common::keys(&redis), Vec::<String>::new());
}
