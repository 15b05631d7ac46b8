//! Replica that the reads of a step go to: how far it is behind its primary meanwhile, read ten times a
//! second on connections of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use bench_report::Step;
use bench_report::names::steps;
use redis::{Connection, RedisResult};

use crate::server::address::RedisAddress;
use crate::server::replica::{self, ReplicaDistance};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Longest wait for the last look at the end of a step.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// Thread that reads a primary and its replica during a step.
#[derive(Debug)]
pub(super) struct ReplicaWatch {
    stop: Arc<AtomicBool>,
    seen: Receiver<ReplicaLag>,
}

/// Distances of a replica that were seen.
#[derive(Debug, Default, PartialEq)]
struct ReplicaLag {
    /// Number of looks with an answer of both servers.
    looks: u64,
    /// Number of those at which the replica was not connected to its primary.
    unlinked: u64,
    /// Number of those at which the distance was known.
    known: u64,
    sum_bytes: f64,
    most_bytes: f64,
}

impl ReplicaLag {
    fn add(&mut self, distance: ReplicaDistance) {
        self.looks += 1;
        self.unlinked += u64::from(!distance.is_linked);
        if let Some(bytes) = distance.bytes {
            self.known += 1;
            self.sum_bytes += bytes;
            self.most_bytes = self.most_bytes.max(bytes);
        }
    }

    /// Adds the figures to a step; none that is not known.
    fn add_to(&self, step: &mut Step) {
        if self.known > 0 {
            let mean = self.sum_bytes / self.known as f64;
            step.figure(steps::REPLICA_LAG_MEAN_BYTES, mean);
            step.figure(steps::REPLICA_LAG_MOST_BYTES, self.most_bytes);
        }
        if self.looks > 0 {
            let unlinked = self.unlinked as f64 / self.looks as f64;
            step.figure(steps::REPLICA_UNLINKED_RATIO, unlinked);
        }
    }
}

impl ReplicaWatch {
    /// Begins to read `primary` and its `replica`.
    ///
    /// # Errors
    /// Fails if the operating system starts no thread.
    pub(super) fn start(primary: RedisAddress, replica: RedisAddress) -> std::io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let (tell, seen) = mpsc::channel();
        std::thread::Builder::new()
            .name("replica".to_owned())
            .spawn(move || {
                let mut lag = ReplicaLag::default();
                let mut open = None;
                while !stopped.load(Ordering::Relaxed) {
                    if let Ok(distance) = look(&mut open, &primary, &replica) {
                        lag.add(distance);
                    }
                    std::thread::sleep(LOOK);
                }
                // Fails if nobody waits for it any more.
                let _ = tell.send(lag);
            })?;
        Ok(Self { stop, seen })
    }

    /// Ends the reading, and adds what was seen to the finished `step`; nothing if a server does not
    /// answer.
    pub(super) fn end(self, step: &mut Step) {
        self.stop.store(true, Ordering::Relaxed);
        if let Ok(lag) = self.seen.recv_timeout(LAST_LOOK) {
            lag.add_to(step);
        }
    }
}

/// Looks at both servers, on the connections in `open` or on new ones. They are dropped after a failure.
fn look(
    open: &mut Option<(Connection, Connection)>,
    primary: &RedisAddress,
    replica: &RedisAddress,
) -> RedisResult<ReplicaDistance> {
    let (mut one, mut other) = match open.take() {
        Some(both) => both,
        None => (primary.connect()?, replica.connect()?),
    };
    let distance = replica::distance(&mut one, &mut other)?;
    *open = Some((one, other));
    Ok(distance)
}

#[cfg(test)]
mod tests {
    use test_support::empty_step;

    use super::*;

    #[test]
    fn what_was_not_seen_is_no_figure() {
        let mut lag = ReplicaLag::default();
        let mut step = empty_step("pool of 8");
        lag.add_to(&mut step);
        assert!(step.figures.is_empty());
        for (bytes, is_linked) in [(Some(100.0), true), (Some(300.0), true), (None, false)] {
            lag.add(ReplicaDistance { bytes, is_linked });
        }
        lag.add_to(&mut step);
        assert_eq!(step.figures["replica.lag_mean_bytes"], 200.0);
        assert_eq!(step.figures["replica.lag_most_bytes"], 300.0);
        assert!((step.figures["replica.unlinked_ratio"] - 1.0 / 3.0).abs() < 1e-9);
    }
}
