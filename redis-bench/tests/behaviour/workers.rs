//! Tests of a load that several processes of the program create together on a real server.
use std::path::Path;

use crate::common::{self, PASSWORD, bench, report};
use bench_report::{Status, StepEnd, WarningCode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{Ended, RunningProgram, TestDirectory, ending_bound, eventually};
use testbed::Redis;

/// Arguments of a load of 500 reads per second of keys that exist: 500 in one second, 100 of them
/// in the warm-up.
const READS: &[&str] = &[
    "pool",
    "--workload",
    "get",
    "--rate",
    "500",
    "--repeats",
    "1",
    "--warmup",
    "200ms",
    "--duration",
    "800ms",
    "--seed",
    "7",
    "--run-dir",
    "run",
];

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

/// Returns the number of GET calls that the server has counted since its start.
fn gets(redis: &Redis) -> u64 {
    let mut connection = common::connect(redis);
    let stats: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut connection)
        .unwrap();
    let calls = stats.lines().find_map(|line| {
        let (_, rest) = line.split_once("cmdstat_get:calls=")?;
        rest.split(',').next()?.parse().ok()
    });
    calls.unwrap_or(0)
}

#[test]
fn workers_send_the_planned_number_of_requests_exactly_as_one_process_does() {
    for (workers, client) in [
        (1, "pooled"),
        (3, "pooled"),
        (3, "multiplexed --connections 4"),
    ] {
        let redis = common::redis();
        let place = TestDirectory::new();
        let count = workers.to_string();
        let mut args = with(READS, &["--client"]);
        args.extend(client.split(' '));
        if workers > 1 {
            args.extend(["--workers", &count]);
        }
        let running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
        let Ended { code, said, .. } = running.end();
        assert_eq!(code, Some(0), "{said}");
        let report = report(&place, "pool");
        let step = &report.steps[0];
        assert_eq!(
            step.operations["get"].attempted, 400,
            "{workers} {client}: {said}"
        );
        assert_eq!(
            gets(&redis),
            500,
            "as the server counts them, with the warm-up"
        );
        assert_eq!(step.generator.parent_cpu_ns.is_some(), workers > 1);
        assert_eq!(report.config.contains_key("workers"), workers > 1);
        let connections = step.pool.as_ref().map_or(8, |pool| pool.max_size);
        assert_eq!(connections, 8, "all pools together");
        assert!(step.server.is_some() && common::keys(&redis).is_empty());
    }
}

#[test]
fn a_killed_worker_is_named_and_the_load_that_it_did_not_make_is_told() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let args = with(
        READS,
        &["--client", "pooled", "--workers", "2", "--duration", "4s"],
    );
    let args: Vec<&str> = without_first(&args, "--duration");
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    let workers = running.children();
    assert_eq!(workers.len(), 2);
    std::thread::sleep(std::time::Duration::from_millis(600));
    kill(Pid::from_raw(workers[1]), Signal::SIGKILL).unwrap();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(1), "{said}");
    let name = format!("worker 1/2 (pid {}) was killed by signal 9", workers[1]);
    let alternative = format!("worker 0/2 (pid {}) was killed by signal 9", workers[1]);
    let is_named = |text: &str| text.contains(&name) || text.contains(&alternative);
    assert!(is_named(&said), "{said}");
    let report = report(&place, "pool");
    assert_eq!(report.status, Status::Failed);
    let step = &report.steps[0];
    let StepEnd::Failed { reason } = &step.end else {
        panic!("{:?}", step.end);
    };
    assert!(is_named(reason), "{reason}");
    let lost = report
        .warnings
        .iter()
        .find(|w| w.code == WarningCode::WorkerLost)
        .unwrap();
    assert!(lost.spoils("/steps/0/operations/get/response"), "{lost:?}");
    let not_made = step.figures["arrivals_not_made"];
    // Half of the 2,000 arrivals were those of the killed worker.
    assert!((1.0..=1_000.0).contains(&not_made), "{not_made}");
    assert!(reason.contains(&format!(
        "{not_made} arrivals that were to follow were not made"
    )));
    assert_eq!(step.operations["get"].attempted, 1_000, "the other's");
    assert!(common::keys(&redis).is_empty(), "what was made is removed");
}

/// Returns `args` without the first occurrence of `flag` and its value.
fn without_first<'a>(args: &[&'a str], flag: &str) -> Vec<&'a str> {
    let mut args = args.to_vec();
    let first = args.iter().position(|arg| *arg == flag).unwrap();
    args.drain(first..first + 2);
    args
}

#[test]
fn workers_get_no_secret_as_argument_and_do_not_outlive_their_parent() {
    let redis = common::redis_with_password();
    let place = TestDirectory::new();
    let args = with(
        READS,
        &[
            "--client",
            "pooled",
            "--workers",
            "2",
            "--duration",
            "60s",
            "--url",
            redis.url(),
        ],
    );
    let args = without_first(&args, "--duration");
    let mut running = RunningProgram::start(&mut bench(&place, &args));
    running.wait_for("phase: measure");
    let workers = running.children();
    assert_eq!(workers.len(), 2);
    assert!(!PASSWORD.is_empty());
    for pid in &workers {
        let shown = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(shown.ends_with("redis-bench\0worker\0"), "{shown:?}");
    }
    running.signal(Signal::SIGKILL);
    drop(running);
    eventually("the workers end with their parent", || {
        let gone = |pid: &i32| {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            !Path::new(&format!("/proc/{pid}")).exists()
                || state.is_ok_and(|state| state.contains(") Z "))
        };
        workers.iter().all(gone)
    });
}

#[test]
fn a_signal_ends_parent_and_workers_in_order() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let args = with(
        READS,
        &["--client", "pooled", "--workers", "2", "--duration", "60s"],
    );
    let args = without_first(&args, "--duration");
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    std::thread::sleep(std::time::Duration::from_millis(300));
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert!(ended.took <= ending_bound(), "{:?}", ended.took);
    ended.assert_interrupted("with workers");
    let report = report(&place, "pool");
    assert_eq!(report.status, Status::Interrupted);
    assert!(report.steps[0].operations["get"].succeeded > 0);
    assert!(common::keys(&redis).is_empty());
}

#[test]
fn workers_that_would_share_a_connection_are_refused_and_so_is_the_command_by_hand() {
    let place = TestDirectory::new();
    let args = with(READS, &["--client", "pooled", "--workers", "9"]);
    let Ended { code, said, .. } = RunningProgram::start(&mut bench(&place, &args)).end();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--pool-size 9 or more"), "{said}");
    let mut by_hand = bench(&place, &["worker"]);
    by_hand.stdin(std::process::Stdio::null());
    let Ended { code, said, .. } = RunningProgram::start(&mut by_hand).end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("worker processes of --workers"), "{said}");
}
