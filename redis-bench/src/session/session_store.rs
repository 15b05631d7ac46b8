//! Store of sessions in Redis, in one of several forms, with the commands that each form needs.
//!
//! Every key has an expiry. A command that creates a key without one, such as `HSET`, is sent
//! together with the expiry, so that the server gets both or none.

use redis::{ErrorKind, RedisResult, Script, ServerErrorKind, Value};

use super::session_image::{CHANGE_FIELDS, SessionImage, unexpected};
use super::store_buffers::StoreBuffers;
use crate::cli::StoreForm;
use crate::clients::RedisConnection;
use crate::keys::run_keys::RunKeys;

/// Script that writes a session only over the version that was read.
const COMPARE_AND_SET: &str = include_str!("compare_and_set.lua");

/// What a key of the scenario belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Session,
    Token,
    /// Set of the sessions of a user.
    UserIndex,
}

/// Number of kinds of keys. Their names are drawn from the same numbers, so that a run without
/// permission to scan can name all its keys.
pub(super) const KEY_KINDS: u64 = 3;

/// Session of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionId {
    /// Number of the session, which no other one of the step has.
    pub(super) number: u64,
    /// Number of the user.
    pub(super) user: u64,
}

/// Result of writing a change of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// The change was acknowledged.
    Done,
    /// Another version is there than the one that was read.
    Refused,
    /// There is no session any more.
    Gone,
}

/// Store of sessions in one form.
#[derive(Debug)]
pub(super) struct SessionStore {
    form: StoreForm,
    keys: RunKeys,
    data: String,
    life_ms: u64,
    script: Script,
}

impl SessionStore {
    /// Creates the store of `form`, whose keys are named by `keys` and live `life_ms` milliseconds.
    pub(super) fn new(form: StoreForm, keys: RunKeys, life_ms: u64) -> Self {
        Self {
            form,
            data: String::from_utf8_lossy(&keys.value()).into_owned(),
            keys,
            life_ms,
            script: Script::new(COMPARE_AND_SET),
        }
    }

    fn name_into(&self, kind: KeyKind, number: u64, name: &mut Vec<u8>) {
        let index = number.saturating_mul(KEY_KINDS) + kind as u64;
        self.keys.name_into(index, name);
    }

    fn name(&self, kind: KeyKind, number: u64) -> Vec<u8> {
        let mut name = Vec::new();
        self.name_into(kind, number, &mut name);
        name
    }

    /// Creates the session `id`.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(super) async fn create<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        id: SessionId,
    ) -> RedisResult<()> {
        if self.form != StoreForm::Hash {
            self.write_whole(buffers, id, &SessionImage::new(Some(1)))?;
            if self.form == StoreForm::Indexed {
                let index = self.name(KeyKind::UserIndex, id.user);
                buffers.list.cmd("SADD").arg(index).arg(id.number);
                self.prolong_index(buffers, id);
            }
            return buffers.send_list(connection).await.map(drop);
        }
        let name = self.name(KeyKind::Session, id.number);
        let list = buffers.begin_list("HSET");
        let fields = list.cmd("HSET").arg(&name);
        fields.arg("user").arg(id.user).arg("data").arg(&self.data);
        for field in CHANGE_FIELDS {
            fields.arg(field).arg(0);
        }
        list.cmd("PEXPIRE").arg(&name).arg(self.life_ms);
        buffers.send_list(connection).await.map(drop)
    }

    /// Reads the session `id`; `None` if there is none.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server, or if a key has another content.
    pub(super) async fn load<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        id: SessionId,
    ) -> RedisResult<Option<SessionImage>> {
        let is_hash = self.form == StoreForm::Hash;
        let mut name = std::mem::take(&mut buffers.name);
        self.name_into(KeyKind::Session, id.number, &mut name);
        let command = buffers.begin(if is_hash { "HGETALL" } else { "GET" });
        command.arg(&name);
        buffers.name = name;
        let answer = buffers.send(connection).await?;
        let owner = (id.user, self.data.len());
        if is_hash {
            SessionImage::from_hash(&answer, owner)
        } else {
            SessionImage::from_string(&answer, owner)
        }
    }

    /// Writes the change `number` of the request `slot` to the session `id`, which was read as
    /// `read`. Prolongs the session.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(super) async fn save<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        (id, read): (SessionId, &SessionImage),
        (slot, number): (usize, u64),
    ) -> RedisResult<Saved> {
        let changed = read.changed(slot, number);
        match self.form {
            StoreForm::String | StoreForm::Indexed => {
                self.write_whole(buffers, id, &changed)?;
                self.prolong_index(buffers, id);
                buffers.send_list(connection).await?;
                Ok(Saved::Done)
            }
            StoreForm::Hash => {
                let name = self.name(KeyKind::Session, id.number);
                let list = buffers.begin_list("HSET");
                let field = CHANGE_FIELDS.get(slot).copied().unwrap_or_default();
                list.cmd("HSET").arg(&name).arg(field).arg(number);
                list.cmd("PEXPIRE").arg(&name).arg(self.life_ms);
                buffers.send_list(connection).await?;
                Ok(Saved::Done)
            }
            StoreForm::StringCas => {
                let over = read.version.unwrap_or(0);
                self.compare_and_set(connection, buffers, (id, over), &changed)
                    .await
            }
        }
    }

    /// Begins a list of commands that writes the whole session `id` over whatever is there.
    ///
    /// # Errors
    /// Fails never in practice, because the content is written to memory.
    fn write_whole(
        &self,
        buffers: &mut StoreBuffers,
        id: SessionId,
        image: &SessionImage,
    ) -> RedisResult<()> {
        image.write_json((id.user, &self.data), &mut buffers.content)?;
        let mut set = redis::cmd("SET");
        set.arg(self.name(KeyKind::Session, id.number))
            .arg(&buffers.content)
            .arg("PX")
            .arg(self.life_ms);
        buffers.begin_list("SET").add_command(set);
        Ok(())
    }

    /// Adds the command that prolongs the index of a user's sessions, if there is one.
    fn prolong_index(&self, buffers: &mut StoreBuffers, id: SessionId) {
        if self.form == StoreForm::Indexed {
            let index = self.name(KeyKind::UserIndex, id.user);
            let list = &mut buffers.list;
            list.cmd("PEXPIRE").arg(index).arg(self.life_ms);
        }
    }

    /// Writes the whole session `id` if its version is still `over`. If the server does not have
    /// the script, sends it along.
    async fn compare_and_set<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        (id, over): (SessionId, u64),
        image: &SessionImage,
    ) -> RedisResult<Saved> {
        image.write_json((id.user, &self.data), &mut buffers.content)?;
        let name = self.name(KeyKind::Session, id.number);
        let content = std::mem::take(&mut buffers.content);
        let call = |buffers: &mut StoreBuffers, verb, script: &str| {
            let command = buffers.begin(verb).arg(script).arg(1).arg(&name);
            command.arg(over).arg(&content).arg(self.life_ms);
        };
        call(buffers, "EVALSHA", self.script.get_hash());
        let answer = match buffers.send(connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                call(buffers, "EVAL", COMPARE_AND_SET);
                buffers.send(connection).await
            }
            answer => answer,
        };
        buffers.content = content;
        match answer? {
            Value::Int(1) => Ok(Saved::Done),
            Value::Int(0) => Ok(Saved::Refused),
            Value::Int(-1) => Ok(Saved::Gone),
            _ => Err(unexpected()),
        }
    }

    /// Prolongs the session `id`. Returns false if there is none.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(super) async fn touch<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        id: SessionId,
    ) -> RedisResult<bool> {
        let list = buffers.begin_list("PEXPIRE");
        let name = self.name(KeyKind::Session, id.number);
        list.cmd("PEXPIRE").arg(name).arg(self.life_ms);
        self.prolong_index(buffers, id);
        let answers = buffers.send_list(connection).await?;
        Ok(answers.first() == Some(&Value::Int(1)))
    }

    /// Removes the session `id`. An index of the user's sessions is tidied up as well; returns the
    /// number of its members without a session, which are removed from it.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(super) async fn destroy<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        id: SessionId,
    ) -> RedisResult<u64> {
        let name = self.name(KeyKind::Session, id.number);
        buffers.begin("DEL").arg(name);
        buffers.send(connection).await?;
        if self.form != StoreForm::Indexed {
            return Ok(0);
        }
        let orphans = self.orphans(connection, buffers, id).await?;
        let index = self.name(KeyKind::UserIndex, id.user);
        let gone = buffers.begin("SREM").arg(index).arg(id.number);
        for orphan in &orphans {
            gone.arg(*orphan);
        }
        buffers.send(connection).await?;
        Ok(orphans.len() as u64)
    }

    /// Finds the members of the index of a user, beside the session `id`, that have no session.
    async fn orphans<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        id: SessionId,
    ) -> RedisResult<Vec<u64>> {
        let index = self.name(KeyKind::UserIndex, id.user);
        buffers.begin("SMEMBERS").arg(index);
        let members: Vec<u64> =
            redis::from_redis_value(buffers.send(connection).await?).map_err(|_| unexpected())?;
        let others = members.into_iter().filter(|member| *member != id.number);
        let mut others: Vec<u64> = others.collect();
        if others.is_empty() {
            return Ok(others);
        }
        let list = buffers.begin_list("EXISTS");
        for member in &others {
            list.cmd("EXISTS").arg(self.name(KeyKind::Session, *member));
        }
        let answers = buffers.send_list(connection).await?;
        let mut exists = answers.iter().map(|answer| *answer == Value::Int(1));
        others.retain(|_| !exists.next().unwrap_or(true));
        Ok(others)
    }

    /// Issues a token for the session `id`, which a form sends back once.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(super) async fn issue_token<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        id: SessionId,
    ) -> RedisResult<()> {
        let name = self.name(KeyKind::Token, id.number);
        let set = buffers.begin("SET").arg(name).arg(id.number);
        set.arg("PX").arg(self.life_ms).arg("NX");
        buffers.send(connection).await.map(drop)
    }

    /// Checks the token of the session `id` by `times` requests at once, as if the form was sent
    /// that often. Returns the number of them that were accepted.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(super) async fn check_token<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        (id, times): (SessionId, usize),
    ) -> RedisResult<u64> {
        let name = self.name(KeyKind::Token, id.number);
        let list = buffers.begin_list("GETDEL");
        for _ in 0..times {
            list.cmd("GETDEL").arg(&name);
        }
        let answers = buffers.send_list(connection).await?;
        let accepted = answers.iter().filter(|answer| **answer != Value::Nil);
        Ok(accepted.count() as u64)
    }

    /// Returns the memory of the session `id`, and of the index of its user if there is one, in
    /// bytes. `None` if the server does not tell.
    ///
    /// # Errors
    /// Fails with the error of the connection.
    pub(super) async fn memory<C: RedisConnection>(
        &self,
        connection: &mut C,
        buffers: &mut StoreBuffers,
        id: SessionId,
    ) -> RedisResult<Option<u64>> {
        let mut names = vec![self.name(KeyKind::Session, id.number)];
        if self.form == StoreForm::Indexed {
            names.push(self.name(KeyKind::UserIndex, id.user));
        }
        let list = buffers.begin_list("MEMORY");
        for name in names {
            let usage = list.cmd("MEMORY").arg("USAGE").arg(name);
            usage.arg("SAMPLES").arg(0);
        }
        let answers = connection.pipeline(&buffers.list).await?;
        let bytes = answers.iter().map(|answer| match answer {
            Value::Int(bytes) => Some(*bytes as u64),
            _ => None,
        });
        Ok(bytes.sum())
    }
}
