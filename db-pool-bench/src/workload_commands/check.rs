//! Command `workload check`: compiles scripts as a run does, and reports their errors.

use std::fmt::Write as _;

use bench_cli::{Remedy as _, UsageError, output};

use super::ServerConnection;
use super::flags::ScriptCheckFlags;
use crate::remedy::{self, Purpose};
use crate::workloads::{LASTING, Schema, WorkloadDraft, WorkloadError, entries};
use pgbench_script::ScriptValue;

pub(super) fn run(flags: &ScriptCheckFlags) -> anyhow::Result<()> {
    let scale = ("scale".to_owned(), ScriptValue::Integer(1));
    let constants = [&[scale], flags.define.as_slice()].concat();
    let draft = WorkloadDraft::new(entries(&flags.script)?, &constants, 0, flags.protocol)
        .map_err(|error| UsageError(error.to_string()))?;
    let mut text = String::new();
    let mut file_before = "";
    for (file, statement) in draft.statements() {
        if file != file_before {
            let _ = writeln!(text, "{file}");
            file_before = file;
        }
        let sql: Vec<&str> = statement.sql.split_whitespace().collect();
        let _ = writeln!(text, "  {}: {}", statement.position, sql.join(" "));
    }
    let judged = match &flags.url {
        None => "sound; --url has a server look at the statements too",
        Some(_) if flags.protocol.is_textual() => {
            "sound; as text, statements are complete only when a run sends them: no server looks before"
        }
        Some(url) => {
            let server =
                ServerConnection::begin(url, &Schema::lasting(LASTING).map_err(UsageError)?)?;
            match server.run(draft.verify(&server.client))? {
                Ok(_) => "sound, and the server takes every statement",
                Err(WorkloadError::Script(error)) => {
                    return Err(UsageError(error.to_string()).into());
                }
                Err(WorkloadError::Refused { error, failure }) => {
                    let remedy = remedy::remedy_for(&failure, Purpose::Checking, &server.address);
                    return Err(UsageError(error.to_string())).remedy(remedy);
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    output::print(&format!("{text}{judged}\n"))
}
