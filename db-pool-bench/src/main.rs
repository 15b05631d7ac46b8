//! Finds the PostgreSQL connection-pool size to run with.

use std::process::ExitCode;

fn main() -> ExitCode {
    db_pool_bench::run()
}
