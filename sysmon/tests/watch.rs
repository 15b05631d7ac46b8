//! Tests of `sysmon watch` on a pseudo-terminal: it shows this machine, reacts to keys and signals,
//! and leaves the terminal as it was, however it ends.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use common::Home;
use nix::libc;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;
use test_support::{TIMEOUT, eventually};

/// Terminal of 80 × 24 characters with a program in its foreground; dropping this value kills the
/// program.
struct Desk {
    child: Child,
    keyboard: File,
    bytes: Receiver<Vec<u8>>,
    raw: Vec<u8>,
    seen: vt100::Parser,
    line: OwnedFd,
    before: Termios,
    _home: Home,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn winsize(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

impl Desk {
    /// Starts `sysmon watch` with `args` on a terminal of 80 × 24 characters.
    fn watch(args: &[&str]) -> Self {
        let home = Home::new();
        let mut command = home.command_of("watch", args);
        Self::with(home, &mut command)
    }

    fn with(home: Home, command: &mut Command) -> Self {
        let pty = openpty(Some(&winsize(80, 24)), None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        // SAFETY: between fork and exec only setsid(2) and ioctl(2) are called, which are async-signal-safe;
        // they allocate nothing and take no lock.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let before = tcgetattr(&pty.slave).unwrap();
        let child = command.spawn().unwrap();
        let keyboard = File::from(pty.master);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = screen.read(&mut buffer) {
                if length == 0 || sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard,
            bytes,
            raw: Vec::new(),
            seen: vt100::Parser::new(24, 80, 0),
            line: pty.slave,
            before,
            _home: home,
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        let size = winsize(columns, rows);
        // SAFETY: the descriptor is open, and the size outlives the call.
        let set = unsafe {
            libc::ioctl(
                self.keyboard.as_raw_fd(),
                libc::TIOCSWINSZ,
                std::ptr::from_ref(&size),
            )
        };
        assert_eq!(set, 0);
        self.seen.screen_mut().set_size(rows, columns);
    }

    /// Reads the output of the program until `wanted` returns true for the screen. Panics after a
    /// time-out with the name `what`.
    fn until(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let started = Instant::now();
        while !wanted(self.seen.screen()) {
            match self.bytes.recv_timeout(Duration::from_millis(100)) {
                Ok(bytes) => {
                    self.seen.process(&bytes);
                    self.raw.extend(bytes);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("the terminal is gone: {what}"),
            }
            let shown = self.seen.screen().contents();
            assert!(started.elapsed() < TIMEOUT, "{what}: not on\n{shown}");
        }
    }

    fn until_shown(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// Waits for the end of the program and reads the rest of its output. Returns the exit code;
    /// `None` if a signal ended it.
    fn end(&mut self) -> Option<i32> {
        eventually("it ends", || self.child.try_wait().unwrap().is_some());
        while let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(100)) {
            self.seen.process(&bytes);
            self.raw.extend(bytes);
        }
        self.child.wait().unwrap().code()
    }

    fn is_as_it_was(&self) {
        let screen = self.seen.screen();
        assert!(!screen.alternate_screen(), "the second screen is still on");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        let now = tcgetattr(&self.line).unwrap();
        assert_eq!(now.local_flags, self.before.local_flags);
        assert_eq!(now.input_flags, self.before.input_flags);
        assert_eq!(now.output_flags, self.before.output_flags);
        assert_eq!(now.control_flags, self.before.control_flags);
    }
}

#[test]
fn it_shows_this_machine_and_leaves_the_terminal_as_it_was() {
    let mut desk = Desk::watch(&["--interval", "200ms"]);
    desk.until_shown("own cost");
    desk.until("rates", |screen| {
        let all = screen.contents();
        let cpu = all.lines().find(|line| line.starts_with("CPU "));
        cpu.is_some_and(|cpu| cpu.contains('%'))
    });
    let screen = desk.seen.screen();
    assert!(screen.alternate_screen() && screen.hide_cursor());
    let all = screen.contents();
    for wanted in ["Memory", "Pressure", "Processes", "COMMAND", "q quit"] {
        assert!(all.contains(wanted), "{wanted} in\n{all}");
    }
    assert!(desk.raw.windows(5).any(|bytes| bytes == b"\x1b[38;"));
    desk.press("q");
    assert_eq!(desk.end(), Some(0));
    desk.is_as_it_was();
}

#[test]
fn keys_and_signals_that_end_it_leave_the_terminal_as_it_was() {
    for key in ["\u{3}", "\u{1b}"] {
        let mut desk = Desk::watch(&[]);
        desk.until_shown("own cost");
        desk.press(key);
        assert_eq!(desk.end(), Some(0), "{key:?}");
        desk.is_as_it_was();
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut desk = Desk::watch(&["--interval", "1h"]);
        desk.until_shown("own cost");
        desk.signal(signal);
        assert_eq!(desk.end(), Some(0), "{signal}");
        desk.is_as_it_was();
    }
}

#[test]
fn keys_sort_filter_pause_and_explain() {
    let mut desk = Desk::watch(&["--interval", "1h"]);
    desk.until_shown("by CPU");
    desk.press("m");
    desk.until_shown("by memory");
    desk.press("/sysmo");
    desk.until_shown("/sysmo▏");
    desk.press("\r");
    desk.until_shown("with \"sysmo\"");
    desk.press(" ");
    desk.until_shown("PAUSED");
    desk.press("?");
    desk.until_shown("filter by name");
    desk.press("q");
    assert_eq!(desk.end(), Some(0));
}

#[test]
fn another_size_is_taken_up() {
    let mut desk = Desk::watch(&["--interval", "1h"]);
    desk.until_shown("own cost");
    desk.resize(50, 12);
    desk.until_shown("50 × 12 here.");
    desk.resize(120, 40);
    desk.until_shown("own cost");
    desk.press("q");
    assert_eq!(desk.end(), Some(0));
}

#[test]
fn no_color_is_honoured() {
    let home = Home::new();
    let mut command = Command::new("env");
    command.args(["NO_COLOR=1", env!("CARGO_BIN_EXE_sysmon"), "watch"]);
    command.current_dir(home.path());
    let mut desk = Desk::with(home, &mut command);
    desk.until_shown("own cost");
    desk.press("q");
    assert_eq!(desk.end(), Some(0));
    for coloured in [&b"\x1b[38;"[..], b"\x1b[48;", b"\x1b[31m", b"\x1b[32m"] {
        let found = desk.raw.windows(coloured.len()).any(|w| w == coloured);
        assert!(!found, "{coloured:?}");
    }
}

/// Starts `sysmon watch` in a shell that prints `stopped` when it was suspended, and continues it
/// on Enter.
fn in_a_shell() -> Desk {
    let home = Home::new();
    let script = format!(
        "set -m; {} watch --interval 1h; echo stopped; read go; fg; echo over $?",
        env!("CARGO_BIN_EXE_sysmon")
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(home.path());
    let mut desk = Desk::with(home, &mut command);
    desk.until_shown("own cost");
    desk
}

#[test]
fn suspended_it_gives_the_terminal_back_until_it_goes_on() {
    let mut desk = in_a_shell();
    desk.press("\u{1a}");
    desk.until_shown("stopped");
    desk.is_as_it_was();
    desk.press("\n");
    desk.until_shown("own cost");
    assert!(desk.seen.screen().alternate_screen());
    desk.press("q");
    desk.until_shown("over 0");
    desk.is_as_it_was();
}

#[test]
fn stopped_from_outside_it_takes_the_terminal_again_when_it_goes_on() {
    let mut desk = Desk::watch(&["--interval", "1h"]);
    desk.until_shown("own cost");
    desk.signal(Signal::SIGSTOP);
    let stat = format!("/proc/{}/stat", desk.child.id());
    eventually("it stops", || {
        std::fs::read_to_string(&stat).unwrap().contains(") T ")
    });
    // Output of the shell in the meantime.
    desk.seen.process(b"\x1b[?1049l\x1b[?25h\x1b[2Jshell");
    desk.signal(Signal::SIGCONT);
    desk.until("its screen again", |screen| {
        screen.alternate_screen() && screen.contents().contains("Pressure")
    });
    desk.press("q");
    assert_eq!(desk.end(), Some(0));
    desk.is_as_it_was();
}

#[test]
fn where_there_is_no_terminal_it_says_what_to_do() {
    let out = Home::new().command_of("watch", &[]).output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("stdout is no terminal"), "{stderr}");
    assert!(stderr.contains("Try: sysmon record"), "{stderr}");
    assert!(out.stdout.is_empty());

    let mut desk = Desk::watch(&["--interval", "100ms"]);
    assert_eq!(desk.end(), Some(2));
    let said = desk.seen.screen().contents();
    assert!(said.contains("less than 200ms"), "{said}");
    desk.is_as_it_was();
}

#[test]
fn no_secret_of_a_command_line_is_on_the_screen() {
    const SECRET: &str = "hunter2Zq7";
    let mut client = Command::new("sh");
    client
        .arg0("mysql")
        .args(["-c", "sleep 60; true", "x", "-uroot"]);
    client.arg(format!("-p{SECRET}")).process_group(0);
    let mut client = client.stdin(Stdio::null()).spawn().unwrap();
    let mut desk = Desk::watch(&["--interval", "200ms"]);
    desk.resize(200, 40);
    desk.until_shown("own cost");
    desk.press(&format!("/{}\r", client.id()));
    desk.until_shown("-uroot -p***");
    desk.press("q");
    assert_eq!(desk.end(), Some(0));
    let group = Pid::from_raw(client.id().cast_signed());
    nix::sys::signal::killpg(group, Signal::SIGKILL).unwrap();
    client.wait().unwrap();
    assert!(!String::from_utf8_lossy(&desk.raw).contains(SECRET));
}
