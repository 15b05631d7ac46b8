//! Command-line flags that select the workload, and parsers of their values.

use std::path::PathBuf;

use bench_cli::flags;
use clap::Args;

use super::Builtin;
use crate::protocol::Protocol;
use pgbench_script::ScriptValue;

/// Largest weight that `--script FILE@WEIGHT` accepts; the smallest is 1.
const HEAVIEST: u32 = 1_000_000;
/// Largest value of `--scale`: keys of accounts are `int4`, and each step of the scale has 100,000
/// of them.
const LARGEST_SCALE: u64 = 21_474;

/// Flags that select the workload, which is what the requests execute.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Workload")]
pub(crate) struct WorkloadFlags {
    /// A built-in workload; `db-pool-bench workload list` shows them
    #[arg(long, value_enum, default_value = "mixed", conflicts_with = "script")]
    pub(crate) workload: Builtin,

    /// Script in pgbench's language, with its relative weight after the @; repeat it for a mix
    #[arg(long, value_parser = script, value_name = "FILE[@WEIGHT]")]
    pub(crate) script: Vec<ScriptFlag>,

    /// Set a variable of scripts to a number, true, false or null; repeat it for several
    #[arg(long, value_parser = definition, value_name = "NAME=VALUE", requires = "script")]
    pub(crate) define: Vec<(String, ScriptValue)>,

    /// Query protocol; simple and extended leave no prepared statement on a pooler's session
    #[arg(long, value_enum, default_value = "prepared")]
    pub(crate) protocol: Protocol,

    /// Largest number of tries of a script; only serialization failures and deadlocks are retried
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "1")]
    pub(crate) max_tries: u64,

    /// Size of the created tables, in steps of 100,000 rows; the value of :scale in scripts
    #[arg(long, value_parser = scale, value_name = "N", default_value = "1")]
    pub(crate) scale: u64,

    /// Table that pgbench -i has created. It is only read, and nothing is created
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["script", "schema"])]
    pub(crate) table: Option<String>,

    /// Schema of tables that `db-pool-bench workload init` has created
    #[arg(long, value_name = "NAME", conflicts_with = "scale")]
    pub(crate) schema: Option<String>,
}

/// Script file that the flag `--script` selects, with its weight in the mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptFlag {
    /// Path of the script file, as the user gave it.
    pub(crate) file: PathBuf,
    /// Weight of the script, from 1 to 1,000,000, relative to the other scripts; 1 if the flag
    /// gives none.
    pub(crate) weight: u32,
}

pub(crate) fn scale(text: &str) -> Result<u64, String> {
    let scale = flags::count(text)?;
    if scale > LARGEST_SCALE {
        return Err(format!(
            "{text} steps are more accounts than there are keys; write {LARGEST_SCALE} or less"
        ));
    }
    Ok(scale)
}

pub(crate) fn script(text: &str) -> Result<ScriptFlag, String> {
    let form = "write FILE or FILE@WEIGHT, as in checkout.sql@3";
    let (file, weight) = match text.rsplit_once('@') {
        // A file name may contain an @, too: only a number after the last @ is a weight.
        Some((file, weight)) if weight.chars().all(|c| c.is_ascii_digit() || c == '-') => {
            let weight = weight.parse().ok().filter(|n| (1..=HEAVIEST).contains(n));
            let sentence = || format!("a weight is a whole number from 1 to {HEAVIEST}; {form}");
            (file, weight.ok_or_else(sentence)?)
        }
        _ => (text, 1),
    };
    if file.is_empty() {
        return Err(format!("a script needs a file; {form}"));
    }
    Ok(ScriptFlag {
        file: file.into(),
        weight,
    })
}

pub(crate) fn definition(text: &str) -> Result<(String, ScriptValue), String> {
    let form = "write NAME=VALUE, as in tenants=40";
    let (name, value) = text.split_once('=').ok_or(form)?;
    let first = |c: char| c.is_alphabetic() || c == '_';
    let rest = |c: char| c.is_alphanumeric() || c == '_';
    if !name.starts_with(first) || !name.chars().all(rest) {
        return Err(format!("{name:?} is no name for a variable; {form}"));
    }
    let value = ScriptValue::parse(value)
        .ok_or_else(|| format!("{value:?} is neither a number nor true, false or null; {form}"))?;
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_what_follows_the_last_at() {
        for (text, file, weight) in [
            ("a.sql", "a.sql", 1),
            ("a.sql@3", "a.sql", 3),
            ("a@b.sql", "a@b.sql", 1),
            ("a@2@5", "a@2", 5),
        ] {
            let flag = script(text).unwrap();
            assert_eq!((flag.file.to_str(), flag.weight), (Some(file), weight));
        }
        for text in ["", "@3", "a@0", "a@-1", "a@", "a@99999999999"] {
            assert!(script(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_scale_has_a_key_for_each_account() {
        assert_eq!(scale("21474"), Ok(21_474));
        assert!(scale("21475").is_err() && scale("0").is_err());
    }

    #[test]
    fn a_definition_is_a_name_and_a_value() {
        assert_eq!(
            definition("n=4"),
            Ok(("n".to_owned(), ScriptValue::Integer(4)))
        );
        for text in ["n", "=4", "4=n", "n=", "n=abc", "a b=1"] {
            assert!(definition(text).is_err(), "{text}");
        }
    }
}
