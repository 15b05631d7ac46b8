//! Copy of a tool's stderr into its log file, made by a thread while the tool runs.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Interval between two checks whether the copy is complete.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Running copy of a tool's stderr. Dropping it lets the thread copy to the end.
#[derive(Debug)]
pub(crate) struct LogCopy {
    lines: Receiver<String>,
    spoke: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl LogCopy {
    /// Starts to copy `stderr` to `log` line by line, with secrets masked.
    pub(crate) fn start(
        stderr: impl Read + Send + 'static,
        mut log: impl Write + Send + 'static,
    ) -> Self {
        let (sender, lines) = mpsc::channel();
        let spoke = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&spoke);
        let thread = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // Tools mask secrets in their own messages, but not in those of their libraries.
                let line = bench_report::redaction::text(&line);
                // Errors are ignored: on a full disk the pipe must still be read, or the tool would
                // block on it.
                let _ = writeln!(log, "{line}");
                heard.store(true, Ordering::Relaxed);
                let _ = sender.send(line);
            }
        });
        Self {
            lines,
            spoke,
            thread,
        }
    }

    /// Iterates over the lines that were copied since the last call, with secrets masked. Does not
    /// wait.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.try_iter()
    }

    /// Returns true once the tool has printed a line.
    pub(crate) fn spoke(&self) -> bool {
        self.spoke.load(Ordering::Relaxed)
    }

    /// Waits until the whole of stderr is in the log, for at most `bound`. A process that the tool
    /// started and left behind may keep stderr open after the tool has ended.
    pub(crate) fn wait(&self, bound: Duration) {
        let started = Instant::now();
        while !self.thread.is_finished() && started.elapsed() < bound {
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stderr of a tool that has ended, whose last words arrive late.
    struct Late(&'static [u8]);

    impl Read for Late {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            std::thread::sleep(Duration::from_millis(50));
            self.0.read(buffer)
        }
    }

    #[test]
    fn the_last_line_of_a_tool_is_in_the_log_when_its_cause_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ws-bench.limit.log");
        let said = b"phase: save\nws-bench: cannot connect to ws://u:hunter2@h/\nTry: curl h\n";
        let copy = LogCopy::start(Late(said), std::fs::File::create(&path).unwrap());
        copy.wait(Duration::from_mins(1));
        let log = std::fs::read_to_string(&path).unwrap();
        assert!(log.ends_with("Try: curl h\n") && !log.contains("hunter2"));
        assert!(copy.spoke());
        assert_eq!(copy.lines().count(), 3);
    }

    #[test]
    fn a_process_left_behind_by_a_tool_does_not_hold_up_the_run() {
        let (read, _kept_open) = std::io::pipe().unwrap();
        let copy = LogCopy::start(read, std::io::sink());
        copy.wait(Duration::from_millis(5));
        assert!(!copy.spoke());
    }
}
