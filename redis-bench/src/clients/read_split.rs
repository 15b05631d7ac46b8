//! Connection whose reads go to a replica, and everything else to the primary.

use redis::{Cmd, Pipeline, RedisResult, Value};

use super::RedisConnection;

/// Connections of one request to a primary and to one of its replicas.
#[derive(Debug, Clone)]
pub(super) struct ReadSplit<'a, C> {
    primary: Lent<'a, C>,
    replica: Lent<'a, C>,
    /// True if the last command went to the replica.
    is_reading: bool,
}

impl<'a, C> ReadSplit<'a, C> {
    /// Creates the connection of a request from those of its user.
    pub(super) fn new(primary: &'a mut C, replica: &'a mut C) -> Self {
        Self {
            primary: Lent::Borrowed(primary),
            replica: Lent::Borrowed(replica),
            is_reading: false,
        }
    }

    /// Returns true if the last command went to the replica.
    pub(super) fn is_reading(&self) -> bool {
        self.is_reading
    }
}

impl<C: RedisConnection> RedisConnection for ReadSplit<'_, C> {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.is_reading = false;
        self.primary.get().command(command).await
    }

    async fn read(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.is_reading = true;
        self.replica.get().command(command).await
    }

    async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        self.is_reading = false;
        self.primary.get().pipeline(pipeline).await
    }
}

/// Connection of the user, which a request borrows; only a clone of the request has its own.
#[derive(Debug)]
enum Lent<'a, C> {
    Borrowed(&'a mut C),
    Owned(C),
}

impl<C> Lent<'_, C> {
    fn get(&mut self) -> &mut C {
        match self {
            Self::Borrowed(connection) => connection,
            Self::Owned(connection) => connection,
        }
    }
}

impl<C: Clone> Clone for Lent<'_, C> {
    fn clone(&self) -> Self {
        match self {
            Self::Borrowed(connection) => Self::Owned((*connection).clone()),
            Self::Owned(connection) => Self::Owned(connection.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use test_support::CountingAllocator;

    use super::*;

    /// Connection that sends nothing, counts the commands, and cannot be cloned.
    #[derive(Debug, Default)]
    struct Single {
        commands: u64,
    }

    impl Clone for Single {
        fn clone(&self) -> Self {
            panic!("a request cloned its connection")
        }
    }

    impl RedisConnection for Single {
        async fn command(&mut self, _: &Cmd) -> RedisResult<Value> {
            self.commands += 1;
            Ok(Value::Okay)
        }

        async fn pipeline(&mut self, _: &Pipeline) -> RedisResult<Vec<Value>> {
            self.commands += 1;
            Ok(Vec::new())
        }
    }

    #[test]
    fn reads_go_to_the_replica_without_an_allocation_or_a_clone() {
        let (mut primary, mut replica) = (Single::default(), Single::default());
        let (command, pipeline) = (Cmd::new(), Pipeline::new());
        let before = CountingAllocator::allocations();
        for _ in 0..100 {
            let mut split = ReadSplit::new(&mut primary, &mut replica);
            let requests = async {
                split.command(&command).await.unwrap();
                split.pipeline(&pipeline).await.unwrap();
                assert!(!split.is_reading());
                split.read(&command).await.unwrap();
                assert!(split.is_reading());
            };
            requests.now_or_never().unwrap();
        }
        assert_eq!(CountingAllocator::allocations() - before, 0);
        assert_eq!((primary.commands, replica.commands), (200, 100));
    }
}
