//! State that all connections of the test server share.

use tokio_rustls::TlsAcceptor;

use super::admission::Admission;
use super::answer_faults::FaultSequence;
use super::broadcast_room::BroadcastRoom;
use super::counters::{Counters, ServeCounts};
use super::options::{AnswerMode, ServeOptions};
use super::tls::{self, TlsFileError};

/// State that all connections of the test server share.
pub(crate) struct SharedState {
    pub(crate) options: ServeOptions,
    pub(crate) admission: Admission,
    pub(crate) counters: Counters,
    pub(crate) faults: FaultSequence,
    /// Room of all open connections; `None` if messages are answered to their sender alone.
    pub(crate) room: Option<BroadcastRoom>,
    /// Server's side of TLS; `None` for plain TCP.
    pub(crate) tls: Option<TlsAcceptor>,
}

impl SharedState {
    /// Creates the state of a server without connections.
    ///
    /// # Errors
    /// If the files for TLS cannot be used.
    pub(crate) fn new(options: &ServeOptions) -> Result<Self, TlsFileError> {
        let session = &options.session;
        Ok(Self {
            admission: Admission::new(options.admission),
            counters: Counters::default(),
            faults: FaultSequence::new(&session.faults),
            room: (session.mode == AnswerMode::Broadcast).then(BroadcastRoom::new),
            tls: options.tls.as_ref().map(tls::acceptor).transpose()?,
            options: options.clone(),
        })
    }

    /// Returns the counts of all connections, which are exact once all have ended.
    pub(crate) fn counts(&self) -> ServeCounts {
        self.counters.counts(self.admission.most_open())
    }
}
