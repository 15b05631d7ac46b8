//! SIGINT, SIGTERM and SIGHUP: the first asks to end in order, a second SIGINT or SIGTERM ends at
//! once, unless it only repeats the first.

use std::io;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

/// One wish may arrive twice: `timeout` signals its child and then the child's whole group. No
/// hand is quicker than this.
const ONE_REQUEST: Duration = Duration::from_millis(50);

/// Calls `callback` at the first signal, on a thread of its own; at a second SIGINT or SIGTERM that is
/// more than a repetition ([`EndRequests`]) the process leaves with code 130, whatever the callback is
/// doing. Under `nohup` SIGHUP stays ignored.
///
/// # Errors
/// When the system refuses the handlers or the threads.
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

/// Returns true if the process ignores `signal`, as SIGHUP under `nohup`.
pub fn is_ignored(signal: Signal) -> bool {
    let mut action = std::mem::MaybeUninit::<nix::libc::sigaction>::uninit();
    // SAFETY: without a new action nothing is changed, and the one there is is written to our own
    // memory.
    let asked =
        unsafe { nix::libc::sigaction(signal as i32, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: the call that has just succeeded has written it.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == nix::libc::SIG_IGN
}

fn follow(mut signals: Signals, ask: &SyncSender<()>) {
    let mut requests = EndRequests::default();
    loop {
        // What has arrived together is one wish as well.
        for signal in signals.wait() {
            match requests.respond(signal, Instant::now()) {
                // Only the first request is heard.
                SignalResponse::Ask => drop(ask.try_send(())),
                SignalResponse::Nothing => {}
                // Without the hooks of an orderly exit: one of them could wait for a lock.
                SignalResponse::Leave => {
                    low_level::exit(i32::from(crate::Exit::Interrupted.code()))
                }
            }
        }
    }
}

/// Requests to end that have arrived as signals so far.
#[derive(Debug, Default)]
pub struct EndRequests {
    first: Option<(i32, Instant)>,
}

/// Response to a signal that asks to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalResponse {
    /// End in order: begin, or go on with it.
    Ask,
    /// Go on ending: the signal repeats the first one.
    Nothing,
    /// Leave at once.
    Leave,
}

impl EndRequests {
    /// Answers `signal`, which arrived at `now`. SIGTERM after SIGTERM is never more than a
    /// repetition, because programs send it and not hands: the kernel once for each thread of a
    /// parent that dies (`PR_SET_PDEATHSIG`), `timeout` to its child and to its child's group.
    /// A program that insists sends SIGKILL. Nor does SIGHUP hurry: a terminal that is closed may
    /// say so more than once, and its session is then often sent SIGTERM too.
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

    /// Answers to `second`, so many milliseconds after `first`.
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
