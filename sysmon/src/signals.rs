//! Signals that interrupt a recording or a live view, and the exit of a recorded command.
//!
//! The signal handler of the other tools is not used here, because it reports neither the signal,
//! which must be forwarded to the command, nor its sender. If the terminal sent Ctrl-C, the command
//! has already received it, and a second one would make many programs give up their clean-up.

use std::sync::mpsc::Sender;
use std::time::Instant;

use bench_cli::signals::{EndRequests, SignalResponse, is_ignored};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Event that wakes the loop of a recording or a live view before the next sample is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalEvent {
    /// SIGINT, SIGTERM, SIGHUP, or another of the blocked signals except SIGCHLD.
    Signal {
        /// Signal that was received.
        signal: Signal,
        /// True if the kernel sent the signal, as for Ctrl-C on a terminal, which the command has
        /// then received as well. Always false on systems other than Linux.
        from_terminal: bool,
    },
    /// SIGCHLD was received: a child process exited, stopped or continued.
    Child,
}

/// Set of signals that are blocked until [`BlockedSignals::listen`] receives them.
#[derive(Debug)]
pub(crate) struct BlockedSignals {
    blocked: SigSet,
    previous_mask: SigSet,
}

impl BlockedSignals {
    /// Blocks SIGINT, SIGTERM and SIGCHLD in this thread and in all threads that it starts later.
    /// Also blocks SIGHUP, so that closing the terminal does not lose the recording, unless `nohup`
    /// made this program ignore it.
    ///
    /// # Errors
    /// If the operating system rejects the set of signals.
    pub(crate) fn block() -> nix::Result<Self> {
        if is_ignored(Signal::SIGHUP) {
            return Self::block_with(&[]);
        }
        Self::block_with(&[Signal::SIGHUP])
    }

    /// Blocks SIGINT, SIGTERM, SIGCHLD and the signals in `more`, in this thread and in all threads
    /// that it starts. All but SIGCHLD are reported as [`SignalEvent::Signal`].
    ///
    /// # Errors
    /// If the operating system rejects the set of signals.
    pub(crate) fn block_with(more: &[Signal]) -> nix::Result<Self> {
        let blocked = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGCHLD];
        let blocked: SigSet = blocked.iter().chain(more).copied().collect();
        let previous_mask = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self {
            blocked,
            previous_mask,
        })
    }

    /// Returns the signal mask of this thread before these signals were blocked. It must be
    /// restored in a child process, which would otherwise inherit the current mask and not receive
    /// the signals.
    pub(crate) fn previous_mask(&self) -> SigSet {
        self.previous_mask
    }

    /// Starts a thread that receives the signals and sends them to `events`. With `give_up`, a
    /// second SIGINT or SIGTERM ends the process at once with exit code 130, unless it is a
    /// repetition of the first.
    ///
    /// # Errors
    /// If the operating system has no thread or file descriptor left.
    pub(crate) fn listen<E>(self, events: Sender<E>, give_up: bool) -> std::io::Result<()>
    where
        E: From<SignalEvent> + Send + 'static,
    {
        let mut reader = SignalReader::new(self.blocked)?;
        let listen = move || {
            let mut requests = EndRequests::default();
            while let Ok(event) = reader.next() {
                // A closing terminal may send SIGHUP more than once, which does not mean that the user wants
                // to hurry.
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

/// Reader that waits for blocked signals and returns them one by one.
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
        /// Value of `si_code` for a signal that the kernel itself sent, as for Ctrl-C on a
        /// terminal. A signal sent by kill(2) has 0 (asm-generic/siginfo.h).
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
