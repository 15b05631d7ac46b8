//! Interface through which a scenario supplies connections that stay open during a load:
//! connecting, sending and receiving. The engine supplies tasks, commands, schedules and records.

use std::task::{Context, Poll};
use std::time::Duration;

use super::message_counts::Traffic;
use crate::record::failure::Failure;
use crate::record::operation_table::OperationSpec;
use crate::record::timestamps::Timestamps;

/// Number of a connection, counted from 0 over all workers of all processes. Each number is used
/// once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionId(pub u64);

/// Operations under which a load of connections that stay open records its requests.
#[derive(Debug, Clone)]
pub struct HeldOperations {
    /// Operation of the attempts to connect.
    pub connect: OperationSpec,
    /// Operation of the messages with their answers, while the connections are held open.
    pub message: OperationSpec,
    /// Operation of the message on each connection at the end of a step, as proof that the
    /// connection is alive.
    pub check: OperationSpec,
}

/// Factory that opens connections which stay open during a load.
pub trait ConnectionFactory: Send + Sync + 'static {
    /// Type of the connections that the factory opens.
    type Connection: HeldConnection;

    /// Returns the operations under which attempts to connect, messages and checks are recorded.
    fn operations(&self) -> HeldOperations;

    /// Opens connection `id`, and records the end of each phase of connecting in `timestamps`.
    /// Returns the failure if it cannot be opened.
    fn connect(
        &self,
        id: ConnectionId,
        timestamps: &mut Timestamps,
    ) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;
}

/// Open connection on which messages are exchanged. Its messages are numbered from 1, in the order
/// in which they were queued.
///
/// Both polling functions follow the rules of [`Future::poll`]: if they return `Pending`, they have
/// arranged that the task is woken.
pub trait HeldConnection: Send + Sized + 'static {
    /// Adds the next message to those that [`poll_flush`](Self::poll_flush) sends.
    ///
    /// # Errors
    /// Fails when the connection has ended.
    fn queue(&mut self) -> Result<(), Failure>;

    /// Sends the queued messages. The engine polls this until it is ready, and polls for incoming
    /// messages meanwhile.
    ///
    /// # Errors
    /// Fails when the connection has ended.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>>;

    /// Polls for the next incoming message. The engine does this all the time while the connection
    /// is open, because many protocols answer pings only while a client reads.
    ///
    /// # Errors
    /// Fails when the connection has ended.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, Failure>>;

    /// Returns the failure under which a message is recorded, because no answer arrived within
    /// `timeout`.
    fn unanswered(&self, timeout: Duration) -> Failure;

    /// Returns the traffic of the connection since it was opened.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    /// Closes the connection as its protocol demands. The engine abandons this after a second.
    fn close(self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Kind of a message that arrives on a connection.
#[derive(Debug)]
pub enum Incoming {
    /// Right answer to the message with this number. Whether it is in time, late or a duplicate is
    /// found by the engine.
    Answer(u64),
    /// Wrong answer to the oldest message that waits, after which the connection is still usable.
    Wrong(Failure),
    /// Message that the peer sent without being asked, or that answers none.
    Unmatched,
    /// Anything else, such as a control frame.
    Other,
}
