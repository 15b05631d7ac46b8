//! Tests with secrets on the command lines of processes: no secret may be in a recording, its raw
//! samples, the exporter's page, the live view, or any output.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use common::Home;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use test_support::{RunningProgram, eventually};

const SECRET: &str = "hunter2Zq7";

/// Process in a group of its own; dropping this value kills it, even if the test fails.
struct Planted(Child);

impl Drop for Planted {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// Command lines of kinds that were once recorded without masking; `X` stands for the secret.
const LINES: &[&[&str]] = &[
    &["redis-server", "--requirepass", "X"],
    &["redis-server", "--masterauth", "X"],
    &["shop-api", "--db-pass", "X"],
    &["sh", "-c", "redis-cli -a X ping"],
    &["mysql", "-uroot", "-pX"],
    &["curl", "-u", "admin:X"],
    &["sshpass", "-p", "X", "ssh", "web-1"],
    &["ipmitool", "-U", "ADMIN", "-P", "X"],
    &["ldapsearch", "-x", "-w", "X"],
    &["mongod", "-p", "X"],
    &["shop", "app:X@tcp(db:3306)/shop"],
    &["git", "clone", "https://X@example.com/a.git"],
    &["azcopy", "https://a.example/c?sv=1&sig=X"],
    &["vault", "login", "X"],
    &["docker", "run", "-e", "PASSWORD=X", "img"],
    &["java", "-Dapp.password=X"],
];

impl Planted {
    /// Starts a process that sleeps and has `line`, with the secret in place of `X`, on its command
    /// line; waits until it runs.
    fn begin(home: &Home, line: &[&str]) -> Self {
        let mark = "touch acts; sleep 60; true";
        let words = line.iter().map(|word| word.replace('X', SECRET));
        let mut words = words.collect::<Vec<_>>();
        let program = words.remove(0);
        let mut shell = Command::new("sh");
        shell.arg0(program).args(["-c", mark, "x"]).args(words);
        shell.current_dir(home.path()).process_group(0);
        let planted = Self(
            shell
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        );
        eventually("it acts", || home.path().join("acts").exists());
        std::fs::remove_file(home.path().join("acts")).unwrap();
        planted
    }
}

/// Returns the content of all files directly in the directory, as one text.
fn everything(home: &Home) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        text += &String::from_utf8_lossy(&bytes);
    }
    text
}

#[test]
fn no_recording_keeps_a_secret_of_the_processes_that_it_sees() {
    let home = Home::new();
    let planted: Vec<Planted> = LINES
        .iter()
        .map(|line| Planted::begin(&home, line))
        .collect();
    let out = home.run(&["--interval=100ms", "--duration=500ms", "--processes=all"]);
    let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{stderr}");
    let report = home.report();
    for (planted, line) in planted.iter().zip(LINES) {
        let pid = planted.0.id().to_string();
        let seen = report
            .series
            .iter()
            .find(|s| s.labels.get("pid") == Some(&pid));
        let command = &seen.unwrap().labels["command"];
        assert!(
            command.contains("***") && !command.contains(SECRET),
            "{line:?}: {command}"
        );
    }
    let shown = home.show(&["sysmon.record.json"]);
    let printed = String::from_utf8_lossy(&out.stdout).into_owned() + &stderr + &shown;
    assert!(!printed.contains(SECRET), "{printed}");
    assert!(!everything(&home).contains(SECRET));
}

#[test]
fn the_command_that_is_recorded_keeps_no_secret() {
    for (args, kept) in [
        (vec!["sh", "-c", "true redis-cli -a X ping"], "ping"),
        (vec!["env", "MYSQL_PWD=X", "true"], "MYSQL_PWD="),
        (vec!["sh", "-c", "true", "mysql", "-pX"], "mysql"),
        (
            vec!["true", "--db-pass", "X", "https://X@example.com"],
            "--db-pass",
        ),
    ] {
        let home = Home::new();
        let args: Vec<String> = args.iter().map(|word| word.replace('X', SECRET)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let follow = format!("command:redis-cli -a {SECRET}");
        let out = home.run(&[&["--follow", &follow, "--"], &args[..]].concat());
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let text = everything(&home)
            + &String::from_utf8_lossy(&out.stderr)
            + &String::from_utf8_lossy(&out.stdout);
        assert!(text.contains("***") && text.contains(kept));
        assert!(!text.contains(SECRET), "{args:?}: {text}");
    }
}

#[test]
fn no_secret_is_on_the_exporters_page() {
    let home = Home::new();
    let _planted = Planted::begin(&home, &["mysql", "-uroot", "-pX"]);
    let follow = format!("command:mysql .*-p{SECRET}");
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--follow",
        &follow,
        "--processes",
        "all",
    ];
    let mut exporter = RunningProgram::start(&mut home.command_of("export", &args));
    let line = exporter.wait_for("serving ");
    let address = line
        .split("http://")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    exporter.signal(Signal::SIGINT);
    let said = exporter.end().said;
    assert!(page.contains("command:mysql .*-p***"), "{page}");
    assert!(!page.contains(SECRET) && !said.contains(SECRET), "{said}");
}
