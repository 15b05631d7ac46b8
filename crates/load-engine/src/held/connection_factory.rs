//! Interface through which a scenario supplies connections that stay open during a load:
//! connecting, sending and receiving. The engine supplies tasks, commands, schedules and records.

use std::time::Duration;

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

/// Open connection on which messages are exchanged. At most one of its messages waits for an answer
/// at a time.
pub trait HeldConnection: Send + Sized + 'static {
    /// Sends the next message. The implementation must not accept a late answer to an earlier
    /// message, which had timed out, as the answer to this one. Fails if the connection is lost.
    fn send(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Waits for the next incoming message. The engine calls this all the time while the connection
    /// is open, because many protocols answer pings only while a client reads. Dropping the future
    /// must lose no data.
    ///
    /// # Errors
    /// Fails when the connection has ended.
    fn receive(&mut self) -> impl Future<Output = Result<Incoming, Failure>> + Send;

    /// Returns the failure under which the last message is recorded, because no answer arrived
    /// within `timeout`.
    fn unanswered(&self, timeout: Duration) -> Failure;

    /// Closes the connection as its protocol demands. The engine abandons this after a second.
    fn close(self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Kind of a message that arrives on a connection.
#[derive(Debug)]
pub enum Incoming {
    /// Right answer to the last message that was sent.
    Answer,
    /// Wrong answer to the last message that was sent, after which the connection is still usable.
    Wrong(Failure),
    /// Any other message, such as a control frame, a late answer to an earlier message, or a
    /// message that the peer sends without being asked.
    Other,
}
