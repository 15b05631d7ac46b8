//! Connection to one node of a cluster, which the driver's client of a cluster opens.
//!
//! It is the driver's own connection, except where that one makes a load fail or stand still while slots
//! move, and it counts redirections.

use std::future;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::Connect;
use redis::{
    Arg, AsyncConnectionConfig, Cmd, IntoConnectionInfo, Pipeline, RedisFuture, RedisResult, Value,
};

use super::redirections::FOLLOWED;

/// Largest number of commands that wait to be sent to a node. With the driver's 50, more users than
/// that stand still for good when a slot moves: the driver asks the node for its slots and lets no
/// other command go on until that is answered, also none that has a place in the queue.
const QUEUE: usize = 1 << 20;
/// Command that permits the next one in a slot that its node is about to get.
const ASKING: &str = "ASKING";

/// Connection to one node of a cluster.
#[derive(Clone)]
pub(crate) struct NodeConnection {
    node: MultiplexedConnection,
    /// True if `ASKING` is to be sent together with the next command. Sent by itself, it would count
    /// for a command of another user that comes in between.
    is_asking: bool,
}

impl NodeConnection {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        if !std::mem::take(&mut self.is_asking) {
            return self.node.send_packed_command(command).await;
        }
        let mut both = Pipeline::with_capacity(2);
        both.cmd(ASKING).add_command(command.clone());
        let answers = self.node.send_packed_commands(&both, 1, 1).await?;
        Ok(answers.into_iter().next().unwrap_or(Value::Nil))
    }

    /// Sends `pipeline`. `ASKING` counts for a single command, so it is sent in front of each.
    async fn commands(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let count = pipeline.len();
        if !std::mem::take(&mut self.is_asking) {
            return self.node.send_packed_commands(pipeline, 0, count).await;
        }
        let mut whole = Pipeline::with_capacity(2 * count);
        for command in pipeline.cmd_iter() {
            whole.cmd(ASKING).add_command(command.clone());
        }
        let answers = self.node.send_packed_commands(&whole, 0, 2 * count).await?;
        Ok(answers.into_iter().skip(1).step_by(2).collect())
    }
}

impl Connect for NodeConnection {
    fn connect_with_config<'a, T>(info: T, config: AsyncConnectionConfig) -> RedisFuture<'a, Self>
    where
        T: IntoConnectionInfo + Send + 'a,
    {
        Box::pin(async move {
            let config = config.set_pipeline_buffer_size(QUEUE);
            let node = MultiplexedConnection::connect_with_config(info, config).await?;
            Ok(Self {
                node,
                is_asking: false,
            })
        })
    }
}

impl ConnectionLike for NodeConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        if command.args_iter().next() == Some(Arg::Simple(ASKING.as_bytes())) {
            self.is_asking = true;
            return Box::pin(future::ready(Ok(Value::Okay)));
        }
        Box::pin(async move {
            let answer = self.command(command).await?;
            FOLLOWED.count(&answer);
            Ok(answer)
        })
    }

    /// Sends `pipeline`, whose answers are all wanted: the loads have no transactions.
    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        _offset: usize,
        _count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let answers = self.commands(pipeline).await?;
            // The driver sends the whole pipeline once more, where the first redirection points to.
            let _ = answers.iter().any(|answer| FOLLOWED.count(answer));
            Ok(answers)
        })
    }

    fn get_db(&self) -> i64 {
        self.node.get_db()
    }
}
