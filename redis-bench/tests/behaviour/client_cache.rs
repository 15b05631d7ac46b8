//! Tests of the cache in the client's memory, which the server keeps valid: what it spares the server,
//! how long its values are right, and what ends it.
use std::time::Duration;

use crate::common::{self, bench, report, told};
use bench_report::{Operation, Report, Step, WarningCode};
use test_support::{RunningProgram, TestDirectory};
use testbed::Redis;

/// Runs `redis-bench cache` with these arguments on `redis`, while `meanwhile` runs from the measured part
/// on, and returns all that it said and its report.
fn run(redis: &Redis, args: &str, meanwhile: impl FnOnce()) -> (String, Report) {
    let place = TestDirectory::new();
    let args = format!("cache {args} --repeats 1 --run-dir run");
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    meanwhile();
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(common::keys(redis), [""; 0], "{}", ended.said);
    let said = ended.said.split_whitespace().collect::<Vec<_>>().join(" ");
    (said, report(&place, "cache"))
}

fn count(step: &Step, name: &str) -> f64 {
    let operation = step.operations.get(name);
    operation.map_or(0.0, |one| one.throughput_per_s) * step.window.measured_s()
}

fn failures(step: &Step) -> u64 {
    step.operations.values().map(Operation::failures).sum()
}

/// Returns the number of connections whose keys the server tracks.
fn tracked(redis: &Redis) -> u64 {
    let mut ask = redis::cmd("INFO");
    let info: String = ask
        .arg("clients")
        .query(&mut common::connect(redis))
        .unwrap();
    let mut lines = info
        .lines()
        .filter_map(|line| line.strip_prefix("tracking_clients:"));
    lines.next().unwrap().trim().parse().unwrap()
}

/// 500 keys of equal popularity with a life of 1 s and 3 reads per second each. In the cycle of a key one
/// read misses it and writes it, the next one fetches it if it comes within the life, and all others of
/// the λT = 3 are answered from the memory. The server removes keys as soon as they expire.
#[test]
fn the_share_that_memory_answers_is_that_of_theory_and_the_server_gets_the_rest() {
    let redis = common::redis();
    for setting in [["active-expire-effort", "10"], ["hz", "500"]] {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg(&setting);
        set.exec(&mut common::connect(&redis)).unwrap();
    }
    let args = "--client-cache 0,10k --keys 500 --zipf 0 --ttl 1s --ttl-jitter 0 --rate 1500 --warmup 2s \
                --duration 4s";
    let (said, report) = run(&redis, args, || {});
    let of_keys = |keys: &str| {
        let mut steps = report.steps.iter();
        steps.find(|step| step.name.contains(keys)).unwrap()
    };
    let (without, with) = (of_keys("no client cache"), of_keys("client cache 10000"));
    assert!(
        !without.figures.contains_key("client_cache.hit_ratio"),
        "{said}"
    );
    let calls = |step: &Step| step.server.as_ref().unwrap().figures["commands.get.calls"];
    for step in [without, with] {
        assert_eq!(failures(step), 0, "{said}");
        let sent = count(step, "get") + count(step, "miss");
        let ratio = calls(step) / sent;
        assert!(
            (0.97..1.03).contains(&ratio),
            "{} calls, {sent} sent; {said}",
            calls(step)
        );
    }
    let per_life: f64 = 3.0;
    let theory = (per_life - 1.0 + (-per_life).exp()) / (1.0 + per_life);
    let local = with.figures["client_cache.hit_ratio"];
    assert!(
        (local - theory).abs() < 0.04,
        "{local}, not {theory}; {said}"
    );
    let spared = 1.0 - calls(with) / calls(without);
    assert!(
        (spared - local).abs() < 0.05,
        "{spared}, not {local}; {said}"
    );
    // The misses are those of the server's own lives.
    let (hits, theory) = (with.figures["hit_ratio"], with.figures["theory_hit_ratio"]);
    assert!((hits - theory).abs() < 0.03, "{hits}, not {theory}; {said}");
    // Each key that was fetched in a life is named once when that life ends.
    let (fetched, named) = (
        count(with, "get"),
        with.figures["client_cache.invalidations"],
    );
    assert!(
        (0.9..3.0).contains(&(named / fetched)),
        "{named} of {fetched}; {said}"
    );
    assert_eq!(with.figures["client_cache.evictions"], 0.0, "{said}");
    for part in ["Caches in the client's memory:", "from memory"] {
        assert!(said.contains(part), "{said}");
    }
    let differs = |warning: &&bench_report::Warning| warning.code == WarningCode::ServerDiffers;
    assert_eq!(report.warnings.iter().find(differs), None, "{said}");
}

/// A cache of a tenth of the keys evicts; the writes of a stranger and of the load itself invalidate.
#[test]
fn writes_and_a_full_cache_remove_values_and_nothing_old_stays() {
    let redis = common::redis();
    let args = "--client-cache 100 --keys 1000 --writes 20% --users 4 --ttl 1m --warmup 500ms \
                --duration 1s";
    let (said, report) = run(&redis, args, || {
        let mut stranger = common::connect(&redis);
        for key in common::keys(&redis)
            .iter()
            .filter(|key| !key.contains("probe"))
            .take(500)
        {
            let value: Vec<u8> = redis::cmd("GET").arg(key).query(&mut stranger).unwrap();
            redis::cmd("SET")
                .arg(key)
                .arg(value)
                .arg("KEEPTTL")
                .exec(&mut stranger)
                .unwrap();
        }
    });
    let step = &report.steps[0];
    assert_eq!(failures(step), 0, "{said}");
    assert!(
        count(step, "local") > 0.0 && count(step, "get") > 0.0,
        "{said}"
    );
    assert!(step.figures["client_cache.evictions"] > 0.0, "{said}");
    assert!(step.figures["client_cache.invalidations"] > 0.0, "{said}");
    // An acknowledged write is told to the same connection right after its answer.
    let (stale, local) = (count(step, "stale_local"), count(step, "local"));
    assert!(stale <= 0.05 * local, "{stale} of {local}; {said}");
}

/// The server looks for expired keys once a second, and tells of them then.
#[test]
fn reads_of_values_whose_life_is_over_are_told_as_stale() {
    let redis = common::redis();
    let mut rarely = redis::cmd("CONFIG");
    rarely.arg(&["SET", "hz", "1"]);
    rarely.exec(&mut common::connect(&redis)).unwrap();
    let args = "--client-cache 1k --keys 100 --zipf 0 --preload 0 --ttl 200ms --ttl-jitter 0 --rate 2000 \
                --warmup 500ms --duration 3s";
    let (said, report) = run(&redis, args, || {});
    let step = &report.steps[0];
    assert_eq!(failures(step), 0, "{said}");
    let stale = step.figures["client_cache.stale_ratio"];
    // Valid for 200 ms, and then in the memory until the second is over.
    assert!((0.3..0.95).contains(&stale), "{stale}; {said}");
    let local = step.figures["client_cache.hit_ratio"];
    assert!(
        local >= stale && said.contains("whose life was over"),
        "{said}"
    );
}

#[test]
fn a_connection_that_was_killed_begins_with_an_empty_cache_that_is_tracked_again() {
    let redis = common::redis();
    let args = "--client-cache 1k --keys 100 --users 4 --think-time 1ms --ttl 1m --warmup 300ms \
                --duration 2s";
    let (said, report) = run(&redis, args, || {
        assert_eq!(tracked(&redis), 1);
        // The measured part has begun on every thread.
        std::thread::sleep(Duration::from_millis(300));
        let mut kill = redis::cmd("CLIENT");
        kill.arg(&["KILL", "TYPE", "normal"]);
        kill.exec(&mut common::connect(&redis)).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(tracked(&redis), 1, "the new connection");
    });
    let step = &report.steps[0];
    assert!(failures(step) > 0 && failures(step) <= 8, "{said}");
    assert_eq!(step.figures["connections.opened"], 1.0, "{said}");
    // All 100 keys were fetched anew after the kill.
    assert!(count(step, "get") >= 90.0, "{said}");
    assert!(count(step, "local") > 5.0 * count(step, "get"), "{said}");
}

#[test]
fn a_share_that_still_grows_is_told_as_a_drift() {
    let redis = common::redis();
    // Every key is read every ten seconds, so that few are in the memory at first.
    let args =
        "--client-cache 10k --keys 5000 --zipf 0 --ttl 1h --rate 500 --warmup 0s --duration 4s";
    let (said, report) = run(&redis, args, || {});
    let drift = |warning: &&bench_report::Warning| warning.code == WarningCode::HitRatioDrifting;
    let warning = report.warnings.iter().find(drift);
    let warning = warning.unwrap_or_else(|| panic!("{said}"));
    assert!(
        warning.message.contains("client answered itself rose"),
        "{said}"
    );
    assert!(warning.spoils("/steps/0/figures/client_cache.hit_ratio"));
    assert!(!warning.spoils("/steps/0/figures/hit_ratio"));
}

#[test]
fn a_user_who_may_not_track_is_told_once_and_what_to_do() {
    let redis = common::redis();
    let mut user = redis::cmd("ACL");
    user.arg(&[
        "SETUSER",
        "app",
        "on",
        ">pw",
        "~*",
        "+@all",
        "-client|tracking",
    ]);
    user.exec(&mut common::connect(&redis)).unwrap();
    let url = redis.url().replace("redis://", "redis://app:pw@");
    let place = TestDirectory::new();
    let args = ["cache", "--client-cache", "1k", "--keys", "100"];
    let said = told(&place, Some(&url), &args, 1);
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words.matches("NOPERM").count(), 1, "{said}");
    assert!(words.contains("+client|tracking"), "{said}");
    assert_eq!(common::keys(&redis), [""; 0]);
}

#[test]
fn what_a_cache_in_the_clients_memory_cannot_go_with_is_refused() {
    let place = TestDirectory::new();
    for (args, remedy) in [
        ("--client pooled", "--client multiplexed"),
        (
            "--stampede none --backend 50ms",
            "leave --stampede or --client-cache out",
        ),
        (
            "--read-from replica",
            "leave --read-from replica or --client-cache out",
        ),
        ("--maxmemory 4MiB", "--maxmemory"),
    ] {
        let args = format!("cache --client-cache 1k {args}");
        let args: Vec<&str> = args.split_whitespace().collect();
        let said = told(&place, None, &args, 2);
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(remedy), "{args:?}: {said}");
    }
}
