//! `bottleneck-analyzer`: reports in, ranked findings and SLA recommendations out.

use std::process::ExitCode;

use bottleneck_analyzer::cli::Cli;

fn main() -> ExitCode {
    let cli = bench_cli::parse::<Cli>();
    bench_cli::run("bottleneck-analyzer", || cli.run())
}
