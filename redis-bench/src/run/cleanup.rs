//! Removal of a run's keys at its end. It is abandoned if the server stops answering. Keys that
//! remain are reported with the command that removes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bench_cli::bench::Bench;
use bench_cli::blocking::{BlockingTask, TaskState};

use crate::keys::run_keys::RunKeys;
use crate::keys::run_removal::{self, KeyServers, KeysLeft};
use crate::server::address::{PasswordSource, RedisAddress};
use crate::server::failure::BatchFailure;

/// Time without an answer of the server after which the removal is abandoned.
const NO_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit of the removal after a signal. The whole run must end within 3 s of the signal.
const SIGNAL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Background task that may still be writing keys of the run.
pub(crate) type KeyWriter = BlockingTask<Result<bool, BatchFailure>>;

/// Removes the keys `keys` of the run from its `servers`. Waits until `writer` has ended first,
/// because keys that it writes later would remain. Failures are reported through `bench`, with the
/// command that removes the keys.
pub(crate) fn clear<T: Send + 'static>(
    bench: &mut Bench,
    servers: &KeyServers,
    keys: &RunKeys,
    writer: Option<&BlockingTask<T>>,
) {
    let mut deadline = CleanupDeadline::new(Instant::now());
    let removed = writer
        .map_or(Ok(()), |writer| await_writer(bench, writer, &mut deadline))
        .and_then(|()| remove(bench, servers, keys, &mut deadline));
    let left = removed.unwrap_or_else(|why| servers.all_left(&why));
    let prefix = &keys.prefix;
    for KeysLeft { node, why } in left {
        bench.left_behind(
            &format!("keys {prefix}* on {} ({why})", node.masked_url()),
            &removing_command(&node, prefix),
        );
    }
}

/// Returns a shell command that removes the keys whose names begin with `prefix` from the server at
/// `remote`.
fn removing_command(remote: &RedisAddress, prefix: &str) -> String {
    // A password of the environment is there for redis-cli too.
    let login = match remote.password() {
        PasswordSource::Url => "export REDISCLI_AUTH=…; ",
        PasswordSource::Environment | PasswordSource::Nowhere => "",
    };
    let cli = remote.cli();
    format!("{login}{cli} --scan --pattern '{prefix}*' | sed 's/^/unlink /' | {cli}")
}

/// Waits until `writer` has ended, with or without a result.
///
/// # Errors
/// Fails with the reason if the deadline passes first.
fn await_writer<T: Send + 'static>(
    bench: &Bench,
    writer: &BlockingTask<T>,
    deadline: &mut CleanupDeadline,
) -> Result<(), String> {
    loop {
        match writer.poll() {
            TaskState::Done(_) | TaskState::Lost => {
                deadline.since = Instant::now();
                return Ok(());
            }
            TaskState::Running => deadline.check(Instant::now(), 0, bench.interrupted())?,
        }
    }
}

/// Removes the keys on a thread of its own. Returns the servers on which keys may be left.
///
/// # Errors
/// Fails with the reason if the removal was abandoned.
fn remove(
    bench: &Bench,
    servers: &KeyServers,
    keys: &RunKeys,
    deadline: &mut CleanupDeadline,
) -> Result<Vec<KeysLeft>, String> {
    let (servers, keys) = (servers.clone(), keys.clone());
    let answers = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&answers);
    let removing = BlockingTask::start(move |stop| {
        run_removal::clear(&servers, &keys, &mut || {
            counter.fetch_add(1, Ordering::Relaxed);
            !stop.is_cancelled()
        })
    });
    let removing = removing.map_err(|error| error.to_string())?;
    loop {
        match removing.poll() {
            TaskState::Done(left) => return Ok(left),
            TaskState::Lost => return Err("it broke off".to_owned()),
            TaskState::Running => {
                let answers = answers.load(Ordering::Relaxed);
                deadline.check(Instant::now(), answers, bench.interrupted())?;
            }
        }
    }
}

/// Deadline of the removal, which each answer of the server postpones.
#[derive(Debug)]
struct CleanupDeadline {
    /// Number of the server's answers up to the last check of the deadline.
    answers: u64,
    /// Instant of the first check after the last answer, or of the start.
    since: Instant,
    signalled: Option<Instant>,
}

impl CleanupDeadline {
    fn new(now: Instant) -> Self {
        Self {
            answers: 0,
            since: now,
            signalled: None,
        }
    }

    /// Checks the deadline at `now`. `answers` is the total number of answers of the server so far,
    /// and `interrupted` is true after a signal.
    ///
    /// # Errors
    /// Fails with the reason to abandon the removal.
    fn check(&mut self, now: Instant, answers: u64, interrupted: bool) -> Result<(), String> {
        if answers != self.answers {
            (self.answers, self.since) = (answers, now);
        }
        if interrupted {
            let signalled = *self.signalled.get_or_insert(now);
            if now.duration_since(signalled) >= SIGNAL_TIMEOUT {
                return Err(format!("not done {SIGNAL_TIMEOUT:?} after the signal"));
            }
        }
        if now.duration_since(self.since) >= NO_ANSWER_TIMEOUT {
            return Err(format!("no answer for {NO_ANSWER_TIMEOUT:?}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a deadline at several instants. Each is: milliseconds since the start, answers so
    /// far, true after a signal, true if the removal must continue.
    fn told(looks: &[(u64, u64, bool, bool)]) {
        let start = Instant::now();
        let mut deadline = CleanupDeadline::new(start);
        for &(at_ms, answers, interrupted, goes_on) in looks {
            let now = start + Duration::from_millis(at_ms);
            let seen = deadline.check(now, answers, interrupted);
            assert_eq!(seen.is_ok(), goes_on, "at {at_ms} ms: {seen:?}");
        }
    }

    #[test]
    fn removing_goes_on_for_as_long_as_the_server_answers() {
        told(&[
            (0, 0, false, true),
            (1_900, 1, false, true),
            (3_800, 2, false, true),
            (600_000, 3, false, true),
            (601_900, 3, false, true),
            (602_000, 3, false, false),
        ]);
        told(&[(1_999, 0, false, true), (2_000, 0, false, false)]);
    }

    #[test]
    fn after_a_signal_its_time_is_short_whatever_the_server_does() {
        told(&[
            (10_000, 1, false, true),
            (10_100, 2, true, true),
            (11_500, 30, true, true),
            (11_600, 40, true, false),
        ]);
        told(&[(0, 0, true, true), (1_500, 0, true, false)]);
    }
}
