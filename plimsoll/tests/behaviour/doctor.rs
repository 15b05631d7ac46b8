//! Tests of `plimsoll doctor` with servers of the user: which ones a run can load, and what keeps it from others.

use crate::common::{said, tool};
use test_support::TestDirectory;
use testbed::{Redis, RedisOptions, RedisSentinel};

/// Runs `plimsoll doctor` in `place` with these variables, and returns what it said and its exit code.
fn ask(place: &TestDirectory, variables: &[(&str, &str)]) -> (String, Option<i32>) {
    let mut command = tool(place, "plimsoll", &["doctor"]);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    (said(&output), output.status.code())
}

#[test]
fn the_doctor_asks_the_servers_that_are_named() {
    let place = TestDirectory::new();
    let ask = |name: &str, url: &str| ask(&place, &[(name, url)]);
    for (name, url) in [
        ("DATABASE_URL", "postgres://app:hunter2@127.0.0.1:1/shop"),
        ("REDIS_URL", "redis://:hunter2@127.0.0.1:1/"),
        ("WS_URL", "ws://127.0.0.1:1/?token=hunter2"),
    ] {
        let (text, code) = ask(name, url);
        assert_eq!(code, Some(1), "{text}");
        assert!(!text.contains("A run can be made"), "{text}");
        assert!(text.contains(name) && text.contains("refused"), "{text}");
        assert!(
            text.contains("try: ") && !text.contains("hunter2"),
            "{text}"
        );
    }
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let (text, code) = ask("REDIS_URL", redis.url());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("REDIS_URL answers"), "{text}");
    let postgres = testbed::Postgres::start(&testbed::PostgresOptions::default()).unwrap();
    let (text, code) = ask("DATABASE_URL", postgres.url());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("DATABASE_URL answers"), "{text}");
    let elsewhere = postgres.url().replace("plimsoll:", "nobody:");
    let (text, code) = ask("DATABASE_URL", &elsewhere);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("nobody"), "{text}");
}

/// A server that answers but refuses writes is reported as unusable for a run.
#[test]
fn the_doctor_tells_what_keeps_a_run_from_writing() {
    let place = TestDirectory::new();
    let ask = |name: &str, url: &str| ask(&place, &[(name, url)]);
    let postgres = testbed::Postgres::start(&testbed::PostgresOptions::default()).unwrap();
    let read_only = "options=-c%20default_transaction_read_only%3Don";
    let separator = if postgres.url().contains('?') {
        '&'
    } else {
        '?'
    };
    let url = format!("{}{separator}{read_only}", postgres.url());
    let (text, code) = ask("DATABASE_URL", &url);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("read-only transaction"), "{text}");
    let options = |settings: &[(&str, &str)]| RedisOptions {
        settings: settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..RedisOptions::default()
    };
    let replica = Redis::start(&options(&[("replicaof", "127.0.0.1 1")])).unwrap();
    let (text, code) = ask("REDIS_URL", replica.url());
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("READONLY"), "{text}");
    assert!(!text.contains("A run can be made"), "{text}");
    // A run removes its keys by other commands then.
    let without = Redis::start(&options(&[("rename-command", "UNLINK \"\"")])).unwrap();
    let (text, code) = ask("REDIS_URL", without.url());
    assert_eq!(code, Some(0), "{text}");
    let redis = Redis::start(&RedisOptions {
        password: Some("hunter2".to_owned()),
        ..RedisOptions::default()
    });
    let redis = redis.unwrap();
    let (text, code) = ask("REDIS_URL", &format!("redis://127.0.0.1:{}", redis.port()));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("the server wants a password"), "{text}");
    assert_eq!(place.left_behind(), Vec::<String>::new());
}

/// A server is found and logged in to as a run does it: by the Sentinels of the URL, and with the password of
/// the environment.
#[test]
fn the_doctor_finds_a_primary_by_its_sentinel_and_logs_in_as_a_run_would() {
    let place = TestDirectory::new();
    let ask =
        |url: &str, password: &str| ask(&place, &[("REDIS_URL", url), ("REDISCLI_AUTH", password)]);
    let primary = Redis::start(&RedisOptions {
        password: Some("hunter2".to_owned()),
        ..RedisOptions::default()
    });
    let primary = primary.unwrap();
    let sentinel = RedisSentinel::start(&primary, 1).unwrap();
    let name = RedisSentinel::PRIMARY;
    let named = |name: &str| format!("{}?sentinel={name}", sentinel.url());
    for url in [
        named(name),
        format!(
            "redis://127.0.0.1:1,127.0.0.1:{}/?sentinel={name}",
            sentinel.port()
        ),
        format!("redis://127.0.0.1:{}/?protocol=resp3", primary.port()),
    ] {
        let (text, code) = ask(&url, "hunter2");
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("REDIS_URL answers"), "{text}");
    }
    for (url, password, reason) in [
        (named("orders"), "hunter2", "knows no primary called orders"),
        (named(name), "", "the server wants a password"),
        (named(name), "wrong", "the password in REDISCLI_AUTH"),
        (sentinel.url().to_owned(), "", "is a Sentinel"),
    ] {
        let (text, code) = ask(&url, password);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(reason), "{text}");
        assert!(
            text.contains("try: ") && !text.contains("hunter2"),
            "{text}"
        );
    }
    assert_eq!(place.left_behind(), Vec::<String>::new());
}
