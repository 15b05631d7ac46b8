//! `bottleneck-analyzer`: reports in, ranked findings and SLA recommendations out.

use std::process::ExitCode;

fn main() -> ExitCode {
    bottleneck_analyzer::run()
}
