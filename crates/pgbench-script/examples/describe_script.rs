//! Prints the content of a pgbench script: its statements as a driver prepares them, and the
//! actions of one execution.
//!
//! `cargo run -p pgbench-script --example describe_script -- FILE [NAME=VALUE…]`

use std::io::{Write as _, stdout};

use anyhow::{Context as _, Result};
use pgbench_script::{Action, ScriptSource, ScriptValue, ValueMode, compile};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

const SEED: u64 = 42;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("name a file with a script")?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let constants = arguments
        .map(|text| constant(&text))
        .collect::<Result<Vec<_>>>()?;
    let source = ScriptSource { file, text };
    let scripts = compile(&[source], &constants, SEED, ValueMode::Bind)?;
    let program = &scripts.programs[0];

    let mut out = stdout().lock();
    writeln!(out, "statements:")?;
    for (index, statement) in program.statements.iter().enumerate() {
        writeln!(
            out,
            "  {index} (line {}): {}",
            statement.position.line, statement.sql
        )?;
    }
    writeln!(out, "one execution:")?;
    let mut variables = scripts.variables.client(0);
    let mut random = SmallRng::seed_from_u64(SEED);
    let mut next = 0;
    while let Some(action) = program.advance(&mut next, &mut variables, &mut random)? {
        match action {
            Action::Sleep(length) => writeln!(out, "  sleep {length:?}")?,
            Action::Statement(index) => {
                write!(out, "  execute {index}")?;
                let parameters = program.statements[index].parameters.iter();
                for (number, parameter) in parameters.enumerate() {
                    let value = variables.require(parameter.slot, parameter.position)?;
                    write!(out, ", ${} = {value}", number + 1)?;
                }
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

/// Parses `NAME=VALUE` into the name and the value. Fails if the form is another, or the value is
/// no number, `true`, `false` or `null`.
fn constant(text: &str) -> Result<(String, ScriptValue)> {
    let (name, value) = text.split_once('=').context("write NAME=VALUE")?;
    let value = ScriptValue::parse(value).context("a value is a number, true, false or null")?;
    Ok((name.to_owned(), value))
}
