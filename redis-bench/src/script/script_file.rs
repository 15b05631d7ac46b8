//! Script of the user in TOML: sequences of commands with weights, pauses and Lua.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::flags;
use serde::Deserialize;
use toml::Spanned;

use super::command_list::{AllowedCommand, allowed};
use super::expected_answer::ExpectedAnswer;
use super::lua_check;
use super::script_error::{ScriptError, ScriptText};
use super::value_template::ValueTemplate;

/// Script that was checked.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) sequences: Vec<Sequence>,
    /// Names of all commands that the server executes for it, in lower case, each once.
    pub(super) commands: Vec<&'static str>,
    /// Error about the first command whose keys may be in several slots of a cluster; `None` if there
    /// is none.
    pub(super) across_slots: Option<ScriptError>,
}

/// Sequence of commands, which is one request of the load.
#[derive(Debug)]
pub(super) struct Sequence {
    pub(super) name: String,
    /// Share of the requests, relative to the weights of the others.
    pub(super) weight: f64,
    /// Pause of the user after the sequence.
    pub(super) think: Duration,
    pub(super) commands: Vec<CommandTemplate>,
}

/// Command of a sequence.
#[derive(Debug, Clone)]
pub(super) struct CommandTemplate {
    pub(super) call: Call,
    /// Arguments after the name, or the keys and arguments of Lua; true for a key.
    pub(super) arguments: Vec<(ValueTemplate, bool)>,
    /// Answer that it must have; `None` if any will do but an error.
    pub(super) expected: Option<ExpectedAnswer>,
}

/// What a command calls.
#[derive(Debug, Clone)]
pub(super) enum Call {
    /// Command of the server with this name, in lower case.
    Command(&'static str),
    /// Lua script, called with this number of keys.
    Lua {
        source: String,
        keys: usize,
        /// Names of the commands that the script calls, in lower case.
        calls: Vec<&'static str>,
    },
}

impl CommandTemplate {
    /// Returns true if all keys of the command are in one slot of a cluster.
    fn is_in_one_slot(&self) -> bool {
        let keys = self.arguments.iter().filter(|(_, is_key)| *is_key);
        let keys: Vec<&ValueTemplate> = keys.map(|(key, _)| key).collect();
        keys.windows(2).all(|pair| pair[0].is_in_slot_of(pair[1]))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    #[serde(default)]
    lua: BTreeMap<String, LuaForm>,
    sequence: Vec<SequenceForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LuaForm {
    script: Spanned<String>,
}

/// Lua scripts of a file that were checked, by their names.
type LuaScripts<'a> = BTreeMap<&'a str, CheckedLua<'a>>;

/// Lua script that was checked: its source, and the commands that it calls.
struct CheckedLua<'a> {
    source: &'a str,
    calls: Vec<&'static str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SequenceForm {
    name: Spanned<String>,
    weight: Option<Spanned<f64>>,
    think: Option<Spanned<String>>,
    command: Vec<CommandForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandForm {
    run: Option<Spanned<Vec<Spanned<String>>>>,
    lua: Option<Spanned<String>>,
    #[serde(default)]
    keys: Vec<Spanned<String>>,
    #[serde(default)]
    args: Vec<Spanned<String>>,
    expect: Option<Spanned<toml::Value>>,
}

impl Script {
    /// Parses and checks the script `source`.
    ///
    /// # Errors
    /// Fails with the place of the first mistake, and a message.
    pub(super) fn parse(source: ScriptText<'_>) -> Result<Self, ScriptError> {
        let form: FileForm = toml::from_str(source.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            source.error(offset, error.message())
        })?;
        if form.sequence.is_empty() {
            return Err(source.error(0, "no [[sequence]]; a script needs one or more"));
        }
        let mut commands = Vec::new();
        let mut scripts = BTreeMap::new();
        for (name, lua) in &form.lua {
            let span = lua.script.span();
            let called = lua_check::check(lua.script.get_ref()).map_err(|(_, why)| {
                // The text in the file has the same calls as the string, unless it has escapes.
                let raw = source.text.get(span.clone()).unwrap_or_default();
                let at = lua_check::check(raw).err().map_or(0, |(at, _)| at);
                source.error(span.start + at, why)
            });
            let calls = called?;
            commands.extend(&calls);
            let source = lua.script.get_ref();
            scripts.insert(name.as_str(), CheckedLua { source, calls });
        }
        let mut sequences: Vec<Sequence> = Vec::new();
        let mut across_slots = None;
        for sequence in &form.sequence {
            let next = sequence.checked(source, &scripts)?;
            across_slots = across_slots.or_else(|| sequence.across_slots(&next, source));
            if sequences.iter().any(|known| known.name == next.name) {
                let why = format!("two sequences are named {}", next.name);
                return Err(source.error(sequence.name.span().start, why));
            }
            commands.extend(next.commands.iter().flat_map(|command| match command.call {
                Call::Command(name) => vec![name],
                Call::Lua { .. } => vec!["evalsha", "eval"],
            }));
            sequences.push(next);
        }
        commands.sort_unstable();
        commands.dedup();
        Ok(Self {
            sequences,
            commands,
            across_slots,
        })
    }
}

impl SequenceForm {
    fn checked(
        &self,
        source: ScriptText<'_>,
        lua: &LuaScripts<'_>,
    ) -> Result<Sequence, ScriptError> {
        let at_name = self.name.span().start;
        let name = self.name.get_ref();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_plain) {
            let why = "a name of a sequence has letters, digits, - and _ only";
            return Err(source.error(at_name, why));
        }
        let weight = match &self.weight {
            None => 1.0,
            Some(weight) if weight.get_ref().is_finite() && *weight.get_ref() > 0.0 => {
                *weight.get_ref()
            }
            Some(weight) => {
                return Err(source.error(weight.span().start, "a weight is a number above 0"));
            }
        };
        let think = match &self.think {
            None => Duration::ZERO,
            Some(think) => flags::duration(think.get_ref())
                .map_err(|why| source.error(think.span().start, why))?,
        };
        if self.command.is_empty() {
            return Err(source.error(at_name, "the sequence has no [[sequence.command]]"));
        }
        let commands = self.command.iter();
        let commands = commands.map(|command| command.checked(source, lua, at_name));
        Ok(Sequence {
            name: name.clone(),
            weight,
            think,
            commands: commands.collect::<Result<_, _>>()?,
        })
    }
}

impl SequenceForm {
    /// Returns the error about the first command of `checked`, which is this sequence, whose keys may be
    /// in several slots.
    fn across_slots(&self, checked: &Sequence, source: ScriptText<'_>) -> Option<ScriptError> {
        let mut commands = self.command.iter().zip(&checked.commands);
        let (form, _) = commands.find(|(_, command)| !command.is_in_one_slot())?;
        let run = form.run.as_ref().map(Spanned::span);
        let place = run.or_else(|| form.lua.as_ref().map(Spanned::span))?;
        Some(source.error(
            place.start,
            "the keys of this command may be in several slots of a cluster, whose nodes then refuse it; \
             give all of them the same hash tag, as in {{cart:{user}}}:items",
        ))
    }
}

impl CommandForm {
    fn checked(
        &self,
        source: ScriptText<'_>,
        lua: &LuaScripts<'_>,
        at_sequence: usize,
    ) -> Result<CommandTemplate, ScriptError> {
        let template = |text: &Spanned<String>, is_key: bool| {
            let parsed = ValueTemplate::parse(text.get_ref());
            let parsed = parsed.map_err(|why| source.error(text.span().start, why))?;
            Ok((parsed, is_key))
        };
        let expected = self.expect.as_ref().map(|expect| {
            let parsed = ExpectedAnswer::parse(expect.get_ref());
            parsed.map_err(|why| source.error(expect.span().start, why))
        });
        let expected = expected.transpose()?;
        match (&self.run, &self.lua) {
            (Some(run), None) if self.keys.is_empty() && self.args.is_empty() => {
                let (command, arguments) = split(source, run)?;
                let arguments = arguments.iter().enumerate();
                let arguments = arguments.map(|(n, text)| template(text, command.keys.is_key(n)));
                Ok(CommandTemplate {
                    call: Call::Command(command.name),
                    arguments: arguments.collect::<Result<_, _>>()?,
                    expected,
                })
            }
            (None, Some(name)) => {
                let Some(script) = lua.get(name.get_ref().as_str()) else {
                    let why = format!("there is no [lua.{}]", name.get_ref());
                    return Err(source.error(name.span().start, why));
                };
                let keys = self.keys.iter().map(|text| template(text, true));
                let arguments = self.args.iter().map(|text| template(text, false));
                Ok(CommandTemplate {
                    call: Call::Lua {
                        source: script.source.to_owned(),
                        keys: self.keys.len(),
                        calls: script.calls.clone(),
                    },
                    arguments: keys.chain(arguments).collect::<Result<_, _>>()?,
                    expected,
                })
            }
            (Some(run), _) => Err(source.error(
                run.span().start,
                "run stands alone; lua, keys and args belong to a call of Lua",
            )),
            (None, None) => Err(source.error(
                at_sequence,
                "a command of this sequence has neither run nor lua",
            )),
        }
    }
}

/// Splits the words of a command into the command and its arguments.
fn split<'a>(
    source: ScriptText<'_>,
    run: &'a Spanned<Vec<Spanned<String>>>,
) -> Result<(AllowedCommand, &'a [Spanned<String>]), ScriptError> {
    let Some((name, arguments)) = run.get_ref().split_first() else {
        return Err(source.error(
            run.span().start,
            "a command needs a name, as in [\"GET\", \"k\"]",
        ));
    };
    let at = name.span().start;
    let command = allowed(name.get_ref()).map_err(|why| source.error(at, why))?;
    if arguments.len() < command.keys.least_arguments() {
        let why = format!("{} needs more arguments", name.get_ref());
        return Err(source.error(at, why));
    }
    Ok((command, arguments))
}

#[cfg(test)]
mod tests;
