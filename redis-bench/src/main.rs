//! Loads Redis the way applications use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    redis_bench::run()
}
