//! Records the machine while something else is measured.

use std::process::ExitCode;

use sysmon::cli::{SysmonCli, SysmonCommand};
use sysmon::{export, mark, record, show, watch};

fn main() -> ExitCode {
    let cli = bench_cli::parse::<SysmonCli>();
    let mut own_code = None;
    let code = bench_cli::run("sysmon", || match cli.action {
        SysmonCommand::Record(flags) => {
            let recorded = record::record(&flags);
            own_code = record::own_failure(&recorded, &flags);
            recorded
        }
        SysmonCommand::Watch(flags) => watch::watch(&flags),
        SysmonCommand::Show(flags) => show::show(&flags),
        SysmonCommand::Mark(flags) => mark::mark(&flags),
        SysmonCommand::Export(flags) => export::export(&flags),
    });
    own_code.map_or(code, ExitCode::from)
}
