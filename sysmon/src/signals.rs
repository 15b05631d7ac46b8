//! Signals that interrupt a recording or a live view, and the exit of a recorded command.
//!
//! The signal handler shared by the other tools does not serve here: it reports neither the signal
//! (which is forwarded to the command) nor its sender. Ctrl-C reaches the command from the terminal
//! anyway, and a second one would make many programs give up their clean-up.

use std::sync::mpsc::Sender;
use std::time::Instant;

use bench_cli::signals::{EndRequests, SignalResponse, is_ignored};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Event that wakes the loop before the next sample is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalEvent {
    /// SIGINT, SIGTERM, SIGHUP, or another of the blocked signals.
    Signal {
        /// The signal.
        signal: Signal,
        /// True if the terminal sent it, and therefore sent it to the command too.
        from_terminal: bool,
    },
    /// A child process exited, stopped or continued.
    Child,
}

/// Signals that are blocked until [`BlockedSignals::listen`] receives them.
#[derive(Debug)]
pub(crate) struct BlockedSignals {
    blocked: SigSet,
    previous_mask: SigSet,
}

impl BlockedSignals {
    /// Blocks SIGINT, SIGTERM, SIGCHLD and, unless `nohup` has it ignored, SIGHUP in this thread
    /// and all that it starts: closing the terminal must not lose the recording.
    ///
    /// # Errors
    /// When the system refuses the set.
    pub(crate) fn block() -> nix::Result<Self> {
        if is_ignored(Signal::SIGHUP) {
            return Self::block_with(&[]);
        }
        Self::block_with(&[Signal::SIGHUP])
    }

    /// Blocks SIGINT, SIGTERM, SIGCHLD and `more`, which are reported as [`SignalEvent::Signal`].
    ///
    /// # Errors
    /// When the system refuses the set.
    pub(crate) fn block_with(more: &[Signal]) -> nix::Result<Self> {
        let blocked = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGCHLD];
        let blocked: SigSet = blocked.iter().chain(more).copied().collect();
        let previous_mask = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self {
            blocked,
            previous_mask,
        })
    }

    /// Signal mask before these were blocked. A child process inherits the current mask and would
    /// not receive the signals unless this one is restored in it.
    pub(crate) fn previous_mask(&self) -> SigSet {
        self.previous_mask
    }

    /// Receives the signals on a thread of their own and sends them to `events`. With `give_up` the
    /// second SIGINT or SIGTERM ends the process at once, unless it only repeats the first.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub(crate) fn listen<E>(self, events: Sender<E>, give_up: bool) -> std::io::Result<()>
    where
        E: From<SignalEvent> + Send + 'static,
    {
        let mut reader = SignalReader::new(self.blocked)?;
        let listen = move || {
            let mut requests = EndRequests::default();
            while let Ok(event) = reader.next() {
                // A closing terminal may send SIGHUP more than once, and that is no demand to
                // hurry.
                if let SignalEvent::Signal { signal, .. } = event
                    && signal != Signal::SIGHUP
                    && requests.respond(signal as i32, Instant::now()) == SignalResponse::Leave
                    && give_up
                {
                    std::process::exit(130);
                }
                if events.send(event.into()).is_err() && !give_up {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(listen)
            .map(drop)
    }
}

/// Receives blocked signals one by one.
struct SignalReader {
    #[cfg(target_os = "linux")]
    descriptor: nix::sys::signalfd::SignalFd,
    #[cfg(not(target_os = "linux"))]
    signals: SigSet,
}

#[cfg(target_os = "linux")]
impl SignalReader {
    fn new(signals: SigSet) -> std::io::Result<Self> {
        use nix::sys::signalfd::{SfdFlags, SignalFd};
        let descriptor = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { descriptor })
    }

    fn next(&mut self) -> nix::Result<SignalEvent> {
        /// `si_code` of a signal that the kernel sends by itself, as a terminal's line
        /// discipline does; one sent by kill(2) has 0 (asm-generic/siginfo.h).
        const SI_KERNEL: i32 = 0x80;
        loop {
            if let Some(received) = self.descriptor.read_signal()? {
                let signal = Signal::try_from(received.ssi_signo.cast_signed())?;
                return Ok(event(signal, received.ssi_code == SI_KERNEL));
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl SignalReader {
    #[expect(clippy::unnecessary_wraps, reason = "on Linux it can fail")]
    fn new(signals: SigSet) -> std::io::Result<Self> {
        Ok(Self { signals })
    }

    fn next(&mut self) -> nix::Result<SignalEvent> {
        self.signals.wait().map(|signal| event(signal, false))
    }
}

fn event(signal: Signal, from_terminal: bool) -> SignalEvent {
    match signal {
        Signal::SIGCHLD => SignalEvent::Child,
        signal => SignalEvent::Signal {
            signal,
            from_terminal,
        },
    }
}
