//! Response to SIGINT, SIGTERM and SIGHUP. The first signal requests an orderly end. A second
//! SIGINT or SIGTERM ends the process at once, unless it only repeats the first.

use std::io;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

/// Time after the first signal within which another one counts as its repetition. `timeout`
/// signals its child and then the child's whole group, so one request may arrive twice; a user
/// cannot press keys that fast.
const ONE_REQUEST: Duration = Duration::from_millis(50);

/// Installs handlers of SIGINT, SIGTERM and SIGHUP and calls `callback` once, on a separate
/// thread, at the first of these signals. At a later SIGINT or SIGTERM that is no repetition (see
/// [`EndRequests`]), the process exits with code 130 at once, even if the callback is still
/// running. A SIGHUP that was ignored, as under `nohup`, stays ignored.
///
/// # Errors
/// Fails if the operating system refuses the handlers or the threads.
pub fn on_interrupt(mut callback: impl FnMut() + Send + 'static) -> io::Result<()> {
    let hang_up = (!is_ignored(Signal::SIGHUP)).then_some(SIGHUP);
    let signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up))?;
    let (ask, asked) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            if asked.recv().is_ok() {
                callback();
            }
        })?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || follow(signals, &ask))?;
    Ok(())
}

/// Returns true if this process ignores `signal`, as it does SIGHUP under `nohup`; false if that
/// cannot be read.
pub fn is_ignored(signal: Signal) -> bool {
    let mut action = std::mem::MaybeUninit::<nix::libc::sigaction>::uninit();
    // SAFETY: without a new action the call changes nothing, and it writes the current one to our
    // own memory.
    let asked =
        unsafe { nix::libc::sigaction(signal as i32, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: the call succeeded, so it has written the value.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == nix::libc::SIG_IGN
}

fn follow(mut signals: Signals, ask: &SyncSender<()>) {
    let mut requests = EndRequests::default();
    loop {
        // Signals that arrived together are treated as one request as well.
        for signal in signals.wait() {
            match requests.respond(signal, Instant::now()) {
                // Only the first request is delivered.
                SignalResponse::Ask => drop(ask.try_send(())),
                SignalResponse::Nothing => {}
                // Exits without the hooks of an orderly exit, any of which might wait for a lock.
                SignalResponse::Leave => {
                    low_level::exit(i32::from(crate::Exit::Interrupted.code()))
                }
            }
        }
    }
}

/// Record of the first signal that requested the end of the process, from which the response to
/// later ones follows.
#[derive(Debug, Default)]
pub struct EndRequests {
    first: Option<(i32, Instant)>,
}

/// Response to a signal that requests the end of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalResponse {
    /// Begin the orderly end of the process, or go on with it.
    Ask,
    /// Do nothing: the signal repeats the first one.
    Nothing,
    /// Exit at once.
    Leave,
}

impl EndRequests {
    /// Returns the response to `signal`, which arrived at `now`.
    ///
    /// SIGTERM after SIGTERM is always a repetition, because programs send it and not people: the
    /// kernel sends one for each thread of a dying parent (`PR_SET_PDEATHSIG`), `timeout` one to
    /// its child and one to the group. A program that insists sends SIGKILL. SIGHUP never ends the
    /// process at once either: a closed terminal may send it more than once, often followed by
    /// SIGTERM for the session.
    pub fn respond(&mut self, signal: i32, now: Instant) -> SignalResponse {
        if signal == SIGHUP {
            return SignalResponse::Ask;
        }
        let Some((first, at)) = self.first else {
            self.first = Some((signal, now));
            return SignalResponse::Ask;
        };
        let repeated = first == SIGTERM && signal == SIGTERM;
        if repeated || now.duration_since(at) < ONE_REQUEST {
            SignalResponse::Nothing
        } else {
            SignalResponse::Leave
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the responses to the signal `second`, sent 0, 49, 50 and 60,000 ms after `first`.
    fn answers(first: i32, second: i32) -> [SignalResponse; 4] {
        [0, 49, 50, 60_000].map(|later_ms| {
            let now = Instant::now();
            let mut requests = EndRequests::default();
            assert_eq!(requests.respond(first, now), SignalResponse::Ask);
            requests.respond(second, now + Duration::from_millis(later_ms))
        })
    }

    #[test]
    fn an_echo_of_the_first_signal_is_not_a_second_one() {
        use SignalResponse::{Leave, Nothing};
        for (first, second) in [(SIGINT, SIGINT), (SIGINT, SIGTERM), (SIGTERM, SIGINT)] {
            assert_eq!(answers(first, second), [Nothing, Nothing, Leave, Leave]);
        }
    }

    #[test]
    fn a_closed_terminal_never_hurries() {
        let (mut requests, now) = (EndRequests::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        assert_eq!(requests.respond(SIGHUP, now), SignalResponse::Ask);
        assert_eq!(requests.respond(SIGHUP, later), SignalResponse::Ask);
        assert_eq!(requests.respond(SIGTERM, later), SignalResponse::Ask);
    }

    #[test]
    fn sigterm_is_repeated_by_programs_and_never_insists() {
        assert_eq!(answers(SIGTERM, SIGTERM), [SignalResponse::Nothing; 4]);
    }
}
