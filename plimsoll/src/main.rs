//! Runs the whole suite and names the bottleneck.

use std::path::Path;
use std::process::ExitCode;

use bench_cli::Exit;
use bench_report::Environment;
use plimsoll::cli::{PlimsollCli, PlimsollCommand};
use plimsoll::{doctor, list, suite};

fn main() -> ExitCode {
    let cli = bench_cli::parse::<PlimsollCli>();
    bench_cli::run("plimsoll", || match cli.command {
        PlimsollCommand::Run(flags) => suite::run(&flags),
        PlimsollCommand::List => {
            bench_cli::output::print(&list::text()?)?;
            Ok(Exit::Done)
        }
        PlimsollCommand::Doctor => {
            let checks = doctor::examine(
                Path::new("/"),
                &Environment::capture(),
                &doctor::NamedServers::from_environment(),
            );
            let (text, can_run) = doctor::text(&checks);
            bench_cli::output::print(&text)?;
            Ok(if can_run { Exit::Done } else { Exit::Code(1) })
        }
    })
}
