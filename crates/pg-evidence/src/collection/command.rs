//! Commands to the sampling thread, and data that it shares with their sender.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use bench_report::ServerEvidence;
use load_engine::Failure;

use crate::processes::{ProcessSnapshot, ServerProcesses};
use crate::server::capacity::Capacity;

/// Command to the sampling thread.
#[derive(Debug)]
pub(crate) enum EvidenceCommand {
    StepBegins(SyncSender<Result<Capacity, Failure>>),
    MeasureBegins,
    /// Carries a snapshot of the server's processes at that instant, if this machine can see them.
    MeasureEnds(Option<Result<ProcessSnapshot, String>>),
    RecentActivity(SyncSender<ServerEvidence>),
    StepEnds(SyncSender<Vec<ServerEvidence>>),
}

/// Processes of the server, shared between the sampling thread and the caller that ends a
/// measurement.
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
