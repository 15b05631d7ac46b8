//! Connection over which the keys of a run are written and removed: to one server, or to all nodes of a
//! cluster.

use redis::cluster::{ClusterConnection, ClusterPipeline};
use redis::{Cmd, Connection, Pipeline, RedisResult, Value};

/// Connection that sends commands of one key each.
pub(crate) trait KeyConnection {
    /// Sends the commands at once, of which there must be one or more, and returns their answers in
    /// order.
    ///
    /// # Errors
    /// Fails with the error of the connection, or with the error answers of the server.
    fn batch(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<Value>>;
}

impl KeyConnection for Connection {
    fn batch(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<Value>> {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        pipeline.query(self)
    }
}

impl KeyConnection for ClusterConnection {
    /// Sends the commands to each node at once, and those that were redirected again.
    fn batch(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<Value>> {
        let mut pipeline = ClusterPipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        pipeline.query(self)
    }
}
