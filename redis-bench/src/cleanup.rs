//! Removes a run's keys at its end, for as long as that gets on; what is left is told with the
//! command that removes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bench_cli::bench::Bench;
use redis::RedisResult;

use crate::errand::{Errand, Look};
use crate::failure;
use crate::keyspace;
use crate::server::Remote;

/// A server that has answered nothing for so long is not waited for.
const STILL: Duration = Duration::from_secs(2);
/// After a signal this is left of the 3 s in which the whole run ends.
const AFTER_SIGNAL: Duration = Duration::from_millis(1_500);

/// Whoever still writes keys of the run.
pub(crate) type Writer = Errand<RedisResult<bool>>;

/// Removes every key under `prefix`, once `writer` has ended: what it writes later would stay.
pub(crate) fn clear(bench: &mut Bench, remote: &Remote, prefix: &str, writer: Option<&Writer>) {
    let mut patience = Patience::new(Instant::now());
    let removed = writer
        .map_or(Ok(()), |writer| await_writer(bench, writer, &mut patience))
        .and_then(|()| remove(bench, remote, prefix, &mut patience));
    let Err(why) = removed else {
        return;
    };
    let cli = remote.cli();
    let login = if remote.has_password() {
        "export REDISCLI_AUTH=…; "
    } else {
        ""
    };
    bench.left_behind(
        &format!("keys {prefix}* on {} ({why})", remote.shown()),
        &format!("{login}{cli} --scan --pattern '{prefix}*' | xargs -r -n 500 {cli} unlink"),
    );
}

/// Nothing is written after it, even if its writing came to no end.
fn await_writer(bench: &Bench, writer: &Writer, patience: &mut Patience) -> Result<(), String> {
    loop {
        match writer.look() {
            Look::Done(_) | Look::Gone => {
                patience.since = Instant::now();
                return Ok(());
            }
            Look::UnderWay => patience.look(Instant::now(), 0, bench.interrupted())?,
        }
    }
}

fn remove(
    bench: &Bench,
    remote: &Remote,
    prefix: &str,
    patience: &mut Patience,
) -> Result<(), String> {
    let (remote, prefix) = (remote.clone(), prefix.to_owned());
    let answers = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&answers);
    let removing = Errand::start(move |stop| {
        let mut connection = remote.connect()?;
        keyspace::clear(&mut connection, &prefix, || {
            counter.fetch_add(1, Ordering::Relaxed);
            !stop.is_cancelled()
        })
    });
    let removing = removing.map_err(|error| error.to_string())?;
    loop {
        match removing.look() {
            Look::Done(Ok(_)) => return Ok(()),
            Look::Done(Err(error)) => return Err(failure::of_redis(&error).to_string()),
            Look::Gone => return Err("it broke off".to_owned()),
            Look::UnderWay => {
                let answers = answers.load(Ordering::Relaxed);
                patience.look(Instant::now(), answers, bench.interrupted())?;
            }
        }
    }
}

/// Time that removing is waited for.
#[derive(Debug)]
struct Patience {
    /// Answers so far, and since when there was no further one.
    answers: u64,
    since: Instant,
    signalled: Option<Instant>,
}

impl Patience {
    fn new(now: Instant) -> Self {
        Self {
            answers: 0,
            since: now,
            signalled: None,
        }
    }

    /// Takes in what is seen at `now`; why to give up, if it is time to.
    fn look(&mut self, now: Instant, answers: u64, interrupted: bool) -> Result<(), String> {
        if answers != self.answers {
            (self.answers, self.since) = (answers, now);
        }
        if interrupted {
            let signalled = *self.signalled.get_or_insert(now);
            if now.duration_since(signalled) >= AFTER_SIGNAL {
                return Err(format!("not done {AFTER_SIGNAL:?} after the signal"));
            }
        }
        if now.duration_since(self.since) >= STILL {
            return Err(format!("no answer for {STILL:?}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At so many milliseconds, with so many answers, after a signal or not: goes on or not.
    fn told(looks: &[(u64, u64, bool, bool)]) {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        for &(at_ms, answers, interrupted, goes_on) in looks {
            let now = start + Duration::from_millis(at_ms);
            let seen = patience.look(now, answers, interrupted);
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
