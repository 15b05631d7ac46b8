//! Commands to the sampling thread, and what it shares with the thread that sends them.

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
    /// With a snapshot of the server's processes at that instant, where they are visible.
    MeasureEnds(Option<Result<ProcessSnapshot, String>>),
    RecentActivity(SyncSender<ServerEvidence>),
    StepEnds(SyncSender<Vec<ServerEvidence>>),
}

/// The server's processes, shared between the sampling thread and the caller that ends a
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
