//! The command line of `ws-bench`; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ws_bench::run()
}
