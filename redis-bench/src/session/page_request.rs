//! One of the requests that a page view makes at once on its session. Each loads the session, as
//! web frameworks do before a handler runs, and writes it back if the handler changed it.

use redis::RedisResult;

use super::session_image::SessionImage;
use super::session_store::{Saved, SessionId, SessionStore};
use super::store_buffers::StoreBuffers;
use crate::cli::MOST_PARALLEL;
use crate::clients::RedisConnection;

/// What a request does with its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageAction {
    /// Only loads it.
    Read,
    /// Changes it.
    Update,
    /// Logs the user out.
    LogOut,
}

/// What a request found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PageResult {
    /// Session as it was loaded first; `None` if there was none.
    pub(super) loaded: Option<SessionImage>,
    /// Acknowledged change; `None` if the request made none.
    pub(super) change: Option<AcknowledgedChange>,
    /// Number of times that the store refused a change, because another one had come first.
    pub(super) refused: u64,
    /// True if the removal of the session was acknowledged.
    pub(super) removed: bool,
    /// Number of members without a session that were found in the index of the user.
    pub(super) orphans: u64,
}

/// Change of a session that the server acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AcknowledgedChange {
    /// Number of the change among those of its request.
    pub(super) number: u64,
    /// Version that the change was made to; `None` in a hash.
    pub(super) over: Option<u64>,
}

/// Request of a page view, with its buffers.
#[derive(Debug)]
pub(super) struct PageRequest {
    /// Index among the requests of the page view.
    pub(super) slot: usize,
    /// What it does next.
    pub(super) action: PageAction,
    /// Buffers of its commands.
    pub(super) buffers: StoreBuffers,
    /// What it found and did last.
    pub(super) result: PageResult,
}

impl PageRequest {
    /// Creates the request with index `slot`.
    pub(super) fn new(slot: usize) -> Self {
        Self {
            slot,
            action: PageAction::Read,
            buffers: StoreBuffers::default(),
            result: PageResult::default(),
        }
    }

    /// Performs the request on the session `id`. A change has the number `number`. If the store
    /// refuses it, loads the session again and repeats the change.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(super) async fn perform<C: RedisConnection>(
        &mut self,
        store: &SessionStore,
        connection: &mut C,
        (id, number): (SessionId, u64),
    ) -> RedisResult<()> {
        self.result = PageResult::default();
        let buffers = &mut self.buffers;
        let loaded = store.load(connection, buffers, id).await?;
        self.result.loaded = loaded;
        let Some(mut read) = loaded else {
            return Ok(());
        };
        match self.action {
            PageAction::Read => return Ok(()),
            PageAction::LogOut => {
                self.result.orphans = store.destroy(connection, buffers, id).await?;
                self.result.removed = true;
                return Ok(());
            }
            PageAction::Update => {}
        }
        // Each refusal means that another of the parallel requests succeeded, so this is often enough.
        for _ in 0..MOST_PARALLEL {
            let change = (self.slot, number);
            match store.save(connection, buffers, (id, &read), change).await? {
                Saved::Done => {
                    let over = read.version;
                    self.result.change = Some(AcknowledgedChange { number, over });
                    return Ok(());
                }
                Saved::Gone => return Ok(()),
                Saved::Refused => self.result.refused += 1,
            }
            match store.load(connection, buffers, id).await? {
                Some(again) => read = again,
                None => return Ok(()),
            }
        }
        Ok(())
    }
}
