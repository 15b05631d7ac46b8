//! Tests that compare the drivers on real servers: the round trips of each beyond the request's own, and the
//! connections that its pool keeps.

use crate::common::{Talk, postgres, report, sweep};
use bench_report::{Report, StepEnd};
use test_support::TestDirectory;

fn complete(url: &str, args: &str) -> (Report, String) {
    let place = TestDirectory::new();
    let output = sweep(&place, args)
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    (report(&place), said)
}

#[test]
fn a_sweep_of_all_drivers_says_what_each_costs() {
    let server = postgres(&[]);
    let args = "--driver sqlx,deadpool,direct,wire --pool-sizes 2,4 --repeats 2 --warmup 50ms --duration 200ms --recycle fast";
    let (report, said) = complete(server.url(), args);
    assert_eq!(report.steps.len(), 16);
    let threads = report.steps[0].generator.threads;
    for step in &report.steps {
        assert_eq!(step.end, StepEnd::Completed, "{}", step.name);
        assert_eq!(step.generator.threads, threads, "all on as many threads");
        let expected = if step.name.starts_with("sqlx") {
            1.0
        } else {
            0.0
        };
        let extra = step.figures["extra_round_trips_per_request"];
        assert_eq!(extra, expected, "{}", step.name);
    }
    for driver in ["deadpool", "sqlx"] {
        assert_eq!(report.config["drivers"][driver]["recycle"], "fast");
    }
    let mut compared: Vec<String> = report
        .summary
        .comparisons
        .iter()
        .filter(|c| c.figure == "throughput_per_s")
        .map(|c| format!("{} ÷ {}, {}", c.subject, c.baseline, c.value))
        .collect();
    for row in &compared {
        assert!(said.contains(row), "{row:?} in {said}");
    }
    compared.sort();
    assert_eq!(
        compared,
        [
            "deadpool ÷ direct, 2",
            "deadpool ÷ direct, 4",
            "deadpool ÷ wire, 2",
            "deadpool ÷ wire, 4",
            "direct ÷ wire, 2",
            "direct ÷ wire, 4",
            "sqlx ÷ direct, 2",
            "sqlx ÷ direct, 4",
            "sqlx ÷ wire, 2",
            "sqlx ÷ wire, 4",
        ]
    );
    let comparisons = &report.summary.comparisons;
    assert!(
        comparisons
            .iter()
            .all(|c| c.ratio > 0.0 && c.low_ratio.is_some())
    );
    let called = comparisons.iter().filter(|c| c.figure == "call_p50_ns");
    assert!(
        called.clone().all(|c| c.subject == "direct"),
        "elsewhere users queue"
    );
    assert_eq!(called.count(), 2);
    assert!(
        said.contains("sqlx spends 1.0 extra round trips per checkout"),
        "{said}"
    );
    assert!(
        said.contains("deadpool spends no extra round trip per checkout"),
        "{said}"
    );
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn a_pool_opens_before_the_step_what_it_is_told_to_and_the_rest_when_needed() {
    let server = postgres(&[]);
    let size = |driver: &str, args: &str| {
        let common =
            "--pool-sizes 8 --users 1 --think-time 20ms --repeats 1 --warmup 0 --duration 300ms";
        let args = format!("--driver {driver} {common} {args}");
        let (report, said) = complete(server.url(), &args);
        report.steps[0].pool.as_ref().expect(&said).size_mean
    };
    assert_eq!([size("deadpool", ""), size("sqlx", "")], [8.0, 8.0]);
    assert_eq!(size("deadpool", "--pool-min 2"), 2.0);
    // sqlx's own task opens connections too. A user who comes back before the ping after a release is over
    // gets a new connection, so there may be one or two more on a slow machine.
    let few = size("sqlx", "--pool-min 2");
    assert!((2.0..8.0).contains(&few), "{few}");
}

#[test]
fn connections_of_sqlx_come_and_go_by_their_age_where_that_is_asked_for() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    let sessions = |args: &str| {
        let counted = || {
            let told = talk.names(
                "SELECT sessions::text FROM pg_stat_database WHERE datname = current_database()",
            );
            told[0].parse::<u64>().unwrap()
        };
        let before = counted();
        let common = "--driver sqlx --pool-sizes 2 --users 2 --repeats 1 --warmup 0 --duration 1s";
        complete(server.url(), &format!("{common} {args}"));
        counted() - before
    };
    let (kept, aged) = (sessions(""), sessions("--max-lifetime 50ms"));
    assert!(
        aged > kept + 2,
        "{aged} sessions, and {kept} where they stay"
    );
}
