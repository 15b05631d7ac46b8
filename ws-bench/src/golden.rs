//! Report of a real run that is kept as test data, and the command that wrote it. A snapshot fixes
//! the text that is shown for it.

use std::path::Path;

use bench_cli::Scenario as _;
use bench_report::{Report, store};
use clap::Parser as _;

use crate::cli::{WsCli, WsCommand};
use crate::server::target::WsTarget;
use crate::throughput::throughput_run::ThroughputRun;

/// Flags that wrote the stored report. Executed with `--run-dir`, the command writes another one.
const COMMAND: &str = "throughput --connections 10,50 --in-flight 4 --message-size 20..1KiB \
                       --repeats 2 --duration 500ms --warmup 200ms --seed 7";

fn report() -> Report {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bench-report/tests/golden");
    store::load(&kept.join("ws-bench.throughput-1.json")).unwrap()
}

#[test]
fn a_real_run_is_told_as_it_was() {
    let words = ["ws-bench"].into_iter().chain(COMMAND.split_whitespace());
    let WsCommand::Throughput(args) = WsCli::try_parse_from(words).unwrap().command else {
        panic!("{COMMAND}");
    };
    let run = ThroughputRun {
        target: WsTarget::default(),
        settings: args.settings(7).unwrap(),
    };
    let report = report();
    for (name, value) in run.config() {
        assert_eq!(report.config.get(&name), Some(&value), "{name}");
    }
    assert_eq!(run.summary(&report), report.summary);
    let text = run.text(&report);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line:?} in {text}");
    }
    insta::assert_snapshot!("throughput_of_a_real_run", text);
}
