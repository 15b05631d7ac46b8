//! Tests of a program's response to signals: the first requests an orderly end, the second ends
//! the program at once, and a repetition is ignored.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Example program that waits for a signal. It is killed when this value is dropped.
struct Waiting {
    child: Child,
    lines: BufReader<ChildStderr>,
}

impl Waiting {
    fn begin(words: &[&str]) -> Self {
        Self::started(harness::a_bench().args(words))
    }

    fn started(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
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
        // The program has usually ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_signal_of_any_kind_asks_to_end_in_order() {
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
        let mut waiting = Waiting::begin(&["wait", "--takes", "1m"]);
        waiting.signal(Signal::SIGINT);
        waiting.expect("asked");
        thread::sleep(Duration::from_millis(100));
        let signalled = Instant::now();
        waiting.signal(second);
        assert_eq!(waiting.code(), Some(130));
        // A program that waited for the callback would take a minute.
        assert!(signalled.elapsed() < Duration::from_secs(30));
        waiting.expect("");
    }
}

#[test]
fn a_wish_that_arrives_twice_is_one() {
    // `timeout` sends a signal to its child and to the child's group. The program is stopped
    // meanwhile, so that both arrive together, however slow this test is.
    let mut waiting = Waiting::begin(&["wait"]);
    waiting.signal(Signal::SIGSTOP);
    waiting.signal(Signal::SIGINT);
    waiting.signal(Signal::SIGTERM);
    waiting.signal(Signal::SIGCONT);
    waiting.expect("asked");
    waiting.expect("ended in order");
    assert_eq!(waiting.code(), Some(130));
}

#[test]
fn a_terminal_that_goes_more_than_once_and_a_session_that_is_ended_after_it_are_no_hurry() {
    let mut waiting = Waiting::begin(&["wait", "--takes", "1s"]);
    for signal in [Signal::SIGHUP, Signal::SIGHUP, Signal::SIGTERM] {
        waiting.signal(signal);
        thread::sleep(Duration::from_millis(100));
    }
    waiting.expect("asked");
    waiting.expect("ended in order");
    assert_eq!(waiting.code(), Some(130));
}

#[test]
fn under_nohup_a_terminal_that_goes_changes_nothing() {
    let mut nohup = Command::new("nohup");
    nohup.arg(harness::a_bench().get_program()).arg("wait");
    let mut waiting = Waiting::started(&mut nohup);
    waiting.signal(Signal::SIGHUP);
    thread::sleep(Duration::from_millis(100));
    waiting.signal(Signal::SIGTERM);
    waiting.expect("asked");
    waiting.expect("ended in order");
    assert_eq!(waiting.code(), Some(130));
}
