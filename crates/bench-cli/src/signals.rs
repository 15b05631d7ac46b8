//! SIGINT, SIGTERM and SIGHUP: the first asks to end in order, a second SIGINT or SIGTERM ends at
//! once.

use std::ffi::c_int;
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
const ONE_WISH: Duration = Duration::from_millis(50);

/// Calls `callback` at the first signal, on a thread of its own; at the second SIGINT or SIGTERM the
/// process leaves with code 130, whatever the callback is doing. Under `nohup` SIGHUP stays ignored.
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
    let mut first: Option<Instant> = None;
    loop {
        // What has arrived together is one wish as well.
        let arrived: Vec<c_int> = signals.wait().collect();
        if arrived.is_empty() {
            continue;
        }
        let now = Instant::now();
        match answer(first, now, &arrived) {
            Answer::Ask => {
                first = Some(now);
                request(ask);
            }
            Answer::AskWithoutHurry => request(ask),
            Answer::Leave => {
                // Without the hooks of an orderly exit: one of them could wait for a lock.
                low_level::exit(i32::from(crate::Exit::Interrupted.code()));
            }
            Answer::Nothing => {}
        }
    }
}

/// Only the first request is heard.
fn request(ask: &SyncSender<()>) {
    let _ = ask.try_send(());
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Ask,
    AskWithoutHurry,
    Nothing,
    Leave,
}

/// A terminal that goes may say so more than once, and its session is then often sent SIGTERM too:
/// nobody is in a hurry, and what was made must be removed.
fn answer(first: Option<Instant>, now: Instant, arrived: &[c_int]) -> Answer {
    if arrived.iter().all(|signal| *signal == SIGHUP) {
        return Answer::AskWithoutHurry;
    }
    match first {
        None => Answer::Ask,
        Some(first) if now.duration_since(first) < ONE_WISH => Answer::Nothing,
        Some(_) => Answer::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_of_the_first_signal_is_not_a_second_one() {
        let first = Instant::now();
        assert_eq!(answer(None, first, &[SIGINT]), Answer::Ask);
        for (later_ms, expected) in [
            (0, Answer::Nothing),
            (49, Answer::Nothing),
            (50, Answer::Leave),
            (60_000, Answer::Leave),
        ] {
            let now = first + Duration::from_millis(later_ms);
            assert_eq!(
                answer(Some(first), now, &[SIGTERM]),
                expected,
                "{later_ms} ms"
            );
        }
    }
}
