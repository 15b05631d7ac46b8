//! Records the machine while something else is measured.

use std::process::ExitCode;

fn main() -> ExitCode {
    sysmon::run()
}
