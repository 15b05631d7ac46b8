//! Commands to the sampling thread, and data that it shares with their sender.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use bench_report::ServerEvidence;
use load_engine::Failure;

use crate::processes::{ProcessSnapshot, ServerProcesses};
use crate::server::capacity::Capacity;

/// Command to the sampling thread, with the channel for its answer if it has one.
#[derive(Debug)]
pub(crate) enum EvidenceCommand {
    StepBegins(SyncSender<Result<Capacity, Failure>>),
    MeasureBegins,
    /// End of a measured part, with a snapshot of the server's processes at that instant; `None` if
    /// this machine cannot see them.
    MeasureEnds(Option<Result<ProcessSnapshot, String>>),
    RecentActivity(SyncSender<ServerEvidence>),
    StepEnds(SyncSender<Vec<ServerEvidence>>),
}

/// Processes of the server, shared between the sampling thread, which finds them, and the caller
/// that ends a measured part; empty if they are not visible.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedProcesses(Arc<Mutex<Option<ServerProcesses>>>);

impl SharedProcesses {
    pub(crate) fn set(&self, processes: Option<ServerProcesses>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = processes;
    }

    pub(crate) fn get(&self) -> Option<ServerProcesses> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
