//! Tests of scripts of the user on a real server.
use crate::common::{self, bench, connect, keys, report, told};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory, eventually};

const SCRIPT: &str = "
[lua.take]
script = \"return redis.call('INCR', KEYS[1])\"

[[sequence]]
name = 'cart'
weight = 3
[[sequence.command]]
run = ['HSET', 'cart:{user}', 'item:{zipf:50}', '{bytes:20}']
[[sequence.command]]
lua = 'take'
keys = ['taken:{uniform:5}']

[[sequence]]
name = 'wrong'
think = '1ms'
[[sequence.command]]
run = ['SET', 'text', 'x']
[[sequence.command]]
run = ['INCR', 'text']
";

/// Three quarters of the sequences succeed, also on a server that does not have the Lua script; the
/// others fail as planted. Nothing but keys of the run is written, and none is left.
#[test]
fn sequences_run_by_weight_and_leave_no_key() {
    let redis = common::redis();
    let () = redis::cmd("SET")
        .arg("text")
        .arg("of somebody else")
        .query(&mut connect(&redis))
        .unwrap();
    let place = TestDirectory::new();
    std::fs::write(place.path().join("shop.toml"), SCRIPT).unwrap();
    let args = "pool --script shop.toml --run-dir run --client pooled,multiplexed --repeats 1 \
                --warmup 0 --rate 400 --duration 1s --stop-on p99>1h";
    let args: Vec<&str> = args.split_whitespace().collect();
    let running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place, "pool");
    assert_eq!(report.steps.len(), 2);
    for step in &report.steps {
        let (cart, wrong) = (&step.operations["cart"], &step.operations["wrong"]);
        assert_eq!(cart.failures(), 0, "{cart:?}");
        assert_eq!(wrong.errors.get("response.ERR"), Some(&wrong.attempted));
        let share = cart.attempted as f64 / (cart.attempted + wrong.attempted) as f64;
        assert!((share - 0.75).abs() < 0.1, "{share}");
    }
    assert!(said.contains("cart") && said.contains("sequence"), "{said}");
    assert_eq!(keys(&redis), ["text"]);
    let text: String = redis::cmd("GET")
        .arg("text")
        .query(&mut connect(&redis))
        .unwrap();
    assert_eq!(text, "of somebody else");
}

#[test]
fn a_script_is_checked_without_a_server_and_its_mistakes_have_a_place() {
    let place = TestDirectory::new();
    std::fs::write(place.path().join("shop.toml"), SCRIPT).unwrap();
    let mut check = bench(&place, &["pool", "--script", "shop.toml", "--check-script"]);
    let output = check
        .env("REDIS_URL", "redis://127.0.0.1:1/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        said.trim(),
        "shop.toml: no mistakes; cart (2 commands), wrong (2 commands)"
    );
    let harmful = SCRIPT.replace("['SET', 'text', 'x']", "['FLUSHALL']");
    std::fs::write(place.path().join("shop.toml"), harmful).unwrap();
    let said = told(&place, None, &["pool", "--script", "shop.toml"], 2);
    assert!(said.contains("shop.toml:18:8: FLUSHALL is not"), "{said}");
}

/// Commands of each kind that leaves a key behind, and one key with an expiry of the user's own.
const WRITING: &str = "
[lua.fill]
script = \"return redis.call('RPUSH', KEYS[1], ARGV[1])\"

[[sequence]]
name = 'write'
command = [
  { run = ['SET', 'set:{n}', 'x'] },
  { run = ['MSET', 'mset:{n}', 'x', 'other:{n}', 'y'] },
  { run = ['HSET', 'hash:{n}', 'f', 'x'] },
  { lua = 'fill', keys = ['list:{n}'], args = ['x'] },
  { run = ['INCR', 'count:{user}'] },
";

const BRIEF: &str = "
  { run = ['HSET', 'brief:{n}', 'f', 'x'] },
  { run = ['EXPIRE', 'brief:{n}', '100'] },
  { run = ['DEL', 'count:{user}'] },
";

/// A script is killed while it writes. Every key that it left has an expiry, at most that of the
/// whole run and an hour, and the one of the script where that has one.
#[test]
fn a_killed_script_leaves_no_key_for_ever() {
    let load = "--client pooled,multiplexed --repeats 1 --duration 20s";
    // 2 steps of 20 s with 1 s of warm-up each, and an hour.
    let longest = (3_600 + 2 * 21) * 1_000;
    for script in [format!("{WRITING}]"), format!("{WRITING}{BRIEF}]")] {
        for (key, left_ms) in left_by_killed(&script, load) {
            assert!((1..=longest).contains(&left_ms), "{key}: {left_ms} ms");
            // The command before EXPIRE may have been the last.
            let is_brief = !key.contains("brief:") || left_ms <= 100_000 || left_ms > 3_600_000;
            assert!(is_brief, "{key}: {left_ms} ms");
        }
    }
}

/// Keys that a worker process writes outlive the planned load as well, whose length only its parent
/// knows.
#[test]
fn keys_of_a_worker_outlive_a_long_load() {
    let load = "--client plain --repeats 1 --workers 1 --rate ramp:300..400/2h";
    let planned = 2 * 3_600 * 1_000;
    for (key, left_ms) in left_by_killed(&format!("{WRITING}]"), load) {
        let bounds = planned + 1..=planned + 3_601_000;
        assert!(bounds.contains(&left_ms), "{key}: {left_ms} ms");
    }
}

/// Kills a run of `script` under `load` once it has written 500 keys. Returns all keys, each with its
/// time to live in milliseconds.
fn left_by_killed(script: &str, load: &str) -> Vec<(String, i64)> {
    let redis = common::redis();
    let mut connection = connect(&redis);
    let place = TestDirectory::new();
    std::fs::write(place.path().join("s.toml"), script).unwrap();
    let args = format!("pool --script s.toml {load}");
    let args: Vec<&str> = args.split_whitespace().collect();
    let running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    let count = |connection: &mut redis::Connection| -> u64 {
        redis::cmd("DBSIZE").query(connection).unwrap()
    };
    eventually("keys are written", || count(&mut connection) > 500);
    running.signal(Signal::SIGKILL);
    running.end();
    let alone = |connection: &mut redis::Connection| {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query(connection).unwrap();
        clients.lines().count() == 1
    };
    eventually("all clients are gone", || alone(&mut connection));
    let keys = keys(&redis);
    let mut lives = redis::pipe();
    for key in &keys {
        lives.cmd("PTTL").arg(key);
    }
    let lives: Vec<i64> = lives.query(&mut connection).unwrap();
    keys.into_iter().zip(lives).collect()
}

/// Every second answer is another one than the script expects. The sequence ends there, and counts as
/// failed with `wrong_value`.
#[test]
fn an_answer_that_is_not_the_expected_one_is_a_wrong_value() {
    let script = "
[[sequence]]
name = 'right'
command = [
  { run = ['SET', 'a:{user}', '{n}'], expect = 'OK' },
  { run = ['GET', 'a:{user}'], expect = '{n}' },
  { run = ['GET', 'missing'], expect = false },
]

[[sequence]]
name = 'wrong'
command = [
  { run = ['SET', 'b:{user}', 'planted'] },
  { run = ['GET', 'b:{user}'], expect = 'other' },
  { run = ['INCR', 'never'] },
]
";
    let place = TestDirectory::new();
    std::fs::write(place.path().join("s.toml"), script).unwrap();
    let args = "pool --script s.toml --run-dir run --client plain --repeats 1 --warmup 0 --rate 400 \
                --duration 1s";
    let args: Vec<&str> = args.split_whitespace().collect();
    let Ended { code, said, .. } = RunningProgram::start(&mut bench(&place, &args)).end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place, "pool");
    let step = &report.steps[0];
    assert_eq!(step.operations["right"].failures(), 0);
    let wrong = &step.operations["wrong"];
    assert_eq!(wrong.errors.get("wrong_value"), Some(&wrong.attempted));
    let told = step.failures.iter().map(|failure| &failure.message);
    let told: Vec<&String> = told.collect();
    assert!(
        told.iter().any(|one| one.contains("\"planted\"")),
        "{told:?}"
    );
}

/// A script under a load with a spike has results before, in and after it, by sequence.
#[test]
fn a_script_can_be_the_requests_of_a_burst() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let script = SCRIPT.replace("['INCR', 'text']", "['GET', 'text']");
    std::fs::write(place.path().join("shop.toml"), script).unwrap();
    let args = "burst --script shop.toml --run-dir run --client multiplexed --repeats 1 --warmup 0 \
                --rate spike:200,800/1s --duration 3s --workers 1";
    let args: Vec<&str> = args.split_whitespace().collect();
    let running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place, "burst");
    let segments = &report.steps[0].segments;
    let names: Vec<&str> = segments.iter().map(|segment| &*segment.name).collect();
    assert_eq!(names, ["before", "spike", "after"]);
    for segment in segments {
        assert!(segment.operations["cart"].succeeded > 0, "{}", segment.name);
    }
    assert_eq!(report.config["script"], "shop.toml");
    assert!(!report.config.contains_key("keys"), "{:?}", report.config);
    assert!(
        said.contains("backlog") && said.contains("sequence"),
        "{said}"
    );
    assert_eq!(keys(&redis), [""; 0]);
    let refused = ["burst", "--script", "shop.toml", "--keys", "5"];
    let refused = told(&place, None, &refused, 2);
    assert!(refused.contains("cannot be used with"), "{refused}");
}
