//! Tests of flags of redis-benchmark and memtier on a real server.

use crate::common::{self, bench, keys, report, told};
use bench_report::Operation;
use test_support::{Ended, RunningProgram, TestDirectory};

/// The flags reach the load, also that of worker processes, and the report has ours.
#[test]
fn flags_of_other_tools_reach_the_load_and_its_workers() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let port = redis.url().rsplit(':').next().unwrap();
    let port = port.trim_end_matches('/').to_owned();
    let args = format!(
        "cache -p {port} -c 4 -d 8 -r 50 --ratio 1:1 --expiry-range 50-150 --test-time 1 --run-count 1 \
         --client plain --workers 2 --warmup 0 --run-dir run"
    );
    let args: Vec<&str> = args.split_whitespace().collect();
    let Ended { code, said, .. } = RunningProgram::start(&mut bench(&place, &args)).end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place, "cache");
    for (name, wanted) in [("users", 4), ("keys", 50)] {
        assert_eq!(report.config[name], wanted, "{name}");
    }
    let [step] = report.steps.as_slice() else {
        panic!("{} steps", report.steps.len());
    };
    let count = |of: fn(&Operation) -> u64| step.operations.values().map(of).sum::<u64>();
    assert_eq!(count(Operation::failures), 0);
    let share = step.operations["set"].attempted as f64 / count(|one| one.attempted) as f64;
    assert!((share - 0.5).abs() < 0.1, "{share}");
    assert_eq!(keys(&redis), [""; 0]);
}

#[test]
fn what_cannot_be_honoured_is_refused_before_a_server_is_contacted() {
    let place = TestDirectory::new();
    for (args, wanted) in [
        (vec!["pool", "-n", "1000"], "write --duration 5s"),
        (vec!["pool", "-a", "hunter2"], "REDISCLI_AUTH"),
        (
            vec!["cache", "--ratio", "1"],
            "writes and reads such as 1:10",
        ),
    ] {
        let said = told(&place, Some("redis://127.0.0.1:1/"), &args, 2);
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
}
