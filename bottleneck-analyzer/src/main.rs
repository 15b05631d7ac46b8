//! `bottleneck-analyzer`: reads reports, ranks findings and recommends what to promise (SLA).

use std::process::ExitCode;

fn main() -> ExitCode {
    bottleneck_analyzer::run()
}
