//! Tests of `redis-bench cache` with limits of the throwaway server's memory.
use crate::common::{bench, report};
use bench_report::names::steps;
use bench_report::{Operation, Parameter, Status, Step};
use test_support::TestDirectory;

const ARGS: &[&str] = &[
    "cache",
    "--keys",
    "20k",
    "--ttl",
    "1h",
    "--maxmemory",
    "2MiB,4MiB",
    "--policy",
    "allkeys-lru,volatile-ttl",
    "--users",
    "4",
    "--repeats",
    "1",
    "--warmup",
    "2s",
    "--duration",
    "1s",
    "--run-dir",
    "run",
];

fn limit(step: &Step) -> &str {
    match &step.parameters["memory_limit"] {
        Parameter::Text(limit) => limit,
        other => panic!("{other:?}"),
    }
}

/// All keys need about 8 MiB, so that both limits can evict.
#[test]
fn each_policy_is_measured_at_each_limit_beside_its_simulation() {
    let place = TestDirectory::new();
    let output = bench(&place, ARGS).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}{errors}");
    let report = report(&place, "cache");
    assert_eq!(report.status, Status::Complete);
    let mut limits: Vec<&str> = report.steps.iter().map(limit).collect();
    limits.sort_unstable();
    let wanted = [
        "allkeys-lru 2.00 MiB",
        "allkeys-lru 4.00 MiB",
        "volatile-ttl 2.00 MiB",
        "volatile-ttl 4.00 MiB",
    ];
    assert_eq!(limits, wanted);
    for step in &report.steps {
        let failed: u64 = step.operations.values().map(Operation::failures).sum();
        assert_eq!(failed, 0, "{}", limit(step));
        let held = step.value(steps::KEYS_HELD).unwrap();
        assert!((100.0..20_000.0).contains(&held), "{held}");
        let measured = step.value(steps::HIT_RATIO).unwrap();
        let simulated = step.value(steps::SIMULATED_HIT_RATIO).unwrap();
        // A second of a slow machine has few reads; the unit tests have enough for two points.
        let close = (measured - simulated).abs() < 0.1;
        assert!(close, "{}: {measured}, {simulated}", limit(step));
    }
    assert!(said.contains("hit ratio  simulated"), "{said}");
}
