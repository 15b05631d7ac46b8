//! Helpers that the tests of throwaway servers share: examining processes, and waiting for events.
#![allow(dead_code)] // Each test file uses its part.

pub(crate) mod redis;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Time-out of waits, 20 s, far above the duration of any event; only a failing test reaches it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);
/// Time without an answer, 300 ms, after which a server counts as paused: hundreds of times its
/// usual response time.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

/// Returns true if the process with this pid exists and is not a zombie.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Returns the session id of a process, as text. Panics if the process does not exist.
pub(crate) fn session(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .nth(3)
        .unwrap()
        .to_owned()
}

pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < TIMEOUT,
            "{what}: not within {TIMEOUT:?}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// Asserts that none of the processes lives and that the directory does not exist. Does not wait.
pub(crate) fn assert_nothing_is_left(processes: &[u32], directory: &Path) {
    assert!(!processes.is_empty());
    for &pid in processes {
        assert!(!lives(pid), "process {pid} is still there");
    }
    assert!(
        !directory.exists(),
        "{} is still there",
        directory.display()
    );
}

/// Pauses a server, sends it a request with `ask` on another thread, and asserts that the answer
/// comes only after `resume`. Returns the answer.
pub(crate) fn assert_pause_holds_the_answer_back<Answer: Send + 'static>(
    pause: impl FnOnce(),
    ask: impl FnOnce() -> Answer + Send + 'static,
    resume: impl FnOnce(),
) -> Answer {
    pause();
    let (sender, answer) = channel();
    thread::spawn(move || sender.send(ask()));
    let early = answer.recv_timeout(SILENCE).map(drop);
    assert_eq!(
        early,
        Err(RecvTimeoutError::Timeout),
        "a paused server has answered"
    );
    resume();
    answer
        .recv_timeout(TIMEOUT)
        .expect("an answer after the pause")
}

pub(crate) fn connect(address: impl Into<SocketAddr>) -> TcpStream {
    let stream = TcpStream::connect(address.into()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Returns the path of an example program of this crate, which cargo builds along with the tests.
/// Panics if it is missing.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build -p testbed --examples",
        path.display()
    );
    path
}

/// Lists the shared memory of a process that the kernel would keep after its end: paths of files in
/// `/dev/shm`, and ids of System V segments. Empty if the process does not exist.
pub(crate) fn shared_memory(pid: u32) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let fields = maps
        .lines()
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    fields
        .filter_map(|fields| match fields.get(5)? {
            path if path.starts_with("/dev/shm/PostgreSQL.") => Some((*path).to_owned()),
            path if path.starts_with("/SYSV") => Some(fields[4].to_owned()),
            _ => None,
        })
        .collect()
}

pub(crate) fn is_kept(memory: &str) -> bool {
    if memory.starts_with('/') {
        return Path::new(memory).exists();
    }
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    segments
        .lines()
        .any(|line| line.split_ascii_whitespace().nth(1) == Some(memory))
}
