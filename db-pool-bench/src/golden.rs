//! Reports of real runs that are kept as test data, and the commands that wrote them. Snapshots fix
//! the text that is shown for each report.

use std::collections::BTreeMap;
use std::path::Path;

use bench_report::{Report, store};
use clap::Parser as _;
use serde_json::Value;

use crate::cli::{PoolBenchCli, PoolBenchCommand};

/// Reads the stored report of `scenario`, such as `sweep`. Panics if there is none.
pub(crate) fn report(scenario: &str) -> Report {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bench-report/tests/golden");
    store::load(&kept.join(format!("db-pool-bench.{scenario}-1.json"))).unwrap()
}

/// Returns the parsed command that wrote the stored report of `scenario`. Executed with
/// `--run-dir`, it writes another one.
pub(crate) fn command(scenario: &str) -> PoolBenchCommand {
    let args = match scenario {
        "sweep" => {
            "--driver deadpool --pool-sizes 1,2,4 --hold 2ms --app-instances 12 --repeats 2 \
             --duration 400ms --warmup 100ms --workload point-select --seed 7"
        }
        "scale" => {
            "--pool-size 2 --users 1,2,4,8 --hold 5ms --objective p99<30ms --repeats 2 \
             --duration 400ms --warmup 100ms --workload point-select --seed 7"
        }
        "exhaust" => {
            "--pool-size 2 --users 6 --holder idle-in-transaction,nested --keep 800ms \
             --duration 300ms --checkout-timeout 200ms --workload point-select --seed 7"
        }
        "lifecycle" => {
            "--pool-size 4 --peak-rate 50 --spike 4 --duration 600ms --idle 1600ms \
             --idle-timeout 400ms --leak-every 100 --checkout-timeout 2s --workload point-select \
             --seed 7"
        }
        "observe" => "--duration 3s --interval 1s",
        other => panic!("no golden report of {other}"),
    };
    let words = ["db-pool-bench", scenario];
    let words = words.into_iter().chain(args.split_whitespace());
    PoolBenchCli::try_parse_from(words).unwrap().command
}

/// Asserts that `report` has these entries of `config`, so that command and report belong together.
pub(crate) fn assert_made_with(report: &Report, config: &BTreeMap<String, Value>) {
    for (name, value) in config {
        assert_eq!(report.config.get(name), Some(value), "{name}");
    }
}

/// Asserts that no line of `text` is wider than 80 columns.
pub(crate) fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line:?} in {text}");
    }
}
