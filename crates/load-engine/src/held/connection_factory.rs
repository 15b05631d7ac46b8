//! Interface through which a scenario supplies the connections of a held load. It covers
//! connecting, sending and receiving. Tasks, commands, schedules and records belong to the engine.

use std::time::Duration;

use crate::record::failure::Failure;
use crate::record::operation_table::OperationSpec;
use crate::record::timestamps::Timestamps;

/// Number of a connection, counted from 0 over all workers. No number is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionId(pub u64);

/// Operations under which a held load records its requests.
#[derive(Debug, Clone)]
pub struct HeldOperations {
    /// Attempts to connect.
    pub connect: OperationSpec,
    /// Messages with their answers, while the connections are held.
    pub message: OperationSpec,
    /// One message on each connection at the end of a step, as proof that the connection is alive.
    pub check: OperationSpec,
}

/// Factory that opens the connections of a held load.
pub trait ConnectionFactory: Send + Sync + 'static {
    /// Type of the connections that the factory opens.
    type Connection: HeldConnection;

    /// Returns the operations of the load.
    fn operations(&self) -> HeldOperations;

    /// Opens connection `id`, and stamps the end of each phase of connecting in `timestamps`.
    fn connect(
        &self,
        id: ConnectionId,
        timestamps: &mut Timestamps,
    ) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;
}

/// Open connection. At most one of its messages waits for an answer at a time.
pub trait HeldConnection: Send + Sized + 'static {
    /// Sends the next message. A late answer to an earlier message, which had timed out, must not
    /// be taken as the answer to this one.
    fn send(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Waits for the next incoming message. The engine calls this all the time while the connection
    /// is open, because many protocols answer pings only while a client reads. Dropping the future
    /// must lose no data.
    ///
    /// # Errors
    /// Fails when the connection has ended.
    fn receive(&mut self) -> impl Future<Output = Result<Incoming, Failure>> + Send;

    /// Creates the failure of the last message, which was not answered within `timeout`.
    fn unanswered(&self, timeout: Duration) -> Failure;

    /// Closes the connection as its protocol demands. The engine cuts the closing off after a
    /// second.
    fn close(self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Kind of an incoming message.
#[derive(Debug)]
pub enum Incoming {
    /// Answer to the last message.
    Answer,
    /// Wrong answer to the last message, after which the connection is still usable.
    Wrong(Failure),
    /// Any other message, such as a control frame, an answer that came too late, or what the peer
    /// sends by itself.
    Other,
}
