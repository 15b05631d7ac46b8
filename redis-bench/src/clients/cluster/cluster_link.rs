//! One user's access to all nodes of a cluster.

use std::sync::Arc;

use futures_util::future;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};

use super::key_slot::{self, CommandPlace};
use super::node_set::NodeSet;
use super::redirections::Redirection;
use crate::clients::redis_connection::RedisConnection;
use crate::clients::shared_connection::SharedLink;
use crate::server::failure;

/// Largest number of redirections that one command follows, as the driver's own client has it.
const MOST_REDIRECTIONS: usize = 16;
/// Node of commands without a key.
const FIRST_NODE: usize = 0;

/// One user's access to all nodes of a cluster. Each command goes to the node that holds its key.
#[derive(Debug, Clone)]
pub(crate) struct ClusterLink {
    nodes: Arc<NodeSet>,
    /// Access to each node, by its index.
    links: Vec<SharedLink>,
}

impl ClusterLink {
    /// Creates the access of one user to `nodes`.
    pub(super) async fn new(nodes: Arc<NodeSet>) -> Self {
        let mut link = Self {
            nodes,
            links: Vec::new(),
        };
        link.catch_up().await;
        link
    }

    /// Adds the nodes that were found since.
    async fn catch_up(&mut self) {
        for shared in self.nodes.connections(self.links.len()).await {
            self.links.push(SharedLink::new(shared).await);
        }
    }

    /// Returns the connection to the node with this index.
    ///
    /// # Errors
    /// Fails with the error of the attempt to connect again; another node may then hold the slots.
    async fn node(&mut self, index: usize) -> RedisResult<&mut MultiplexedConnection> {
        if index >= self.links.len() {
            self.catch_up().await;
        }
        let Self { nodes, links } = self;
        let unknown = || RedisError::from((ErrorKind::ClusterConnectionNotFound, "no such node"));
        match links.get_mut(index).ok_or_else(unknown)?.connection().await {
            Ok(connection) => Ok(connection),
            Err(error) => {
                nodes.refresh().await;
                Err(error)
            }
        }
    }

    /// Sends `command` to the node with this index, and returns its answer, which may be an error
    /// answer.
    async fn send(&mut self, index: usize, command: &Cmd) -> RedisResult<Value> {
        let sent = self.node(index).await?.send_packed_command(command).await;
        self.noted(index, sent)
    }

    /// Sends `command` to the node with this index, which is about to get the slot of its key. On a
    /// shared connection `ASKING` must be sent together with the command: by itself it would count for
    /// a command of another user that comes in between.
    async fn send_asking(&mut self, index: usize, command: &Cmd) -> RedisResult<Value> {
        let mut both = Pipeline::with_capacity(2);
        both.cmd("ASKING").add_command(command.clone());
        let sent = self.node(index).await?.send_packed_commands(&both, 1, 1);
        let answers = sent.await;
        let answers = self.noted(index, answers)?;
        Ok(answers.into_iter().next().unwrap_or(Value::Nil))
    }

    /// Notes whether the connection to the node with this index broke.
    fn noted<T>(&self, index: usize, result: RedisResult<T>) -> RedisResult<T> {
        if let (Err(error), Some(link)) = (&result, self.links.get(index))
            && failure::breaks_connection(error)
        {
            link.broke();
        }
        result
    }

    /// Returns the answer to `command` after the redirection in `answer`, if it is one, and those that
    /// follow from it.
    async fn followed(&mut self, command: &Cmd, mut answer: Value) -> RedisResult<Value> {
        for _ in 0..MOST_REDIRECTIONS {
            let Some(redirection) = Redirection::of(&answer) else {
                break;
            };
            let index = self.nodes.followed(&redirection).await?;
            answer = if redirection.is_ask {
                self.send_asking(index, command).await?
            } else {
                self.send(index, command).await?
            };
        }
        Ok(answer)
    }

    /// Sends `command` to all nodes, and returns the last answer.
    async fn send_to_all(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.catch_up().await;
        let mut last = Value::Nil;
        for index in 0..self.links.len() {
            last = self.send(index, command).await?.extract_error()?;
        }
        Ok(last)
    }

    /// Returns the index of the node to which a command of a pipeline goes.
    fn index_of(&self, command: &Cmd) -> RedisResult<usize> {
        match key_slot::of_command(command) {
            CommandPlace::Slot(slot) => self.nodes.owner(slot),
            CommandPlace::AnyNode | CommandPlace::AllNodes => Ok(FIRST_NODE),
        }
    }

    /// Sends the commands of each part to its node, to all nodes at once. Returns the answers in the
    /// order of the whole pipeline, which has `count` commands.
    async fn send_parts(&mut self, parts: &[NodePart], count: usize) -> RedisResult<Vec<Value>> {
        let mut sent = Vec::with_capacity(parts.len());
        for part in parts {
            let mut connection = self.node(part.index).await?.clone();
            let commands = &part.commands;
            sent.push(async move {
                let count = commands.len();
                connection.send_packed_commands(commands, 0, count).await
            });
        }
        let results = future::join_all(sent).await;
        let mut all = vec![Value::Nil; count];
        for (part, result) in parts.iter().zip(results) {
            let answers = self.noted(part.index, result)?;
            for (place, answer) in part.places.iter().zip(answers) {
                all[*place] = answer;
            }
        }
        Ok(all)
    }
}

impl RedisConnection for ClusterLink {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        let index = match key_slot::of_command(command) {
            CommandPlace::Slot(slot) => self.nodes.owner(slot)?,
            CommandPlace::AnyNode => FIRST_NODE,
            CommandPlace::AllNodes => return self.send_to_all(command).await,
        };
        let answer = self.send(index, command).await?;
        self.followed(command, answer).await?.extract_error()
    }

    /// Sends the commands of each node together, and then those that were redirected one by one. If the
    /// keys are on several nodes, the commands are copied.
    async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let count = pipeline.len();
        let mut indexes = pipeline.cmd_iter().map(|command| self.index_of(command));
        let first = indexes.next().unwrap_or(Ok(FIRST_NODE))?;
        let is_one_node = indexes.all(|index| index.is_ok_and(|index| index == first));
        let mut answers = if is_one_node {
            let sent = self
                .node(first)
                .await?
                .send_packed_commands(pipeline, 0, count);
            let answers = sent.await;
            self.noted(first, answers)?
        } else {
            let parts = self.parts(pipeline)?;
            self.send_parts(&parts, count).await?
        };
        for (command, answer) in pipeline.cmd_iter().zip(&mut answers) {
            if matches!(answer, Value::ServerError(_)) {
                let refused = std::mem::replace(answer, Value::Nil);
                *answer = self.followed(command, refused).await?;
            }
        }
        Ok(answers)
    }
}

/// Commands of a pipeline that go to one node.
#[derive(Debug)]
struct NodePart {
    index: usize,
    commands: Pipeline,
    /// Places of the commands in the whole pipeline.
    places: Vec<usize>,
}

impl ClusterLink {
    /// Divides the commands of `pipeline` by node, without a change of their order within each.
    ///
    /// # Errors
    /// Fails if no node holds the slot of a key.
    fn parts(&self, pipeline: &Pipeline) -> RedisResult<Vec<NodePart>> {
        let mut parts: Vec<NodePart> = Vec::new();
        for (place, command) in pipeline.cmd_iter().enumerate() {
            let index = self.index_of(command)?;
            let known = parts.iter().position(|part| part.index == index);
            let known = known.unwrap_or_else(|| {
                parts.push(NodePart {
                    index,
                    commands: Pipeline::new(),
                    places: Vec::new(),
                });
                parts.len() - 1
            });
            parts[known].commands.add_command(command.clone());
            parts[known].places.push(place);
        }
        Ok(parts)
    }
}
