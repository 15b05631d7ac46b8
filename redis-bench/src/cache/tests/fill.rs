//! Tests of the keys with which a step of `cache` begins: which there are, their lives and lengths.

use super::*;

#[test]
fn each_step_begins_with_the_same_keys() {
    let redis = start();
    let flags = cache_flags(&["--keys", "1k", "--preload", "0.3", "--ttl", "1000h"]);
    let keyspace = Cache(&flags).keyspace("plimsoll:test:", 7);
    fill(&redis, &keyspace);
    let first = keys(&redis);
    assert!((200..400).contains(&first.len()), "{}", first.len());
    step(
        &redis,
        ClientKind::Multiplexed,
        Duration::from_millis(300),
        &["--keys", "1k"],
    );
    assert_ne!(first, keys(&redis));
    fill(&redis, &keyspace);
    assert_eq!(first, keys(&redis));
}

/// Returns the time for which each key lives on after a fill with these flags, by --ttl.
fn lives(redis: &Redis, args: &str) -> Vec<f64> {
    let args = format!("--keys 1k --ttl 1000h {args}");
    let flags = cache_flags(&args.split(' ').collect::<Vec<_>>());
    fill(redis, &Cache(&flags).keyspace("plimsoll:test:", 7));
    let mut connection = connect(redis);
    let life = |key: &String| -> f64 {
        let left_ms: u64 = redis::cmd("PTTL").arg(key).query(&mut connection).unwrap();
        left_ms as f64 / flags.ttl.as_millis() as f64
    };
    keys(redis).iter().map(life).collect()
}

/// The life is so long that the time of the fill does not count beside it.
#[test]
fn fresh_keys_begin_their_lives_together_and_end_them_as_their_jitter_says() {
    let redis = start();
    let spread = |args: &str| {
        let lives = lives(&redis, args);
        assert_eq!(lives.len(), 1_000, "{args}");
        let shortest = lives.iter().copied().fold(f64::INFINITY, f64::min);
        (shortest, lives.iter().copied().fold(0.0, f64::max))
    };
    let (shortest, longest) = spread("--preload fresh --ttl-jitter 0");
    assert!(shortest > 0.999 && longest < 1.001, "{shortest}..{longest}");
    let (shortest, longest) = spread("--preload fresh --ttl-jitter 0.5");
    assert!((0.5..0.52).contains(&shortest) && (1.48..1.5).contains(&longest));
    let (shortest, longest) = spread("--preload 1 --ttl-jitter 0");
    assert!(
        shortest < 0.02 && (0.98..1.001).contains(&longest),
        "ages are spread"
    );
}

/// A read whose key has another length than expected would fail the step.
#[test]
fn values_have_the_length_of_their_key_when_filled_and_when_written_back() {
    let redis = start();
    let args = "--keys 300 --preload 50% --ttl 1000h --zipf 0 --value-size 10..2000";
    let args: Vec<&str> = args.split(' ').collect();
    let step = step(
        &redis,
        ClientKind::Multiplexed,
        Duration::from_millis(700),
        &args,
    );
    assert!(succeeded(&step, "get") > 0 && succeeded(&step, "miss") > 0);
    let flags = cache_flags(&args);
    let keyspace = Cache(&flags).keyspace("plimsoll:test:", 7);
    let mut connection = connect(&redis);
    let mut name = Vec::new();
    let mut checked = 0;
    for index in 0..300 {
        keyspace.name_into(index, &mut name);
        let length: usize = redis::cmd("STRLEN")
            .arg(&name)
            .query(&mut connection)
            .unwrap();
        assert!(
            length == 0 || length == keyspace.value_length(index),
            "{length}"
        );
        checked += usize::from(length > 0);
    }
    assert!(checked > 150, "{checked}");
    let mut wrong = redis::cmd("SET");
    wrong.arg(&name).arg("short").exec(&mut connection).unwrap();
    assert_ne!(
        keyspace.value_length(299),
        5,
        "a read of it would be refused"
    );
}
