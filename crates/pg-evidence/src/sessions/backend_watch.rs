//! Thread that counts a pool's sessions on the server during a traced run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use bench_cli::blocking::{TaskResult, WaitLimits, wait_for};
use load_engine::{Cancel, Failure};
use pg_connect::Address;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::backend_monitor::{BackendMonitor, Leaked};
use super::session_tracker::SessionChanges;

/// Longest wait for the first connection; longer than the connection's own time-out of 5 s by
/// default.
const OPENING_BOUND: Duration = Duration::from_mins(1);
/// Longest waits for the counts of a run: in all, and after a signal has requested the end.
const ANSWER_LIMITS: WaitLimits = WaitLimits {
    timeout: Duration::from_secs(4),
    after_cancel: Duration::from_millis(150),
};

/// Handle of a thread that counts the sessions of one application. Dropping it, and all handles
/// that it returned, ends the thread.
#[derive(Debug)]
pub(crate) struct BackendWatch {
    commands: UnboundedSender<WatchCommand>,
    away: Arc<AtomicBool>,
}

/// Command to the thread that counts sessions.
#[derive(Debug)]
enum WatchCommand {
    /// A segment of the run ends: the changes so far belong to it.
    SegmentEnds,
    /// Request for the changes of all segments that have ended, in order.
    Changes(SyncSender<Vec<SessionChanges>>),
    /// Request for the sessions that exist at present; the answer is `None` if the server cannot be
    /// queried.
    SessionsLeft(oneshot::Sender<Option<Vec<Leaked>>>),
}

impl BackendWatch {
    /// Connects to `address` and counts the sessions with the application name `application`.
    /// `None` if a signal requested the end of the run first.
    ///
    /// # Errors
    /// Fails if the operating system cannot create a thread. The inner result has the failure if
    /// the server cannot be reached.
    pub(crate) fn start(
        address: &Address,
        application: &str,
        cancel: &Cancel,
    ) -> io::Result<Option<Result<Self, Failure>>> {
        let (commands, inbox) = unbounded_channel();
        let (opened, is_open) = sync_channel(1);
        let away = Arc::<AtomicBool>::default();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (address, application) = (address.clone(), application.to_owned());
        let shared = Arc::clone(&away);
        std::thread::Builder::new()
            .name("backends".to_owned())
            .spawn(move || {
                let opening = BackendMonitor::open(&address, &application, shared);
                match runtime.block_on(opening) {
                    // The receiver may be dropped by now.
                    Err(failure) => drop(opened.send(Err(failure))),
                    Ok(monitor) => {
                        let _ = opened.send(Ok(()));
                        serve(&runtime, monitor, inbox);
                    }
                }
            })?;
        let opened = match wait_for(&is_open, cancel, WaitLimits::new(OPENING_BOUND)) {
            TaskResult::Cancelled => return Ok(None),
            TaskResult::Done(opened) => opened,
            TaskResult::TimedOut | TaskResult::Lost => {
                Err(Failure::new("timeout.connect", "the server did not answer"))
            }
        };
        Ok(Some(opened.map(|()| Self { commands, away })))
    }

    /// Returns true while the server is down, stopping or starting, as in a restart.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Notes that a segment of the run ends now, so that the changes of sessions up to now belong
    /// to it.
    pub(crate) fn segment_ends(&self) {
        let _ = self.commands.send(WatchCommand::SegmentEnds);
    }

    /// Returns the changes of the sessions in each segment that has ended, in order; empty if they
    /// do not arrive within 4 s.
    pub(crate) fn changes(&self, cancel: &Cancel) -> Vec<SessionChanges> {
        let (reply, answer) = sync_channel(1);
        let _ = self.commands.send(WatchCommand::Changes(reply));
        match wait_for(&answer, cancel, ANSWER_LIMITS) {
            TaskResult::Done(changes) => changes,
            TaskResult::Cancelled | TaskResult::TimedOut | TaskResult::Lost => Vec::new(),
        }
    }

    /// Returns a handle that reports the sessions which exist at present.
    pub(crate) fn sessions_left(&self) -> SessionsLeft {
        SessionsLeft(self.commands.clone())
    }
}

/// Handle that reports the application's sessions which exist at present.
#[derive(Debug, Clone)]
pub struct SessionsLeft(UnboundedSender<WatchCommand>);

impl SessionsLeft {
    /// Returns the sessions that exist at present; `None` if the server cannot be queried or the
    /// thread has ended.
    pub async fn ask(&self) -> Option<Vec<Leaked>> {
        let (reply, answer) = oneshot::channel();
        self.0.send(WatchCommand::SessionsLeft(reply)).ok()?;
        answer.await.ok()?
    }
}

/// Counts sessions between the commands, until all senders of commands are dropped.
fn serve(
    runtime: &Runtime,
    mut monitor: BackendMonitor,
    mut inbox: UnboundedReceiver<WatchCommand>,
) {
    let mut segments = Vec::new();
    runtime.block_on(async {
        loop {
            let command = tokio::select! {
                biased;
                command = inbox.recv() => command,
                () = monitor.keep_counting() => continue,
            };
            match command {
                None => return,
                Some(WatchCommand::SegmentEnds) => segments.push(monitor.take()),
                Some(WatchCommand::Changes(reply)) => {
                    let _ = reply.send(std::mem::take(&mut segments));
                }
                Some(WatchCommand::SessionsLeft(reply)) => {
                    let _ = reply.send(monitor.left().await);
                }
            }
        }
    });
}
