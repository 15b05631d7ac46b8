//! Buffers of the commands of one request, which are sent one by one or together.

use redis::{Cmd, Pipeline, RedisResult, Value};

use crate::clients::RedisConnection;

/// Buffers of one request, which are reused.
#[derive(Debug)]
pub(super) struct StoreBuffers {
    command: Cmd,
    /// List of commands that are sent together.
    pub(super) list: Pipeline,
    /// Name of a key.
    pub(super) name: Vec<u8>,
    /// Content of a session.
    pub(super) content: Vec<u8>,
    /// Name of the command that was sent last.
    pub(super) sent: &'static str,
}

impl Default for StoreBuffers {
    fn default() -> Self {
        Self {
            command: Cmd::new(),
            list: Pipeline::new(),
            name: Vec::new(),
            content: Vec::new(),
            sent: "GET",
        }
    }
}

impl StoreBuffers {
    /// Begins the command `name`.
    pub(super) fn begin(&mut self, name: &'static str) -> &mut Cmd {
        self.sent = name;
        self.command.clear();
        self.command.arg(name)
    }

    /// Sends the command that was begun, and returns its answer.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(super) async fn send<C: RedisConnection>(&self, connection: &mut C) -> RedisResult<Value> {
        connection.command(&self.command).await
    }

    /// Begins a list of commands, of which `name` is the one that is told.
    pub(super) fn begin_list(&mut self, name: &'static str) -> &mut Pipeline {
        self.sent = name;
        self.list.clear();
        &mut self.list
    }

    /// Sends the list of commands, and returns their answers.
    ///
    /// # Errors
    /// Fails with the error of the connection, or the first one of the answers.
    pub(super) async fn send_list<C: RedisConnection>(
        &self,
        connection: &mut C,
    ) -> RedisResult<Vec<Value>> {
        let answers = connection.pipeline(&self.list).await?;
        answers.into_iter().map(Value::extract_error).collect()
    }
}
