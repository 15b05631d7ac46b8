//! Tests of a server that refuses every command with the same error: the program tells the error
//! once, with its code, how often it occurred, and one remedy.
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::common::{bench, report};
use bench_report::Status;
use test_support::TestDirectory;

/// Largest length of the text on stderr about a refusal, in bytes.
const LONGEST_STDERR: usize = 1_024;

/// Code of a refusal, the whole answer as Redis 7 writes it, and a part of the remedy.
const REFUSALS: [(&str, &str, &str); 7] = [
    ("MOVED", "MOVED 3999 127.0.0.1:6381", "no part of a cluster"),
    (
        "READONLY",
        "READONLY You can't write against a read only replica.",
        "the URL of the primary",
    ),
    (
        "NOPERM",
        "NOPERM User app has no permissions to run the 'set' command",
        "a user who may SET",
    ),
    (
        "OOM",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "fewer --keys",
    ),
    (
        "BUSY",
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        "SCRIPT KILL ends",
    ),
    (
        "LOADING",
        "LOADING Redis is loading the dataset in memory",
        "has read its data",
    ),
    (
        "MISCONF",
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
        "its log says why",
    ),
];

/// Server that answers `INFO`, connects clients, and refuses commands with an error.
#[derive(Clone, Copy)]
struct RefusingServer {
    /// Fields of the answer to `INFO`.
    info: &'static str,
    /// Answer to all commands that it does not execute, without the leading `-`.
    refusal: &'static str,
    /// True if `SET` is answered with `OK`, so that the load begins.
    takes_writes: bool,
}

impl RefusingServer {
    /// Starts the server, which ends with the test's process. Returns its URL.
    fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || self.serve(client));
            }
        });
        format!("redis://{address}/")
    }

    /// Answers the commands of one client until it leaves.
    fn serve(self, mut client: TcpStream) {
        let mut commands = BufReader::new(client.try_clone().unwrap());
        while let Some(words) = read_command(&mut commands) {
            if client.write_all(self.answer(&words).as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(self, words: &[String]) -> String {
        match words[0].to_ascii_uppercase().as_str() {
            "INFO" => format!("${}\r\n{}\r\n", self.info.len(), self.info),
            "CLIENT" => "+OK\r\n".to_owned(),
            // The end of a scan that found no key.
            "SCAN" => "*2\r\n$1\r\n0\r\n*0\r\n".to_owned(),
            "SET" if self.takes_writes => "+OK\r\n".to_owned(),
            _ => format!("-{}\r\n", self.refusal),
        }
    }
}

/// Reads a command in the form of an array of strings; `None` at the end of the connection.
fn read_command(commands: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let count = read_number(commands, '*')?;
    (0..count).map(|_| read_word(commands)).collect()
}

fn read_word(commands: &mut BufReader<TcpStream>) -> Option<String> {
    let mut word = vec![0; read_number(commands, '$')? + 2];
    commands.read_exact(&mut word).ok()?;
    word.truncate(word.len() - 2);
    Some(String::from_utf8_lossy(&word).into_owned())
}

/// Reads a line that consists of `sign` and a number; `None` at the end of the connection.
fn read_number(commands: &mut BufReader<TcpStream>, sign: char) -> Option<usize> {
    let mut line = String::new();
    commands.read_line(&mut line).ok()?;
    line.trim_end().strip_prefix(sign)?.parse().ok()
}

const PRIMARY: &str = "redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\n";

/// Runs `redis-bench` with `args` in `place`, asserts exit code 1, and returns stdout and stderr.
fn failing(place: &TestDirectory, args: &[&str]) -> (String, String) {
    let command = bench(place, args);
    let output = assert_cmd::Command::from_std(command).assert().code(1);
    let output = output.get_output();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(stderr.len() < LONGEST_STDERR, "{stderr}");
    assert!(!stderr.contains("***"), "nothing is masked: {stderr}");
    (stdout, stderr)
}

/// The 100 keys are written in one batch.
#[test]
fn a_refused_fill_is_told_once_with_its_count_and_a_remedy() {
    for (code, refusal, remedy) in REFUSALS {
        let url = RefusingServer {
            info: PRIMARY,
            refusal,
            takes_writes: false,
        }
        .start();
        let place = TestDirectory::new();
        let args = ["cache", "--keys", "100", "--run-dir", "run", "--url", &url];
        let (stdout, stderr) = failing(&place, &args);
        assert!(stdout.is_empty(), "{stdout}");
        assert_eq!(stderr.matches(refusal).count(), 1, "{code}: {stderr}");
        assert!(stderr.contains("100 of 100 commands"), "{code}: {stderr}");
        assert_eq!(stderr.matches("Try: ").count(), 1, "{code}: {stderr}");
        assert!(stderr.contains(remedy), "{code}: {stderr}");
        assert_eq!(report(&place, "cache").status, Status::Failed);
    }
}

/// The fill is taken, and then each read is refused.
#[test]
fn refused_requests_are_told_once_with_their_count_and_a_remedy() {
    for (code, refusal, remedy) in REFUSALS {
        let url = RefusingServer {
            info: PRIMARY,
            refusal,
            takes_writes: true,
        }
        .start();
        let place = TestDirectory::new();
        // The given rule replaces the one that would stop the step at 10 % errors.
        let args = "cache --keys 10 --users 2 --client multiplexed --repeats 1 --warmup 0s \
                    --duration 300ms --stop-on p99>60s --run-dir run --url";
        let args: Vec<&str> = args.split_whitespace().chain([&*url]).collect();
        let (stdout, stderr) = failing(&place, &args);
        let report = report(&place, "cache");
        let failed = report.steps[0].operations["get"].errors[&format!("response.{code}")];
        assert!(failed > 0);
        assert!(
            stderr.contains(&format!("{failed} failed with response.{code}: {refusal}")),
            "{code}: {stderr}"
        );
        assert_eq!(stderr.matches(refusal).count(), 1, "{code}: {stderr}");
        let told = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(told.matches("Try: ").count(), 1, "{code}: {stdout}");
        assert!(told.contains(remedy), "{code}: {stdout}");
    }
}

#[test]
fn a_sentinel_is_recognized_before_anything_is_written() {
    let url = RefusingServer {
        info: "redis_version:7.0.15\r\nredis_mode:sentinel\r\n",
        refusal: "ERR unknown command 'SET', with args beginning with: 'plimsoll:x'",
        takes_writes: false,
    }
    .start();
    let place = TestDirectory::new();
    let args = ["cache", "--run-dir", "run", "--url", &url];
    let (_, stderr) = failing(&place, &args);
    assert!(
        stderr.contains("is a Sentinel") && stderr.contains("with ?sentinel=NAME"),
        "{stderr}"
    );
    assert!(!stderr.contains("unknown command"), "{stderr}");
}
