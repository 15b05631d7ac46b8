//! What interrupts a recording: a signal from outside, or its command's end.
//!
//! The shared handler of the other tools does not serve here, because it tells neither which
//! signal came (it is handed on to the command) nor from where: Ctrl-C reaches the command from
//! the terminal anyway, and a second one would make many a program give up its clean-up.

use std::sync::mpsc::Sender;
use std::time::Instant;

use bench_cli::signals::{EndRequests, SignalResponse, is_ignored};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Reason for which the recording wakes before its next sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// SIGINT, SIGTERM, SIGHUP, or another that was to be held.
    Signal {
        /// The signal.
        signal: Signal,
        /// True if the terminal sent it, and so sent it to the command too.
        from_terminal: bool,
    },
    /// A child ended, stopped or went on.
    Child,
}

/// The signals, held back until [`HeldSignals::watch`] hears them.
#[derive(Debug)]
pub struct HeldSignals {
    held: SigSet,
    before: SigSet,
}

impl HeldSignals {
    /// Holds back SIGINT, SIGTERM, SIGCHLD and, unless `nohup` has it ignored, SIGHUP in this thread
    /// and all that it starts: a terminal that is closed must not cost what was recorded.
    ///
    /// # Errors
    /// When the system refuses the set.
    pub fn hold() -> nix::Result<Self> {
        if is_ignored(Signal::SIGHUP) {
            return Self::hold_with(&[]);
        }
        Self::hold_with(&[Signal::SIGHUP])
    }

    /// Holds back SIGINT, SIGTERM, SIGCHLD and these: they are told as [`Event::Signal`].
    ///
    /// # Errors
    /// When the system refuses the set.
    pub fn hold_with(more: &[Signal]) -> nix::Result<Self> {
        let held = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGCHLD];
        let held: SigSet = held.iter().chain(more).copied().collect();
        let before = held.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { held, before })
    }

    /// What was held back before: a child inherits what is now, and would not hear the signals
    /// unless it is given this.
    pub fn before(&self) -> SigSet {
        self.before
    }

    /// Hears the signals from a thread of its own and sends them on. With `give_up` the second
    /// SIGINT or SIGTERM ends the process at once, unless it only repeats the first.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn watch<E>(self, events: Sender<E>, give_up: bool) -> std::io::Result<()>
    where
        E: From<Event> + Send + 'static,
    {
        let mut ear = Ear::new(self.held)?;
        let listen = move || {
            let mut requests = EndRequests::default();
            while let Ok(event) = ear.next() {
                // A terminal that goes may say so more than once, and nobody is in a hurry.
                if let Event::Signal { signal, .. } = event
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

#[cfg(target_os = "linux")]
struct Ear(nix::sys::signalfd::SignalFd);

#[cfg(target_os = "linux")]
impl Ear {
    fn new(set: SigSet) -> std::io::Result<Self> {
        use nix::sys::signalfd::{SfdFlags, SignalFd};
        Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?))
    }

    fn next(&mut self) -> nix::Result<Event> {
        /// `si_code` of a signal that the kernel sends by itself, as a terminal's line
        /// discipline does; one sent by kill(2) has 0 (asm-generic/siginfo.h).
        const SI_KERNEL: i32 = 0x80;
        loop {
            if let Some(heard) = self.0.read_signal()? {
                let signal = Signal::try_from(heard.ssi_signo.cast_signed())?;
                return Ok(event(signal, heard.ssi_code == SI_KERNEL));
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
struct Ear(SigSet);

#[cfg(not(target_os = "linux"))]
impl Ear {
    #[expect(clippy::unnecessary_wraps, reason = "on Linux it can fail")]
    fn new(set: SigSet) -> std::io::Result<Self> {
        Ok(Self(set))
    }

    fn next(&mut self) -> nix::Result<Event> {
        self.0.wait().map(|signal| event(signal, false))
    }
}

fn event(signal: Signal, from_terminal: bool) -> Event {
    match signal {
        Signal::SIGCHLD => Event::Child,
        signal => Event::Signal {
            signal,
            from_terminal,
        },
    }
}
