//! Tests of scripts of the user on a real server.
use crate::common::{self, bench, connect, keys, report, told};
use test_support::{Ended, RunningProgram, TestDirectory};

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
