//! SIGINT, SIGTERM and SIGHUP: the first asks to end in order, a second SIGINT or SIGTERM ends at
//! once.

use std::fs;
use std::io;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

/// One wish may arrive twice: `timeout` signals its child and then the child's whole group. No
/// hand is quicker than this.
const ONE_WISH: Duration = Duration::from_millis(50);

/// Calls `callback` at the first signal, on a thread of its own; at the second the process leaves
/// with code 130, whatever the callback is doing. A terminal that is closed sends SIGHUP, from the
/// kernel and once more from its shell: it asks as well, unless `nohup` has it ignored, and never
/// ends at once.
///
/// # Errors
/// When the system refuses the handlers or the threads.
pub fn on_interrupt(mut callback: impl FnMut() + Send + 'static) -> io::Result<()> {
    let hangup = (!is_hangup_ignored()).then_some(SIGHUP);
    let signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup))?;
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

/// Returns true if whoever started the process has SIGHUP ignored, or if that is not known.
fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| {
        let digits = line.strip_prefix("SigIgn:")?;
        u64::from_str_radix(digits.trim(), 16).ok()
    });
    mask.is_none_or(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}

fn follow(mut signals: Signals, ask: &SyncSender<()>) {
    let mut first: Option<Instant> = None;
    loop {
        // What has arrived together is one wish as well.
        let arrived: Vec<i32> = signals.wait().collect();
        if arrived.is_empty() {
            continue;
        }
        let insists = arrived.iter().any(|signal| *signal != SIGHUP);
        match answer(first, Instant::now(), insists) {
            Answer::Ask => {
                first = Some(Instant::now());
                // The callback's thread lives until it is asked.
                let _ = ask.send(());
            }
            Answer::Leave => {
                // Without the hooks of an orderly exit: one of them could wait for a lock.
                low_level::exit(i32::from(crate::Exit::Interrupted.code()));
            }
            Answer::Nothing => {}
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Ask,
    Nothing,
    Leave,
}

/// Decides on a signal; one that `insists` is no hangup.
fn answer(first: Option<Instant>, now: Instant, insists: bool) -> Answer {
    match first {
        None => Answer::Ask,
        Some(first) if !insists || now.duration_since(first) < ONE_WISH => Answer::Nothing,
        Some(_) => Answer::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_of_the_first_signal_is_not_a_second_one() {
        let first = Instant::now();
        assert_eq!(answer(None, first, true), Answer::Ask);
        assert_eq!(answer(None, first, false), Answer::Ask);
        for (later_ms, expected) in [
            (0, Answer::Nothing),
            (49, Answer::Nothing),
            (50, Answer::Leave),
            (60_000, Answer::Leave),
        ] {
            let now = first + Duration::from_millis(later_ms);
            assert_eq!(answer(Some(first), now, true), expected, "{later_ms} ms");
            assert_eq!(answer(Some(first), now, false), Answer::Nothing);
        }
    }
}
