//! Connection on which a user sends commands, whatever client opened it.

use redis::aio::{ConnectionManager, MultiplexedConnection};
use redis::{Cmd, Pipeline, RedisResult, Value};

use super::ClientCache;

/// Connection to Redis whose answers reach one user only. The driver's own trait for this puts
/// every command into a boxed future; this one does not, so that a request allocates nothing. A
/// clone sends over the same connection, for commands that do not wait for each other's answers.
pub(crate) trait RedisConnection: Clone + Send {
    /// Sends `command` and returns its answer.
    ///
    /// # Errors
    /// Fails with the error of the connection, or with the server's error answer.
    fn command(&mut self, command: &Cmd) -> impl Future<Output = RedisResult<Value>> + Send;

    /// Sends a `command` that only reads and returns its answer, which may be that of a replica.
    ///
    /// # Errors
    /// Fails as [`Self::command`] does.
    fn read(&mut self, command: &Cmd) -> impl Future<Output = RedisResult<Value>> + Send {
        self.command(command)
    }

    /// Returns the cache that the connection keeps in the client's memory; `None`, the default, if it
    /// has none.
    fn client_cache(&self) -> Option<&ClientCache> {
        None
    }

    /// Sends all commands of `pipeline` at once and returns their answers in order. Each may be an
    /// error answer.
    ///
    /// # Errors
    /// Fails with the error of the connection.
    fn pipeline(
        &mut self,
        pipeline: &Pipeline,
    ) -> impl Future<Output = RedisResult<Vec<Value>>> + Send;
}

impl RedisConnection for MultiplexedConnection {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.send_packed_command(command).await?.extract_error()
    }

    async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        self.send_packed_commands(pipeline, 0, pipeline.len()).await
    }
}

impl RedisConnection for ConnectionManager {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.send_packed_command(command).await?.extract_error()
    }

    async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        self.send_packed_commands(pipeline, 0, pipeline.len()).await
    }
}
