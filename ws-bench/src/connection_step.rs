//! One step of the search: a number of connections open at once, some of which send messages.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::Window;
use load_engine::{LoadPlan, LoadThreads, Recorder, WaitStrategy};

use crate::endpoint::WsEndpoint;
use crate::verdict::StepBounds;

/// Settings and state that all steps of a run share.
#[derive(Debug)]
pub(crate) struct RunSetup {
    pub(crate) endpoint: WsEndpoint,
    /// Time that TCP, the upgrade and each echo may take.
    pub(crate) timeout: Duration,
    /// New connections per second, all worker threads together.
    pub(crate) spawn_rate_per_s: f64,
    /// Size of a message in bytes.
    pub(crate) message_bytes: usize,
    /// Load of the talkers: open or closed loop.
    pub(crate) load: LoadPlan,
    pub(crate) seed: u64,
    pub(crate) waiting: WaitStrategy,
    /// Connections open now.
    pub(crate) open: AtomicU64,
    /// The threads that make the load.
    pub(crate) threads: LoadThreads,
}

/// State of one step that all worker threads and the step runner share.
#[derive(Debug)]
pub(crate) struct ConnectionStep {
    /// Connections to have open.
    pub(crate) connections: u64,
    /// Index of this repeat of the step, from 0.
    pub(crate) repeat: u64,
    /// Attempts to connect; `acquired` is the instant between TCP and upgrade.
    pub(crate) connects: Recorder,
    /// Round trips while the step is held.
    pub(crate) echoes: Recorder,
    /// One round trip of every connection after that.
    pub(crate) checks: Recorder,
    /// Set once all connections are open.
    window: OnceLock<Window>,
    /// Failed attempts to connect above which the step has broken.
    allowed_failures: u64,
    failed_connects: AtomicU64,
    /// Arrivals that found their connection still waiting for an earlier echo.
    pub(crate) delayed: AtomicU64,
}

impl ConnectionStep {
    /// Creates a step of `connections` connections, recorded by `threads` threads.
    pub(crate) fn new(connections: u64, repeat: u64, threads: usize) -> Self {
        Self {
            connections,
            repeat,
            connects: Recorder::new(&["connect"], threads),
            echoes: Recorder::new(&["echo"], threads),
            checks: Recorder::new(&["check"], threads),
            window: OnceLock::new(),
            allowed_failures: 0,
            failed_connects: AtomicU64::new(0),
            delayed: AtomicU64::new(0),
        }
    }

    /// Returns the step with the number of attempts that may fail: the share that `bounds` allow
    /// of `missing`.
    pub(crate) fn with_allowance(mut self, missing: u64, bounds: StepBounds) -> Self {
        self.allowed_failures = (missing as f64 * bounds.error_ratio) as u64;
        self
    }

    /// Number of connections that send messages while the step is held.
    pub(crate) fn talkers(&self, load: &LoadPlan) -> u64 {
        load.sessions().min(self.connections)
    }

    /// Counts one failed attempt to connect.
    pub(crate) fn connect_failed(&self) {
        self.failed_connects.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns true if more attempts failed than are allowed: no further ones are made then.
    pub(crate) fn has_broken(&self) -> bool {
        self.failed_connects.load(Ordering::Relaxed) > self.allowed_failures
    }

    /// Sets the window of the step; only the first call has an effect.
    pub(crate) fn set_window(&self, window: Window) {
        let _ = self.window.set(window);
    }

    /// Returns the window of the step, all zeros until it is set.
    pub(crate) fn window(&self) -> Window {
        self.window.get().copied().unwrap_or_default()
    }

    /// Returns true if `instant_ns` lies in the measured part.
    pub(crate) fn measures(&self, instant_ns: u64) -> bool {
        let window = self.window();
        (window.measure_start_ns..window.measure_end_ns).contains(&instant_ns)
    }
}
