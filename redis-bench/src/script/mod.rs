//! Scripts of the user: weighted sequences of commands whose keys and values are templates. They take
//! the place of the one command of the scenario `pool`, and of the cache of `burst`.

#[cfg(test)]
mod allocation_tests;
mod command_list;
mod expected_answer;
mod key_life;
mod lua_check;
mod safe_keys;
mod script_error;
mod script_file;
mod text;
mod value_template;
mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::load::Defaults;
use bench_cli::table;
use bench_cli::{Exit, UsageError};
use bench_report::Report;
use load_engine::StepPlan;
use serde_json::json;

use self::safe_keys::SAFETY_COMMAND;
use self::script_error::ScriptText;
use self::script_file::Script;
use self::work::ScriptWork;
use crate::cli::{CommonFlags, ScriptFlags};
use crate::keys::run_keys::RunKeys;
use crate::keys::safety_ttl;
use crate::run::workload::RedisWorkload;

/// Load that a script of the user describes.
#[derive(Debug)]
pub(crate) struct Scripted {
    /// Name of the file, as the user gave it.
    file: String,
    script: Script,
    /// Names of the commands of the script, kept until the process ends.
    commands: &'static [&'static str],
    /// Time to live of keys that the script gives none; `None` on a throwaway server.
    safety_ttl: Option<Duration>,
    /// Number of steps so far. Each has keys of its own, so that it does not find those of another.
    steps: AtomicU64,
}

impl Scripted {
    /// Reads and checks the script that `script` names; `None` if it names none. `flags` are those of
    /// the run, with `defaults` where they give no value.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or with the place of its first mistake.
    pub(crate) fn given(
        script: &ScriptFlags,
        flags: &CommonFlags,
        defaults: Defaults,
    ) -> Result<Option<Self>, UsageError> {
        let Some(file) = &script.script else {
            return Ok(None);
        };
        let scripted = Self::read(file, safety_ttl::of_clients(flags, defaults));
        scripted
            .map(Some)
            .map_err(|error| UsageError(format!("{error:#}")))
    }

    /// Reads and checks the script in `file`, whose keys live for `safety_ttl` unless it gives them an
    /// expiry.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or with a `ScriptError` about its first mistake.
    fn read(file: &Path, safety_ttl: Option<Duration>) -> anyhow::Result<Self> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the script {name}"))?;
        let script = Script::parse(ScriptText {
            file: &name,
            text: &text,
        })?;
        let mut commands = script.commands.clone();
        commands.extend(safety_ttl.map(|_| SAFETY_COMMAND));
        Ok(Self {
            file: name,
            commands: commands.leak(),
            script,
            safety_ttl,
            steps: AtomicU64::new(0),
        })
    }

    /// Shows on stdout that the script has no mistakes.
    ///
    /// # Errors
    /// Fails if stdout cannot be written.
    pub(crate) fn show(&self) -> anyhow::Result<Exit> {
        bench_cli::output::show(&format!("{}\n", self.told()))?;
        Ok(Exit::Done)
    }

    fn told(&self) -> String {
        let sequences = self.script.sequences.iter();
        let told = sequences.map(|sequence| {
            let commands = table::counted(sequence.commands.len() as u64, "command");
            format!("{} ({commands})", sequence.name)
        });
        format!(
            "{}: no mistakes; {}",
            self.file,
            told.collect::<Vec<_>>().join(", ")
        )
    }
}

impl RedisWorkload for Scripted {
    type Work = ScriptWork;

    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys {
        RunKeys {
            // A script writes all of its keys itself.
            safety_ttl: self.safety_ttl,
            ..RunKeys::new(prefix, seed)
        }
    }

    fn work(&self, keyspace: RunKeys, _variant: usize) -> ScriptWork {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{}{step}:", keyspace.prefix);
        ScriptWork::new(&self.script, &prefix, (keyspace.safety_ttl, keyspace.seed))
    }

    fn commands(&self) -> &'static [&'static str] {
        self.commands
    }

    fn has_fixed_commands(&self) -> bool {
        false
    }

    fn cluster_refusal(&self) -> Option<String> {
        self.script.across_slots.as_ref().map(ToString::to_string)
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        let sequences = self.script.sequences.iter();
        let weights = sequences.map(|one| (one.name.clone(), json!(one.weight)));
        BTreeMap::from([
            ("script".to_owned(), json!(self.file)),
            (
                "weights".to_owned(),
                serde_json::Value::Object(weights.collect()),
            ),
        ])
    }

    fn describe(&self, plan: StepPlan) -> StepPlan {
        plan.parameter("script", self.file.as_str())
    }

    fn text(&self, report: &Report) -> String {
        text::told(report, &self.variants())
    }
}
