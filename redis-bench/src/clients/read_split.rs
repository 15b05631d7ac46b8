//! Connection whose reads go to a replica, and everything else to the primary.

use redis::{Cmd, Pipeline, RedisResult, Value};

use super::RedisConnection;

/// Connections of one request to a primary and to one of its replicas.
#[derive(Debug, Clone)]
pub(super) struct ReadSplit<C> {
    primary: C,
    replica: C,
    /// True if the last command went to the replica.
    is_reading: bool,
}

impl<C> ReadSplit<C> {
    pub(super) fn new(primary: C, replica: C) -> Self {
        Self {
            primary,
            replica,
            is_reading: false,
        }
    }

    /// Returns true if the last command went to the replica.
    pub(super) fn is_reading(&self) -> bool {
        self.is_reading
    }
}

impl<C: RedisConnection> RedisConnection for ReadSplit<C> {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.is_reading = false;
        self.primary.command(command).await
    }

    async fn read(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.is_reading = true;
        self.replica.command(command).await
    }

    async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        self.is_reading = false;
        self.primary.pipeline(pipeline).await
    }
}
