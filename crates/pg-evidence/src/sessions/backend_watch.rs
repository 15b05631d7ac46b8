//! Thread on which a pool's backends are counted while a traced run goes on.

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

/// Longest wait for the first connection; longer than its own time-out.
const OPENING_BOUND: Duration = Duration::from_mins(1);
/// Longest wait for the counts of a run, and after a signal.
const ANSWER_LIMITS: WaitLimits = WaitLimits {
    timeout: Duration::from_secs(4),
    after_cancel: Duration::from_millis(150),
};

/// Counts the backends of one application on a thread of its own, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct BackendWatch {
    commands: UnboundedSender<WatchCommand>,
    away: Arc<AtomicBool>,
}

/// Command to the thread.
#[derive(Debug)]
enum WatchCommand {
    /// A segment ends: the changes until here belong to it.
    SegmentEnds,
    /// Takes the changes of all segments.
    Changes(SyncSender<Vec<SessionChanges>>),
    /// Takes the sessions that exist now; `None` where the server does not answer.
    SessionsLeft(oneshot::Sender<Option<Vec<Leaked>>>),
}

impl BackendWatch {
    /// Connects to `address` and counts the sessions of `application`; `None` when a signal comes.
    ///
    /// # Errors
    /// Fails when the system gives no thread, and with a [`Failure`] inside when the server cannot be
    /// reached.
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
                    // Nobody may be waiting any more.
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

    /// Returns true while the server is away, as in a restart.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Ends a segment.
    pub(crate) fn segment_ends(&self) {
        let _ = self.commands.send(WatchCommand::SegmentEnds);
    }

    /// Returns the changes of each segment; none where they do not come in time.
    pub(crate) fn changes(&self, cancel: &Cancel) -> Vec<SessionChanges> {
        let (reply, answer) = sync_channel(1);
        let _ = self.commands.send(WatchCommand::Changes(reply));
        match wait_for(&answer, cancel, ANSWER_LIMITS) {
            TaskResult::Done(changes) => changes,
            TaskResult::Cancelled | TaskResult::TimedOut | TaskResult::Lost => Vec::new(),
        }
    }

    /// Returns the way to ask for the sessions that exist.
    pub(crate) fn sessions_left(&self) -> SessionsLeft {
        SessionsLeft(self.commands.clone())
    }
}

/// Asks for the sessions of the application that exist.
#[derive(Debug, Clone)]
pub struct SessionsLeft(UnboundedSender<WatchCommand>);

impl SessionsLeft {
    /// Returns the sessions; `None` where the server does not answer.
    pub async fn ask(&self) -> Option<Vec<Leaked>> {
        let (reply, answer) = oneshot::channel();
        self.0.send(WatchCommand::SessionsLeft(reply)).ok()?;
        answer.await.ok()?
    }
}

/// Counts between the commands, until nobody can give one any more.
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
