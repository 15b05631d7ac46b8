//! Tests of the scenario `burst` on real servers: what a stall across the end of the spike and a
//! storm of connections do.
use std::time::Duration;

use crate::common::{self, bench, connect, keys, report};
use bench_report::{Report, Step, WarningCode};
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::{Faults, Proxy, Redis, RedisOptions};

/// Runs `redis-bench burst` with `args` on the server at `url`, and calls `meanwhile` when its only
/// step begins to be measured. The run must succeed. Returns its report and its text.
fn run<T>(url: &str, args: &str, meanwhile: impl FnOnce() -> T) -> (Report, String, T) {
    let place = TestDirectory::new();
    let fixed = "burst --run-dir run --repeats 1 --warmup 0 --keys 1k --client multiplexed \
                 --stop-on p99>1h";
    let words: Vec<&str> = fixed.split_whitespace().chain(args.split(' ')).collect();
    let mut running = RunningProgram::start(bench(&place, &words).env("REDIS_URL", url));
    running.wait_for("phase: measure");
    let seen = meanwhile();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    (report(&place, "burst"), words, seen)
}

fn figure(step: &Step, name: &str) -> f64 {
    let found = step.figures.get(name);
    *found.unwrap_or_else(|| panic!("no {name}: {:?}", step.figures))
}

/// The server stands still from the spike until a second after it.
#[test]
fn a_stall_makes_a_backlog_and_delays_the_recovery_until_after_its_end() {
    let redis = common::redis();
    let proxy = Proxy::start(([127, 0, 0, 1], redis.port()).into(), Faults::default()).unwrap();
    let url = format!("redis://{}/", proxy.address());
    // Before the spike are 3 s, and 6 s after it.
    let (report, said, ()) = run(&url, "--rate spike:500,1000/3s", || {
        std::thread::sleep(Duration::from_secs(4));
        proxy.set(Faults {
            stall: true,
            ..Faults::default()
        });
        std::thread::sleep(Duration::from_secs(3));
        proxy.set(Faults::default());
    });
    let step = &report.steps[0];
    let backlog = |segment: &str| figure(step, &format!("backlog.{segment}"));
    assert!(backlog("spike") >= 500.0, "{said}");
    assert!(backlog("after") >= 500.0, "{said}");
    let recovery = step.curve.as_ref().unwrap().recovery.as_ref().unwrap();
    assert!(recovery.base_p99_ns.is_some(), "{recovery:?}");
    // How soon after the stall it is back depends on the machine as well.
    if let Some(after_ns) = recovery.after_ns {
        let least_ns = 200_000_000_u64.saturating_sub(recovery.resolution_ns);
        assert!(after_ns >= least_ns, "{recovery:?}");
    }
    assert!(said.contains("backlog before in the spike after"), "{said}");
    assert!(!step.figures.contains_key("storm.logins"), "{said}");
    assert_eq!(keys(&redis), Vec::<String>::new());
}

#[test]
fn a_storm_connects_all_at_once_and_is_not_taken_for_others() {
    let redis = common::redis();
    let args = "--rate spike:100,200/1s --storm 30";
    let (report, said, ()) = run(redis.url(), args, || ());
    let step = &report.steps[0];
    assert_eq!(figure(step, "storm.logins"), 30.0);
    assert_eq!(figure(step, "storm.failed"), 0.0, "{said}");
    let (median, longest) = (
        figure(step, "storm.median_ns"),
        figure(step, "storm.longest_ns"),
    );
    assert!(0.0 < median && median <= longest, "{median} {longest}");
    assert_eq!(longest, figure(step, "storm.whole_ns"));
    let mut warnings = report.warnings.iter();
    let differs = warnings.find(|warning| warning.code == WarningCode::ServerDiffers);
    assert!(differs.is_none(), "{differs:?}");
    assert!(said.contains("30 of 30 0"), "{said}");
}

/// A server with room for some of the storm refuses the others, and the load goes on.
#[test]
fn a_storm_beyond_the_servers_room_is_refused_by_as_many_as_have_none() {
    let redis = Redis::start(&RedisOptions {
        settings: vec![("maxclients".to_owned(), "40".to_owned())],
        ..RedisOptions::default()
    })
    .unwrap();
    let args = "--rate spike:100,200/2s --storm 60";
    let (report, said, connected) = run(redis.url(), args, || {
        std::thread::sleep(Duration::from_secs(1));
        let mut own = connect(&redis);
        let info: String = redis::cmd("INFO").arg("clients").query(&mut own).unwrap();
        let mut lines = info.lines();
        let count = lines.find_map(|line| line.strip_prefix("connected_clients:"));
        count.unwrap().parse::<f64>().unwrap() - 1.0
    });
    let step = &report.steps[0];
    let room = 40.0 - connected;
    assert_eq!(figure(step, "storm.failed"), 60.0 - room, "{said}");
    let kinds = step.figures.iter();
    let kinds = kinds.filter(|(name, _)| name.starts_with("storm.failed."));
    let by_kind: f64 = kinds.map(|(_, count)| count).sum();
    assert_eq!(by_kind, 60.0 - room, "{:?}", step.figures);
    assert!(
        said.contains("Connections of the storm that failed"),
        "{said}"
    );
    let failures: u64 = step
        .operations
        .values()
        .map(bench_report::Operation::failures)
        .sum();
    assert_eq!(failures, 0, "{said}");
    assert_eq!(keys(&redis), Vec::<String>::new());
}
