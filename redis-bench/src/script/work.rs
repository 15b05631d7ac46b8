//! Requests of a script: each is a sequence, drawn by weight, whose commands wait for each other's
//! answers.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{OperationId, OperationTable, Timestamps, UserId};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, Script as LuaScript, Value};

use super::expected_answer::{self, ExpectedAnswer};
use super::key_life::SafetyNeed;
use super::safe_keys::{SAFETY_COMMAND, SafeKeys};
use super::script_file::{Call, CommandTemplate, Script};
use super::value_template::{TemplateValues, ValueTemplate};
use crate::clients::{RedisConnection, RequestResult, Task, Work, user_random};

/// Sequences of a script, with all keys under the prefix of the run.
#[derive(Debug)]
pub(crate) struct ScriptWork {
    sequences: Arc<[BoundSequence]>,
    safe_keys: Option<Arc<SafeKeys>>,
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
    expected: Option<ExpectedAnswer>,
    /// When a command follows that gives the keys a safety TTL.
    need: SafetyNeed,
    /// Places of the keys among the words of the command, from 0 for its name.
    keys: Vec<usize>,
}

/// Lua script: its source, its hash, and the number of its keys.
#[derive(Debug)]
struct BoundLua {
    source: String,
    hash: String,
    keys: usize,
}

impl ScriptWork {
    /// Binds the sequences of `script` to keys that begin with `prefix`, and live for `safety_ttl`
    /// unless the script gives them an expiry. `seed` is that of the draws.
    pub(super) fn new(
        script: &Script,
        prefix: &str,
        (safety_ttl, seed): (Option<Duration>, u64),
    ) -> Self {
        let safe_keys = safety_ttl.map(|ttl| SafeKeys::new(script, ttl));
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
                    .map(|command| BoundCommand::new(command, prefix, safe_keys.as_ref()))
                    .collect(),
            }
        });
        Self {
            sequences: sequences.collect(),
            safe_keys: safe_keys.map(Arc::new),
            seed,
        }
    }
}

impl BoundCommand {
    fn new(command: &CommandTemplate, prefix: &str, safe_keys: Option<&SafeKeys>) -> Self {
        let arguments = command.arguments.iter();
        let arguments = arguments.map(|(template, is_key)| match is_key {
            true => template.under(prefix),
            false => template.clone(),
        });
        let mut arguments: Vec<ValueTemplate> = arguments.collect();
        let (name, lua) = match &command.call {
            Call::Command(name) => (*name, None),
            Call::Lua { source, keys, .. } => (
                "evalsha",
                Some(BoundLua {
                    source: source.clone(),
                    hash: LuaScript::new(source).get_hash().to_owned(),
                    keys: *keys,
                }),
            ),
        };
        let need = safe_keys.map_or(SafetyNeed::Never, |safe| safe.lives.need(command));
        if let (SafetyNeed::Within, Some(safe)) = (need, safe_keys) {
            let ttl = safe.ttl_ms().to_string();
            arguments.extend([ValueTemplate::text("PX"), ValueTemplate::text(&ttl)]);
        }
        let front = if lua.is_some() { 3 } else { 1 };
        let places = command.arguments.iter().enumerate();
        let keys = places.filter_map(|(place, (_, is_key))| is_key.then_some(front + place));
        Self {
            name,
            lua,
            arguments,
            expected: command.expected.clone(),
            need,
            keys: keys.collect(),
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
            safe_keys: self.safe_keys.clone(),
            random: user_random(self.seed, user),
            user: user.0,
            count: 0,
            drawn: 0,
            command: Cmd::new(),
            together: Pipeline::new(),
            buffer: Vec::new(),
        }
    }
}

/// Requests of one user.
#[derive(Debug)]
pub(crate) struct ScriptTask {
    sequences: Arc<[BoundSequence]>,
    safe_keys: Option<Arc<SafeKeys>>,
    random: SmallRng,
    user: u64,
    /// Number of the sequence of this user, from 0.
    count: u64,
    /// Index of the sequence that was drawn last.
    drawn: usize,
    command: Cmd,
    /// The command with those that give its keys their safety TTL.
    together: Pipeline,
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

    /// Checks that `answer` is the one that the script expects of the command at `index`.
    fn check(&mut self, answer: &Value, index: usize) -> Result<(), FailedCommand> {
        let command = &self.sequences[self.drawn].commands[index];
        let Some(expected) = &command.expected else {
            return Ok(());
        };
        let mut values = TemplateValues {
            user: self.user,
            count: self.count,
            random: &mut self.random,
        };
        if expected.is(answer, &mut values, &mut self.buffer) {
            return Ok(());
        }
        let answer = expected_answer::told(answer);
        Err(FailedCommand {
            name: command.name,
            error: RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "another answer than the script expects",
                format!("{expected} is expected, and the answer is {answer}"),
            )),
        })
    }

    /// Puts the source of the prepared call of Lua in place of its hash, for a server that does not
    /// have the script yet. Returns false if the command calls no script.
    fn take_source(&mut self, index: usize) -> bool {
        let Some(lua) = &self.sequences[self.drawn].commands[index].lua else {
            return false;
        };
        let mut command = redis::cmd("EVAL");
        command.arg(&lua.source);
        for argument in self.command.args_iter().skip(2) {
            if let redis::Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        self.command = command;
        true
    }

    /// Sends the prepared command and returns its answer.
    async fn send<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        index: usize,
    ) -> Result<Value, FailedCommand> {
        match self.send_once(connection, index).await {
            Err(FailedCommand { error, .. })
                if error.code() == Some("NOSCRIPT") && self.take_source(index) =>
            {
                self.send_once(connection, index).await
            }
            answer => answer,
        }
    }

    /// Sends the prepared command, together with those that give its keys their safety TTL.
    async fn send_once<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        index: usize,
    ) -> Result<Value, FailedCommand> {
        let command = &self.sequences[self.drawn].commands[index];
        let failed = |name: &'static str| move |error: RedisError| FailedCommand { name, error };
        let followed = match (&self.safe_keys, command.need) {
            (Some(safe), SafetyNeed::Once | SafetyNeed::Always) => {
                let keys = (command.keys.as_slice(), command.need == SafetyNeed::Once);
                let follows = safe.follow(&self.command, keys, &mut self.together);
                follows.then_some(safe)
            }
            _ => None,
        };
        let Some(safe) = followed else {
            let answer = connection.command(&self.command).await;
            return answer.map_err(failed(command.name));
        };
        let answers = connection.pipeline(&self.together).await;
        let mut answers = answers.map_err(failed(command.name))?.into_iter();
        let answer = answers.next().unwrap_or(Value::Nil).extract_error();
        let answer = answer.map_err(failed(command.name))?;
        for given in answers {
            given.extract_error().map_err(failed(SAFETY_COMMAND))?;
        }
        safe.remember(&self.command, &command.keys);
        Ok(answer)
    }
}

/// Command of a sequence that failed.
#[derive(Debug)]
struct FailedCommand {
    name: &'static str,
    error: RedisError,
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
            let answer = self.send(connection, index).await;
            let checked = answer.and_then(|answer| self.check(&answer, index));
            if let Err(failed) = checked {
                self.count += 1;
                return RequestResult {
                    operation,
                    command: failed.name,
                    result: Err(failed.error.into()),
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
