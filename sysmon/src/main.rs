//! Records the machine while something else is measured.

use std::process::ExitCode;

use sysmon::cli::{SysmonCli, SysmonCommand};
use sysmon::{mark, record, show};

fn main() -> ExitCode {
    let cli = bench_cli::parse::<SysmonCli>();
    let mut own_code = None;
    let code = bench_cli::run("sysmon", || match cli.action {
        SysmonCommand::Record(flags) => {
            let recorded = record::record(&flags);
            own_code = record::own_failure(&recorded, &flags);
            recorded
        }
        #[cfg(feature = "watch")]
        SysmonCommand::Watch(flags) => sysmon::watch::watch(&flags),
        SysmonCommand::Show(flags) => show::show(&flags),
        SysmonCommand::Mark(flags) => mark::mark(&flags),
        #[cfg(feature = "export")]
        SysmonCommand::Export(flags) => sysmon::export::export(&flags),
    });
    own_code.map_or(code, ExitCode::from)
}
