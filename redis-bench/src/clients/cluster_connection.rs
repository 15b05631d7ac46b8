//! Connection to all nodes of a cluster.
//!
//! The driver offers it only with its own trait, which takes each command over: a request copies its
//! commands, and waits for a boxed future. That is its cost in an application, too.

use futures_util::future;
use redis::aio::ConnectionLike as _;
use redis::cluster_routing::Slot;
use redis::{Arg, Cmd, Pipeline, RedisResult, Value};

use super::cluster::AllNodes;
use super::redis_connection::RedisConnection;

impl RedisConnection for AllNodes {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.req_packed_command(command).await?.extract_error()
    }

    /// Sends the commands of each slot together, because the driver refuses a pipeline across slots,
    /// and all slots at once.
    async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let parts = SlotPart::of(pipeline);
        let sent = parts.iter().map(|part| {
            let mut connection = self.clone();
            async move { part.send(&mut connection).await }
        });
        let answers = future::join_all(sent).await;
        let mut all = vec![Value::Nil; pipeline.len()];
        for (part, answers) in parts.iter().zip(answers) {
            for (place, answer) in part.places.iter().zip(answers?) {
                all[*place] = answer;
            }
        }
        Ok(all)
    }
}

/// Commands of a pipeline whose keys are in one slot.
#[derive(Debug)]
struct SlotPart {
    slot: Option<Slot>,
    commands: Pipeline,
    /// Places of the commands in the whole pipeline.
    places: Vec<usize>,
}

impl SlotPart {
    /// Divides the commands of `pipeline` by slot, without a change of their order within each.
    fn of(pipeline: &Pipeline) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        for (place, command) in pipeline.cmd_iter().enumerate() {
            let slot = key(command).map(Slot::for_key);
            let index = parts.iter().position(|part| part.slot == slot);
            let index = index.unwrap_or_else(|| {
                parts.push(Self {
                    slot,
                    commands: Pipeline::new(),
                    places: Vec::new(),
                });
                parts.len() - 1
            });
            parts[index].commands.add_command(command.clone());
            parts[index].places.push(place);
        }
        parts
    }

    /// Sends the commands, and returns their answers; each may be an error answer.
    ///
    /// # Errors
    /// Fails with the error of the connection.
    async fn send(&self, connection: &mut AllNodes) -> RedisResult<Vec<Value>> {
        let count = self.commands.len();
        let sent = connection.req_packed_commands(&self.commands, 0, count);
        match sent.await {
            // Tells an error answer after which the driver gave up as the answer of each command.
            Err(error) => {
                let answer = redis::ServerError::try_from(error)?;
                Ok(vec![Value::ServerError(answer); count])
            }
            answers => answers,
        }
    }
}

/// Returns the key of a command in a pipeline of a load: the argument after its name.
fn key(command: &Cmd) -> Option<&[u8]> {
    let mut arguments = command.args_iter().filter_map(|argument| match argument {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    });
    let name = arguments.next()?;
    if name == b"MEMORY" {
        // The second part of the name.
        arguments.next()?;
    }
    arguments.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_divided_by_slot_and_keeps_the_places_of_its_commands() {
        let mut whole = Pipeline::new();
        whole.cmd("HSET").arg("{a}1").arg("f").arg("v");
        whole.cmd("SADD").arg("b").arg("m");
        whole.cmd("PEXPIRE").arg("{a}1").arg(9);
        whole.cmd("MEMORY").arg("USAGE").arg("{b}2");
        let parts = SlotPart::of(&whole);
        let places: Vec<_> = parts.iter().map(|part| part.places.clone()).collect();
        assert_eq!(places, [vec![0, 2], vec![1, 3]]);
        assert_eq!(parts[0].slot, Some(Slot::for_key("a")));
        assert_eq!(parts[1].commands.len(), 2);
    }
}
