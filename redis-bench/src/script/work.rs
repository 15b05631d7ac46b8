//! Requests of a script: each is a sequence, drawn by weight, whose commands wait for each other's
//! answers.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{OperationId, OperationTable, Timestamps, UserId};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use redis::{Cmd, Script as LuaScript};

use super::script_file::{Call, CommandTemplate, Script};
use super::value_template::{TemplateValues, ValueTemplate};
use crate::clients::{RedisConnection, RequestError, RequestResult, Task, Work, user_random};

/// Sequences of a script, with all keys under the prefix of the run.
#[derive(Debug)]
pub(crate) struct ScriptWork {
    sequences: Arc<[BoundSequence]>,
    seed: u64,
}

/// Sequence whose keys are under the prefix of the run.
#[derive(Debug)]
struct BoundSequence {
    name: String,
    /// Sum of the weights of this sequence and those before it ÷ sum of all.
    up_to: f64,
    think: Duration,
    commands: Vec<BoundCommand>,
}

/// Command whose keys are under the prefix of the run.
#[derive(Debug)]
struct BoundCommand {
    name: &'static str,
    lua: Option<BoundLua>,
    arguments: Vec<ValueTemplate>,
}

/// Lua script: its source, its hash, and the number of its keys.
#[derive(Debug)]
struct BoundLua {
    source: String,
    hash: String,
    keys: usize,
}

impl ScriptWork {
    /// Binds the sequences of `script` to keys that begin with `prefix`. `seed` is that of the draws.
    pub(super) fn new(script: &Script, prefix: &str, seed: u64) -> Self {
        let total: f64 = script.sequences.iter().map(|one| one.weight).sum();
        let mut sum = 0.0;
        let sequences = script.sequences.iter().map(|sequence| {
            sum += sequence.weight;
            let commands = sequence.commands.iter();
            BoundSequence {
                name: sequence.name.clone(),
                up_to: sum / total,
                think: sequence.think,
                commands: commands
                    .map(|command| BoundCommand::new(command, prefix))
                    .collect(),
            }
        });
        Self {
            sequences: sequences.collect(),
            seed,
        }
    }
}

impl BoundCommand {
    fn new(command: &CommandTemplate, prefix: &str) -> Self {
        let arguments = command.arguments.iter();
        let arguments = arguments.map(|(template, is_key)| match is_key {
            true => template.under(prefix),
            false => template.clone(),
        });
        let (name, lua) = match &command.call {
            Call::Command(name) => (*name, None),
            Call::Lua { source, keys } => (
                "evalsha",
                Some(BoundLua {
                    source: source.clone(),
                    hash: LuaScript::new(source).get_hash().to_owned(),
                    keys: *keys,
                }),
            ),
        };
        Self {
            name,
            lua,
            arguments: arguments.collect(),
        }
    }
}

impl Work for ScriptWork {
    type Task = ScriptTask;

    fn operations(&self) -> OperationTable {
        self.sequences.iter().map(|one| one.name.clone()).collect()
    }

    fn task(&self, user: UserId) -> ScriptTask {
        ScriptTask {
            sequences: Arc::clone(&self.sequences),
            random: user_random(self.seed, user),
            user: user.0,
            count: 0,
            drawn: 0,
            command: Cmd::new(),
            buffer: Vec::new(),
        }
    }
}

/// Requests of one user.
#[derive(Debug)]
pub(crate) struct ScriptTask {
    sequences: Arc<[BoundSequence]>,
    random: SmallRng,
    user: u64,
    /// Number of the sequence of this user, from 0.
    count: u64,
    /// Index of the sequence that was drawn last.
    drawn: usize,
    command: Cmd,
    buffer: Vec<u8>,
}

impl ScriptTask {
    /// Prepares the command at `index` of the drawn sequence. Returns its name.
    fn prepare(&mut self, index: usize) -> &'static str {
        let command = &self.sequences[self.drawn].commands[index];
        self.command.clear();
        self.command.arg(command.name);
        if let Some(lua) = &command.lua {
            self.command.arg(&lua.hash).arg(lua.keys);
        }
        let mut values = TemplateValues {
            user: self.user,
            count: self.count,
            random: &mut self.random,
        };
        for template in &command.arguments {
            template.write(&mut values, &mut self.buffer);
            self.command.arg(&self.buffer);
        }
        command.name
    }

    /// Returns the prepared call of Lua with the source in place of the hash, for a server that does
    /// not have the script yet.
    fn with_source(&self, index: usize) -> Option<Cmd> {
        let lua = self.sequences[self.drawn].commands[index].lua.as_ref()?;
        let mut command = redis::cmd("EVAL");
        command.arg(&lua.source);
        for argument in self.command.args_iter().skip(2) {
            if let redis::Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        Some(command)
    }

    async fn send<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        index: usize,
    ) -> Result<(), RequestError> {
        match connection.command(&self.command).await {
            Err(error) if error.code() == Some("NOSCRIPT") => {
                let Some(command) = self.with_source(index) else {
                    return Err(error.into());
                };
                connection.command(&command).await?;
                Ok(())
            }
            answer => Ok(answer.map(drop)?),
        }
    }
}

impl Task for ScriptTask {
    fn draw(&mut self) -> OperationId {
        let drawn: f64 = self.random.random();
        let mut sequences = self.sequences.iter();
        let last = self.sequences.len() - 1;
        self.drawn = sequences.position(|one| drawn < one.up_to).unwrap_or(last);
        OperationId::nth(self.drawn)
    }

    async fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        _timestamps: &mut Timestamps,
    ) -> RequestResult {
        let operation = OperationId::nth(self.drawn);
        let mut command = "";
        for index in 0..self.sequences[self.drawn].commands.len() {
            command = self.prepare(index);
            if let Err(error) = self.send(connection, index).await {
                self.count += 1;
                return RequestResult {
                    operation,
                    command,
                    result: Err(error),
                };
            }
        }
        self.count += 1;
        RequestResult {
            operation,
            command,
            result: Ok(()),
        }
    }

    fn between_requests(&mut self) -> Option<Duration> {
        let think = self.sequences[self.drawn].think;
        (!think.is_zero()).then_some(think)
    }
}
