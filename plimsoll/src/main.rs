//! Runs the whole suite and names the bottleneck.

use std::path::Path;
use std::process::ExitCode;

use bench_cli::Exit;
use bench_report::Environment;
use clap::CommandFactory as _;
use plimsoll::cli::{Cli, Command};
use plimsoll::{doctor, list, suite};

fn main() -> ExitCode {
    let cli = bench_cli::parse::<Cli>();
    bench_cli::run("plimsoll", || match cli.command {
        Command::Run(flags) => suite::run(&flags),
        Command::List => {
            bench_cli::output::print(&list::text()?)?;
            Ok(Exit::Done)
        }
        Command::Doctor => {
            let checks = doctor::examine(
                Path::new("/"),
                &Environment::capture(),
                &doctor::Servers::of_environment(),
            );
            let (text, can_run) = doctor::text(&checks);
            bench_cli::output::print(&text)?;
            Ok(if can_run { Exit::Done } else { Exit::Code(1) })
        }
        Command::Generate { what } => {
            bench_cli::generate::print(&mut Cli::command(), &what)?;
            Ok(Exit::Done)
        }
    })
}
