//! Commands `workload list` and `workload describe`.

use std::fmt::Write as _;

use bench_cli::output;
use clap::ValueEnum as _;

use crate::protocol::Protocol;
use crate::workloads::{Builtin, Tables};

pub(super) fn list() -> anyhow::Result<()> {
    let mut text = String::new();
    for builtin in Builtin::value_variants() {
        let _ = writeln!(text, "{:<15}{}", builtin.name(), builtin.summary());
    }
    text.push_str("\nYour own: --script FILE[@WEIGHT], in pgbench's language.\n");
    output::print(&text)
}

pub(super) fn one(builtin: Builtin) -> anyhow::Result<()> {
    let tables = Tables::own("plimsoll_workload", 1);
    let draft = builtin.draft(&tables, 0, Protocol::default())?;
    let mut text = format!("{}: {}\n\n{draft}", builtin.name(), builtin.summary());
    if builtin.needs_tables() {
        let _ = write!(
            text,
            "\nTables at scale N: N branches, 10 × N tellers, 100,000 × N accounts, and a history\nthat grows. :rows is the number of accounts, :scale is N.\n"
        );
    }
    output::print(&text)
}
