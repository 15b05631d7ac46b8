//! `bottleneck-analyzer`: reads reports, ranks findings and recommends what to promise (SLA).

use std::process::ExitCode;

use bottleneck_analyzer::AnalyzerCli;

fn main() -> ExitCode {
    let cli = bench_cli::parse::<AnalyzerCli>();
    bench_cli::run("bottleneck-analyzer", || cli.run())
}
