//! Tests of repeated sweeps: five sweeps of one real server in a row, each in another random order,
//! must recommend intervals that have a size in common.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use common::{Talk, complete, postgres};
use test_support::TestDirectory;

const SIZES: [u64; 3] = [2, 4, 8];

/// Script whose limit is a row lock and not a processor, so that a busy machine does not change it:
/// a transaction sleeps 9 ms without a lock and holds one hot row for 3 ms. About four connections
/// keep that row busy.
const HOT_ROW: &str = "\
SELECT pg_sleep(0.009);
BEGIN;
UPDATE hot SET n = n + 1;
SELECT pg_sleep(0.003);
END;
";

/// Returns the lower and upper end of the interval of pool sizes that a sweep recommends; an open
/// lower end is 0, an open upper end is infinite.
fn interval(url: &str, args: &str) -> (f64, f64) {
    let ran = complete(url, "sweep", args);
    assert_eq!(ran.code, 0, "{}", ran.said);
    let found = &ran.report.summary.recommendations[0];
    assert!(found.value.is_some(), "{}", ran.said);
    println!("{:?} to {:?}: {}", found.low, found.high, found.reason);
    (
        found.low.unwrap_or(0.0),
        found.high.unwrap_or(f64::INFINITY),
    )
}

fn assert_share_a_size(url: &str, sizes: &[u64], args: &str) {
    let list: Vec<String> = sizes.iter().map(u64::to_string).collect();
    let list = list.join(",");
    let found: Vec<(f64, f64)> = (1..=5)
        .map(|seed| {
            let args = format!("--driver deadpool --pool-sizes {list} --seed {seed} {args}");
            interval(url, &args)
        })
        .collect();
    let in_all = |size: u64| {
        let mut intervals = found.iter();
        intervals.all(|(low, high)| (*low..=*high).contains(&(size as f64)))
    };
    let shared: Vec<u64> = sizes.iter().copied().filter(|size| in_all(*size)).collect();
    assert!(
        !shared.is_empty() && shared.len() < sizes.len(),
        "a size in common, and not all of them: {found:?}"
    );
}

#[test]
fn five_sweeps_of_one_server_share_a_size() {
    let server = postgres(&[]);
    Talk::to(server.url()).execute("CREATE TABLE hot AS SELECT 0 AS n");
    let place = TestDirectory::new();
    let script = place.path().join("hot.sql");
    std::fs::write(&script, HOT_ROW).unwrap();
    let args = format!(
        "--script {} --repeats 3 --warmup 100ms --duration 300ms",
        script.display()
    );
    assert_share_a_size(server.url(), &SIZES, &args);
}

/// The limit of the default workload is the processors. Other programs on the machine change the
/// result, and steps that are long enough take more time than an ordinary test may.
#[test]
#[ignore = "takes minutes and wants the machine for itself: make soak"]
fn five_sweeps_of_the_default_workload_share_a_size() {
    let server = postgres(&[]);
    let args = "--repeats 3 --warmup 500ms --duration 2s";
    assert_share_a_size(server.url(), &[1, 2, 4, 8, 16], args);
}
