//! Test of a panic while `sysmon watch` uses the screen. The test program runs itself on a terminal
//! of its own.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};

use nix::pty::{Winsize, openpty};
use nix::sys::termios::tcgetattr;

use crate::watch::screen::Screen;

/// Environment variable that is set for the instance of the test program that runs on the terminal.
const ON_TERMINAL: &str = "SYSMON_TEST_ON_TERMINAL";
const TEST: &str = "watch::tests::panicking::a_panic_is_said_on_the_terminal_as_it_was";

/// Takes over the terminal as `sysmon watch` does, draws, and panics.
fn draw_and_panic() -> ! {
    let mut screen = Screen::enter().unwrap();
    screen
        .draw(|frame| frame.render_widget("drawn", frame.area()))
        .unwrap();
    panic!("planned");
}

#[test]
fn a_panic_is_said_on_the_terminal_as_it_was() {
    if std::env::var_os(ON_TERMINAL).is_some() {
        draw_and_panic();
    }
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pty = openpty(Some(&size), None).unwrap();
    let before = tcgetattr(&pty.slave).unwrap();
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    // The program runs in a session of its own, with this end of the pseudo-terminal as its terminal.
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait"]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", TEST, "--nocapture"]);
    command.env(ON_TERMINAL, "1").env("TERM", "xterm-256color");
    command.stdin(end()).stdout(end()).stderr(end());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut screen = File::from(pty.master);
    let written = std::thread::spawn(move || {
        let (mut all, mut part) = (Vec::new(), [0; 4096]);
        // Reading fails once no program has the other end open.
        while let Ok(length) = screen.read(&mut part) {
            all.extend(&part[..length]);
        }
        all
    });
    assert_eq!(child.wait().unwrap().code(), Some(101));
    let after = tcgetattr(&pty.slave).unwrap();
    drop(pty.slave);
    let raw = written.join().unwrap();
    let at = |what: &str| {
        let mut places = raw.windows(what.len());
        let place = places.position(|bytes| bytes == what.as_bytes());
        place.unwrap_or_else(|| panic!("no {what:?} in {}", String::from_utf8_lossy(&raw)))
    };
    let (taken, back) = (at("\x1b[?1049h"), at("\x1b[?1049l"));
    assert!(taken < at("drawn") && at("drawn") < back && back < at("planned"));
    let mut shown = vt100::Parser::new(24, 80, 0);
    shown.process(&raw);
    assert!(!shown.screen().alternate_screen() && !shown.screen().hide_cursor());
    assert_eq!(after.local_flags, before.local_flags);
    assert_eq!(after.input_flags, before.input_flags);
    assert_eq!(after.output_flags, before.output_flags);
    assert_eq!(after.control_flags, before.control_flags);
}
