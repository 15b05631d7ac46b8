//! Reports of real runs that are kept as test data, and the commands that wrote them. Snapshots fix
//! the text that is shown for each report of a scenario that makes load.

use std::path::Path;

use bench_cli::Scenario as _;
use bench_report::{Report, store};
use clap::Parser as _;

use crate::cli::{RedisBenchCli, RedisBenchCommand};
use crate::load_scenario::{LoadUse, use_load};
use crate::run::RedisRun;
use crate::run::workload::RedisWorkload;

/// Scenarios that make load, each with the flags that wrote its stored report. Executed with
/// `--run-dir`, a command writes another one.
const COMMANDS: [&str; 6] = [
    "cache --client pooled,multiplexed --keys 2000 --ttl 4s --rate 400 --backend exp:5ms \
     --repeats 2 --duration 1s --warmup 500ms --seed 7",
    "burst --client multiplexed --keys 2000 --rate spike:200,1500/2s --repeats 1 --duration 6s \
     --warmup 500ms --seed 7",
    "pool --client pooled,multiplexed,per-request --pool-size 2,8 --workload get --users 16 \
     --repeats 2 --duration 500ms --warmup 200ms --seed 7",
    "replay --trace src/replay/sample/zipf.oracleGeneral.zst --value-size 64 --requests 2k --speed 100 \
     --seed 7",
    "rate-limit --algorithm fixed-window,gcra --limit 20/1s --rate 200 --verify --repeats 1 \
     --duration 3s --warmup 200ms --seed 7",
    "session --store string,hash --repeats 1 --duration 3s --warmup 500ms --seed 7",
];

/// Reads the stored report of `scenario`, such as `cache`. Panics if there is none.
pub(crate) fn report(scenario: &str) -> Report {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bench-report/tests/golden");
    store::load(&kept.join(format!("redis-bench.{scenario}-1.json"))).unwrap()
}

/// Text that a run shows for a stored report, after a check that its command wrote it.
struct ShownText(Report);

impl LoadUse for ShownText {
    type Output = String;

    fn with<W: RedisWorkload>(self, run: &RedisRun<'_, W>) -> anyhow::Result<String> {
        for (name, value) in run.workload.config() {
            assert_eq!(self.0.config.get(&name), Some(&value), "{name}");
        }
        assert_eq!(run.summary(&self.0), self.0.summary);
        Ok(run.text(&self.0))
    }
}

fn command(line: &str) -> RedisBenchCommand {
    let words = ["redis-bench"].into_iter().chain(line.split_whitespace());
    RedisBenchCli::try_parse_from(words).unwrap().command
}

#[test]
fn each_scenario_tells_a_real_run_as_it_was() {
    for line in COMMANDS {
        let scenario = line.split_whitespace().next().unwrap();
        let text = use_load(&command(line), ShownText(report(scenario))).unwrap();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line:?} in {text}");
        }
        insta::assert_snapshot!(format!("{scenario}_of_a_real_run"), text);
    }
}
