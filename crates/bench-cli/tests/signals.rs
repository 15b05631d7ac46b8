//! The first signal asks, the second ends at once, and one wish that arrives twice is one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The waiting binary, killed when a test gives up.
struct Waiting {
    child: Child,
    lines: BufReader<ChildStderr>,
}

impl Waiting {
    fn begin(words: &[&str]) -> Self {
        Self::of(harness::a_bench().args(words))
    }

    /// As `nohup` starts it, which leaves standard error alone where it is no terminal.
    fn begin_ignoring_hangups(words: &[&str]) -> Self {
        let bench = harness::a_bench();
        Self::of(Command::new("nohup").arg(bench.get_program()).args(words))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        let mut waiting = Self { child, lines };
        waiting.expect("ready");
        waiting
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    fn expect(&mut self, expected: &str) {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expected);
    }

    fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // It has mostly ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_signal_of_each_kind_asks_to_end_in_order() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut waiting = Waiting::begin(&["wait"]);
        waiting.signal(signal);
        waiting.expect("asked");
        waiting.expect("ended in order");
        assert_eq!(waiting.code(), Some(130));
    }
}

#[test]
fn the_second_signal_ends_at_once_even_while_the_first_is_being_answered() {
    for second in [Signal::SIGINT, Signal::SIGTERM] {
        let mut waiting = Waiting::begin(&["wait", "--stuck"]);
        waiting.signal(Signal::SIGINT);
        waiting.expect("asked");
        thread::sleep(Duration::from_millis(100));
        let signalled = Instant::now();
        waiting.signal(second);
        assert_eq!(waiting.code(), Some(130));
        // Stuck, it would take a minute.
        assert!(signalled.elapsed() < Duration::from_secs(30));
        waiting.expect("");
    }
}

#[test]
fn a_terminal_that_is_closed_hangs_up_twice_and_ends_nothing_at_once() {
    let mut waiting = Waiting::begin(&["wait", "--stuck"]);
    waiting.signal(Signal::SIGHUP);
    waiting.expect("asked");
    thread::sleep(Duration::from_millis(100));
    waiting.signal(Signal::SIGHUP);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(waiting.child.try_wait().unwrap(), None);
    waiting.signal(Signal::SIGTERM);
    assert_eq!(waiting.code(), Some(130));
}

#[test]
fn a_hangup_that_nohup_has_ignored_asks_for_nothing() {
    let mut waiting = Waiting::begin_ignoring_hangups(&["wait"]);
    waiting.signal(Signal::SIGHUP);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(waiting.child.try_wait().unwrap(), None);
    waiting.signal(Signal::SIGTERM);
    waiting.expect("asked");
    waiting.expect("ended in order");
    assert_eq!(waiting.code(), Some(130));
}

#[test]
fn a_wish_that_arrives_twice_is_one() {
    // As `timeout` does: its child, then the child's group. Stopped meanwhile, so that they
    // arrive together however slow this test is.
    let mut waiting = Waiting::begin(&["wait"]);
    waiting.signal(Signal::SIGSTOP);
    waiting.signal(Signal::SIGINT);
    waiting.signal(Signal::SIGTERM);
    waiting.signal(Signal::SIGCONT);
    waiting.expect("asked");
    waiting.expect("ended in order");
    assert_eq!(waiting.code(), Some(130));
}
