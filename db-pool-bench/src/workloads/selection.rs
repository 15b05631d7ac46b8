//! Workload that the user chose by flags, compiled once to check it before any server is contacted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use bench_cli::UsageError;
use serde_json::{Value as Json, json};

use super::flags::{ScriptFlag, WorkloadFlags};
use super::script_entry::ScriptEntry;
use super::workload::{SqlWorkload, WorkloadDraft, WorkloadError};
use super::{Builtin, Schema, Tables};
use crate::protocol::Protocol;
use pg_evidence::Client;
use pgbench_script::{ScriptSource, ScriptValue};

/// Largest size of a script file, in bytes. A larger file is probably given by mistake, and is an
/// error.
const LARGEST_SCRIPT: u64 = 1 << 20;

/// Workload that the user chose by flags. Its scripts compile without errors; no server has
/// verified them.
#[derive(Debug)]
pub(crate) struct WorkloadSelection {
    kind: SelectedWorkload,
    constants: Vec<(String, ScriptValue)>,
    max_tries: u64,
    protocol: Protocol,
    seed: u64,
    /// Size of the tables that the run creates, in steps of 100,000 accounts; also the value of
    /// `:scale` in scripts.
    pub(crate) scale: u64,
    /// Name of the existing accounts table that the workload reads (`--table`), as the user wrote
    /// it; `None` without that flag.
    pub(crate) table: Option<String>,
    /// Schema with tables that `workload init` created (`--schema`), which the run does not drop;
    /// `None` without that flag.
    pub(crate) schema: Option<Schema>,
}

#[derive(Debug)]
enum SelectedWorkload {
    Builtin(Builtin),
    Scripts(Vec<ScriptEntry>),
}

impl WorkloadSelection {
    /// Reads and checks the workload that `flags` describe, by compiling it without a server.
    /// `seed` is the seed of the hash functions in scripts.
    ///
    /// # Errors
    /// Fails if `--table` is combined with another workload than `point-select`, if the name in
    /// `--schema` is not allowed, or if a script cannot be read or has an error.
    pub(crate) fn new(flags: &WorkloadFlags, seed: u64) -> anyhow::Result<Self> {
        let read_only = flags.workload == Builtin::PointSelect;
        if let Some(table) = flags.table.as_ref().filter(|_| !read_only) {
            return Err(UsageError(format!(
                "--table {table} is only read; use it with --workload point-select, not {}",
                flags.workload.name()
            ))
            .into());
        }
        let schema = flags.schema.as_deref().map(Schema::lasting).transpose();
        let schema = schema.map_err(|sentence| UsageError(format!("--schema: {sentence}")))?;
        let kind = if flags.script.is_empty() {
            SelectedWorkload::Builtin(flags.workload)
        } else {
            SelectedWorkload::Scripts(entries(&flags.script)?)
        };
        let selection = Self {
            kind,
            constants: flags.define.clone(),
            max_tries: flags.max_tries,
            protocol: flags.protocol,
            seed,
            scale: flags.scale,
            table: flags.table.clone(),
            schema,
        };
        selection
            .draft(&Tables::at_scale(selection.scale))
            .map_err(|error| UsageError(error.to_string()))?;
        Ok(selection)
    }

    /// Returns the name of the built-in workload, or the label of the user's only script. Several
    /// scripts are listed as `label@weight`, separated by spaces.
    pub(crate) fn name(&self) -> String {
        match &self.kind {
            SelectedWorkload::Builtin(builtin) => builtin.name().to_owned(),
            SelectedWorkload::Scripts(entries) => {
                let labels: Vec<String> = entries
                    .iter()
                    .map(|entry| format!("{}@{}", entry.label, entry.weight))
                    .collect();
                match (labels.as_slice(), entries.as_slice()) {
                    (_, [entry]) => entry.label.clone(),
                    (labels, _) => labels.join(" "),
                }
            }
        }
    }

    /// Returns the text of all scripts of the user, separated by NUL characters; an empty string
    /// for a built-in workload.
    pub(crate) fn texts(&self) -> String {
        match &self.kind {
            SelectedWorkload::Builtin(_) => String::new(),
            SelectedWorkload::Scripts(entries) => {
                let texts = entries.iter().map(|entry| entry.source.text.as_str());
                texts.collect::<Vec<_>>().join("\0")
            }
        }
    }

    /// Returns true if the protocol is `prepared`: statements are prepared on each connection and
    /// remain there for later requests.
    pub(crate) fn prepares_statements(&self) -> bool {
        self.protocol == Protocol::Prepared
    }

    /// Returns true if the run must create the tables itself. A built-in workload with tables needs
    /// them unless the user names a table or a schema. Scripts of the user need them only on a
    /// `throwaway` server; elsewhere they use the tables that exist.
    pub(crate) fn needs_new_tables(&self, throwaway: bool) -> bool {
        let named = self.table.is_some() || self.schema.is_some();
        match self.kind {
            SelectedWorkload::Builtin(builtin) => builtin.needs_tables() && !named,
            SelectedWorkload::Scripts(_) => throwaway && !named,
        }
    }

    /// Compiles the workload for `tables` without a server.
    ///
    /// # Errors
    /// Fails with the error in a script and its place.
    fn draft(&self, tables: &Tables) -> Result<WorkloadDraft, pgbench_script::ScriptError> {
        match &self.kind {
            SelectedWorkload::Builtin(builtin) => builtin.draft(tables, self.seed, self.protocol),
            SelectedWorkload::Scripts(entries) => {
                let scale = ("scale".to_owned(), ScriptValue::Integer(tables.scale));
                // Definitions by the user come last, so that they override `:scale`.
                let constants = [&[scale], self.constants.as_slice()].concat();
                WorkloadDraft::new(entries.clone(), &constants, self.seed, self.protocol)
            }
        }
    }

    /// Compiles the workload for `tables`, and has the server of `client` verify each statement,
    /// except under the simple protocol. If `own_schema` is given, scripts of the user find their
    /// tables in that schema, then in `public`.
    ///
    /// # Errors
    /// Fails with the error in a script, with the statement that the server refuses and its place
    /// in the script, or if the server does not answer.
    pub(crate) async fn compile_on(
        &self,
        client: &Client,
        tables: &Tables,
        own_schema: Option<&Schema>,
    ) -> Result<SqlWorkload, WorkloadError> {
        let scripts = matches!(self.kind, SelectedWorkload::Scripts(_));
        let search_path = own_schema
            .filter(|_| scripts)
            .map(|schema| format!("{},public", schema.name()));
        let path = search_path.as_ref();
        let path = path.map(|path| format!("SET LOCAL search_path = {path}"));
        let draft = self.draft(tables)?;
        let verified = draft.verify_with(client, path.as_deref().unwrap_or_default());
        let mut workload = verified.await?;
        workload.max_tries = self.max_tries;
        workload.search_path = search_path;
        Ok(workload)
    }

    /// Returns the entries of the report's `config` that describe the workload, by their key:
    /// `workload`, `max_tries`, `table`, `schema` or `scale`, the scripts, and the protocol if it
    /// is not the default.
    pub(crate) fn config(&self) -> BTreeMap<String, Json> {
        let mut config = BTreeMap::from([
            ("workload".to_owned(), json!(self.name())),
            ("max_tries".to_owned(), json!(self.max_tries)),
        ]);
        if self.protocol != Protocol::default() {
            config.insert("protocol".to_owned(), json!(self.protocol.name()));
        }
        match (&self.table, &self.schema) {
            (Some(table), _) => config.insert("table".to_owned(), json!(table)),
            (_, Some(schema)) => config.insert("schema".to_owned(), json!(schema.name())),
            _ => config.insert("scale".to_owned(), json!(self.scale)),
        };
        if let SelectedWorkload::Scripts(entries) = &self.kind {
            let told =
                |entry: &ScriptEntry| json!({"file": entry.source.file, "weight": entry.weight});
            let scripts: Vec<Json> = entries.iter().map(told).collect();
            config.insert("scripts".to_owned(), json!(scripts));
        }
        config
    }
}

/// Reads the script files, in the order of `flags`. Each script is named after its file without the
/// extension; a repeated name gets `-2`, `-3` … appended.
///
/// # Errors
/// Fails with a usage error if a file cannot be read, is larger than 1 MiB, or is not UTF-8.
pub(crate) fn entries(flags: &[ScriptFlag]) -> anyhow::Result<Vec<ScriptEntry>> {
    let mut labels = BTreeSet::new();
    let mut entries = Vec::with_capacity(flags.len());
    for flag in flags {
        let text = read(&flag.file)
            .with_context(|| format!("cannot read the script {}", flag.file.display()))?;
        let stem = flag.file.file_stem().unwrap_or(flag.file.as_os_str());
        let stem = stem.to_string_lossy().into_owned();
        let mut label = stem.clone();
        let mut others = 2;
        while !labels.insert(label.clone()) {
            label = format!("{stem}-{others}");
            others += 1;
        }
        entries.push(ScriptEntry {
            source: ScriptSource {
                file: flag.file.display().to_string(),
                text,
            },
            operation: label.clone(),
            label,
            weight: flag.weight,
        });
    }
    Ok(entries)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let opened = std::fs::File::open(file).map_err(|error| UsageError(error.to_string()))?;
    let mut bytes = Vec::new();
    let read = opened.take(LARGEST_SCRIPT + 1).read_to_end(&mut bytes);
    read.map_err(|error| UsageError(error.to_string()))?;
    if bytes.len() as u64 > LARGEST_SCRIPT {
        return Err(UsageError("it is larger than 1 MiB".to_owned()).into());
    }
    let text = String::from_utf8(bytes);
    Ok(text.map_err(|_| UsageError("it is not UTF-8 text".to_owned()))?)
}
