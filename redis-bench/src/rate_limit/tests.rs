//! Tests that compare the scripts' decisions on a real Redis server with those of the models.

use std::collections::HashMap;
use std::time::Duration;

use clap::ValueEnum as _;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use redis::{AsyncConnectionConfig, Cmd, Connection, Pipeline, Value};
use testbed::{Redis, RedisOptions};

use super::algorithm::{Algorithm, LimiterKeys};
use super::model::{LimiterModel, RandomTimes, RateLimit};
use super::scripts::{LimiterAnswer, LimiterScript};
use crate::clients::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT};
use crate::server::address::RedisAddress;

/// Number of random times in a test.
const TIMES: usize = 10_000;
/// Number of limiters that these times are spread over.
const LIMITERS: u32 = 4;
/// Largest number of calls in one pipeline.
const BATCH: usize = 500;

/// Index of a limiter, and the time of a request for it; `None` for the server's time.
type TimedRequest = (u32, Option<u64>);

fn start() -> Redis {
    Redis::start(&RedisOptions::default()).unwrap()
}

fn connect(redis: &Redis) -> Connection {
    RedisAddress::parse(redis.url()).unwrap().connect().unwrap()
}

fn prefix(algorithm: Algorithm) -> String {
    format!("plimsoll:test-{}:", algorithm.name())
}

/// Sends `requests` to the server in their order, and returns the answers.
fn ask(
    connection: &mut Connection,
    script: &LimiterScript,
    prefix: &str,
    requests: &[TimedRequest],
) -> Vec<LimiterAnswer> {
    let mut keys = LimiterKeys::default();
    let mut answers = Vec::with_capacity(requests.len());
    for batch in requests.chunks(BATCH) {
        let mut pipeline = Pipeline::with_capacity(batch.len());
        for (index, now_us) in batch {
            keys.set(prefix, *index);
            let mut command = Cmd::new();
            script.write_call(&mut command, &keys, *now_us);
            pipeline.add_command(command);
        }
        let values: Vec<Value> = pipeline.query(connection).unwrap();
        answers.extend(
            values
                .iter()
                .map(|value| LimiterAnswer::read(value).unwrap()),
        );
    }
    assert_eq!(answers.len(), requests.len());
    answers
}

/// Returns random requests for [`LIMITERS`] limiters, of which one in a hundred finds the clock set
/// back by up to half a window.
fn random_requests(limit: RateLimit) -> Vec<TimedRequest> {
    let mut random = SmallRng::seed_from_u64(31);
    let mut times: Vec<RandomTimes> = (0..LIMITERS)
        .map(|index| RandomTimes::new(limit, u64::from(index)))
        .collect();
    let mut requests = Vec::with_capacity(TIMES);
    while requests.len() < TIMES {
        let index = random.random_range(0..LIMITERS);
        let times = &mut times[index as usize];
        if random.random_range(0..100) == 0 {
            times.set_back();
        }
        requests.push((index, times.next()));
    }
    requests
}

/// Checks the time after which a refused request may be sent again: the model admits it then, and
/// refuses it a millisecond before.
fn check_retry_after(model: &dyn LimiterModel, index: u32, answer: &LimiterAnswer) {
    assert!(answer.retry_after_ms > 0, "{answer:?}");
    let again_us = answer.server_us + answer.retry_after_ms * 1_000;
    assert!(model.admits(index, again_us), "too early: {answer:?}");
    assert!(!model.admits(index, again_us - 1_000), "late: {answer:?}");
}

/// Gives each script times in which windows of an hour pass, so that no key expires during the
/// test.
#[test]
fn scripts_decide_as_their_models_at_random_times() {
    let redis = start();
    let mut connection = connect(&redis);
    // A seventh of the window is no whole number of microseconds, and the burst is not the limit.
    let window = Duration::from_micros(3_600_000_011);
    let limit = RateLimit::new(7, window, 5).unwrap();
    let requests = random_requests(limit);
    for algorithm in Algorithm::value_variants() {
        let script = LimiterScript::new(algorithm.script(), limit, true);
        script.load(&mut connection).unwrap();
        let answers = ask(&mut connection, &script, &prefix(*algorithm), &requests);
        let mut model = algorithm.model(limit);
        let mut admitted = 0;
        let mut newest: HashMap<u32, u64> = HashMap::new();
        let mut sequences: HashMap<u32, u64> = HashMap::new();
        for ((index, now_us), answer) in requests.iter().zip(&answers) {
            let now_us = now_us.unwrap();
            let sequence = sequences.entry(*index).or_default();
            *sequence += 1;
            assert_eq!(answer.sequence, Some(*sequence), "{algorithm:?}");
            assert_eq!(answer.server_us, now_us, "{algorithm:?}");
            let expected = model.decide(*index, now_us);
            assert_eq!(answer.admitted, expected, "{algorithm:?}: {answer:?}");
            let newest = newest.entry(*index).or_default();
            if answer.admitted {
                admitted += 1;
                assert_eq!(answer.retry_after_ms, 0);
            } else if now_us >= *newest {
                check_retry_after(model.as_ref(), *index, answer);
            }
            *newest = now_us.max(*newest);
        }
        let refused = TIMES - admitted;
        assert!(admitted > TIMES / 10, "{algorithm:?}: {admitted} admitted");
        assert!(refused > TIMES / 10, "{algorithm:?}: {refused} refused");
    }
    assert_keys_expire(&mut connection);
}

/// Checks that all keys lie under the run's prefix and have an expiry, and that there are some.
fn assert_keys_expire(connection: &mut Connection) {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(connection).unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        assert!(key.starts_with("plimsoll:test-"), "{key}");
        let left: i64 = redis::cmd("PTTL").arg(&key).query(connection).unwrap();
        assert_ne!(left, -1, "{key} never expires");
    }
}

/// Uses a window that is short enough for keys to expire while their limiters are in use: a key
/// must not be gone before it is of no use.
#[test]
fn scripts_decide_as_their_models_at_the_servers_times() {
    let redis = start();
    let mut connection = connect(&redis);
    let limit = RateLimit::new(5, Duration::from_millis(3), 2).unwrap();
    let requests: Vec<TimedRequest> = (0..LIMITERS)
        .cycle()
        .zip(std::iter::repeat_n(None, 5_000))
        .collect();
    for algorithm in Algorithm::value_variants() {
        let script = LimiterScript::new(algorithm.script(), limit, false);
        script.load(&mut connection).unwrap();
        let answers = ask(&mut connection, &script, &prefix(*algorithm), &requests);
        let mut model = algorithm.model(limit);
        for ((index, _), answer) in requests.iter().zip(&answers) {
            let expected = model.decide(*index, answer.server_us);
            assert_eq!(answer.admitted, expected, "{algorithm:?}: {answer:?}");
            assert_eq!(answer.sequence, None);
        }
        assert!(answers.iter().any(|answer| answer.admitted));
        let mut newest = 0;
        for answer in answers {
            assert!(answer.server_us > 1_700_000_000_000_000, "{answer:?}");
            newest = answer.server_us.max(newest);
        }
        let (seconds, us): (u64, u64) = redis::cmd("TIME").query(&mut connection).unwrap();
        assert!(newest <= seconds * 1_000_000 + us);
    }
}

#[test]
fn a_script_that_the_server_lost_is_loaded_again() {
    let redis = start();
    let limit = RateLimit::new(2, Duration::from_hours(1), 2).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = redis::Client::open(redis.url()).unwrap();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .unwrap();
        let script = LimiterScript::new(Algorithm::TokenBucket.script(), limit, true);
        let (mut keys, mut command) = (LimiterKeys::default(), Cmd::new());
        keys.set("plimsoll:test:", 0);
        script.write_call(&mut command, &keys, None);
        for sequence in 1..=3 {
            let answer = script.decide(&mut connection, &command).await.unwrap();
            assert_eq!(answer.sequence, Some(sequence));
            assert_eq!(answer.admitted, sequence <= 2, "{answer:?}");
            let () = redis::cmd("SCRIPT")
                .arg("FLUSH")
                .query_async(&mut connection)
                .await
                .unwrap();
        }
    });
}

#[test]
fn other_answers_are_an_error() {
    let short = Value::Array(vec![Value::Int(1), Value::Int(2), Value::Int(3)]);
    let text = Value::Array(vec![
        Value::Int(1),
        Value::Int(2),
        Value::Int(3),
        Value::Okay,
    ]);
    for value in [Value::Nil, Value::Int(1), short, text] {
        assert!(LimiterAnswer::read(&value).is_err(), "{value:?}");
    }
}
