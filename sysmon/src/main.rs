//! Records the machine while something else is measured.

use std::process::ExitCode;

use clap::CommandFactory as _;
use sysmon::cli::{Action, Cli};
use sysmon::{export, mark, record, show, watch};

fn main() -> ExitCode {
    let cli = bench_cli::parse::<Cli>();
    let mut own_code = None;
    let code = bench_cli::run("sysmon", || match cli.action {
        Action::Record(flags) => {
            let recorded = record::record(&flags);
            own_code = record::own_failure(&recorded, &flags);
            recorded
        }
        Action::Watch(flags) => watch::watch(&flags),
        Action::Show(flags) => show::show(&flags),
        Action::Mark(flags) => mark::mark(&flags),
        Action::Export(flags) => export::export(&flags),
        Action::Generate { what } => {
            bench_cli::generate::print(&mut Cli::command(), &what)?;
            Ok(bench_cli::Exit::Done)
        }
    });
    own_code.map_or(code, ExitCode::from)
}
