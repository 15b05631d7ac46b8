//! Load in a process of its own, which runs the program `examples/known_load`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use test_support::TIMEOUT;

/// Process that acts as a load when the test tells it to; dropping this value ends it.
pub struct Load {
    child: Child,
    said: Receiver<String>,
}

impl Load {
    /// Starts `known_load` with these arguments, and waits until it is ready to act.
    pub fn prepare(words: &[&str]) -> Self {
        let mut child = Command::new(example("known_load"))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, said) = channel();
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        let load = Self { child, said };
        assert_eq!(load.said.recv_timeout(TIMEOUT).unwrap(), "ready");
        load
    }

    /// Starts `known_load` with these arguments, and makes it act at once.
    pub fn start(words: &[&str]) -> Self {
        let mut load = Self::prepare(words);
        load.go();
        load
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes the prepared load act.
    pub fn go(&mut self) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(b"go\n").unwrap();
    }

    /// Returns the numbers that the load counted, once, after it has acted; `None` before. Panics
    /// if the load has failed.
    pub fn done(&self) -> Option<Vec<f64>> {
        match self.said.try_recv() {
            Ok(line) => {
                let words = line.strip_prefix("done").unwrap().split_whitespace();
                Some(words.map(|number| number.parse().unwrap()).collect())
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("the load has failed"),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the path of the program `name` from `examples/`; panics if it is missing. `cargo test -p
/// sysmon` builds it together with the tests; `--test NAME` alone does not build it again.
pub fn example(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let beside = own.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(
        beside.is_file(),
        "{} is missing; build it with: cargo build -p sysmon --examples",
        beside.display()
    );
    beside
}
