//! Runs the whole suite and names the bottleneck.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll::run()
}
