//! Connections of a held load, as a scenario supplies them: input and output only. Their tasks,
//! commands, schedules and records are the engine's.

use std::time::Duration;

use crate::record::failure::Failure;
use crate::record::operation_table::OperationSpec;
use crate::record::timestamps::Timestamps;

/// One connection, from 0 over all workers; a number is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionId(pub u64);

/// Operations of a held load.
#[derive(Debug, Clone)]
pub struct HeldOperations {
    /// Attempts to connect.
    pub connect: OperationSpec,
    /// Messages with their answers, while the connections are held.
    pub message: OperationSpec,
    /// One message on each connection at the end of a step, which shows that it is alive.
    pub check: OperationSpec,
}

/// Opens the connections of a held load.
pub trait ConnectionFactory: Send + Sync + 'static {
    /// Type of the connections that it opens.
    type Connection: HeldConnection;

    /// Returns the operations that the load consists of.
    fn operations(&self) -> HeldOperations;

    /// Opens connection `id`, and stamps the end of each phase that connecting has.
    fn connect(
        &self,
        id: ConnectionId,
        timestamps: &mut Timestamps,
    ) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;
}

/// One open connection. At most one of its messages waits for an answer at a time.
pub trait HeldConnection: Send + Sized + 'static {
    /// Sends the next message. An answer to an earlier one, whose time had run out, is none to this.
    fn send(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Waits for what comes next. Called for as long as the connection is open, since many protocols
    /// answer pings only while they are read. Dropped before it is over, it must lose nothing.
    ///
    /// # Errors
    /// Fails when the connection has ended.
    fn receive(&mut self) -> impl Future<Output = Result<Incoming, Failure>> + Send;

    /// Makes the failure of the last message, which was not answered within `timeout`.
    fn unanswered(&self, timeout: Duration) -> Failure;

    /// Closes the connection as its protocol has it; cut off after a second.
    fn close(self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Result of one reading from a connection.
#[derive(Debug)]
pub enum Incoming {
    /// The answer to the last message.
    Answer,
    /// An answer to the last message that is wrong; the connection is still good.
    Wrong(Failure),
    /// Anything else: a control frame, an answer that came too late, or what the peer sends by itself.
    Other,
}
