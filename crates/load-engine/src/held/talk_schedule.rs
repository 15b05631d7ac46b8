//! Schedules of the messages that one connection sends.

use std::iter;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bench_report::Pacing;
use tokio::sync::mpsc;

use super::held_step::HeldStep;
use crate::plan::arrivals::Arrivals;
use crate::plan::rate_curve::RateCurve;
use crate::plan::think_time::Pauses;
use crate::record::in_flight_request::{Arrival, InFlightRequest};

/// Schedule of the messages of one connection.
#[derive(Debug)]
pub(crate) enum TalkSchedule {
    /// A pause after each answer; the first message `offset` after the start.
    Paused { pauses: Pauses, offset: Duration },
    /// A message for each arrival in the queue.
    Arrivals(TalkerQueue),
}

/// Queue of arrivals that wait for one connection. Those left in it when it is dropped are recorded as
/// censored.
#[derive(Debug)]
pub(crate) struct TalkerQueue {
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    step: Arc<HeldStep>,
}

impl TalkerQueue {
    /// Creates an empty queue and its sender.
    pub(crate) fn new(step: &Arc<HeldStep>) -> (mpsc::UnboundedSender<Arrival>, Self) {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let queue = Self {
            arrivals,
            step: Arc::clone(step),
        };
        (sender, queue)
    }

    /// Waits for the next arrival; `None` once no more can come.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }
}

impl Drop for TalkerQueue {
    fn drop(&mut self) {
        self.arrivals.close();
        while let Ok(arrival) = self.arrivals.try_recv() {
            drop(InFlightRequest::never_started(&self.step.messages, arrival));
        }
    }
}

/// Arrivals of the talkers `own` out of `all`, as the number of the talker and the instant at which
/// each is due, in nanoseconds since the start of `curve`.
///
/// Constant pacing: arrival n belongs to talker n modulo `all`, so that all workers together are as
/// even as one. Poisson: each worker has its share of the rate and a seed of its own.
pub(crate) fn talker_arrivals(
    curve: RateCurve,
    pacing: Pacing,
    seed: u64,
    own: Range<u64>,
    all: u64,
) -> Box<dyn Iterator<Item = (u64, u64)> + Send> {
    if own.is_empty() {
        return Box::new(iter::empty());
    }
    let talkers = iter::repeat(own.clone()).flatten();
    match pacing {
        Pacing::Constant => {
            let round = own.end - own.start;
            let due = move |(n, talker): (u64, u64)| {
                let due_s = curve.inverse((n / round * all + talker) as f64)?;
                Some((talker, (due_s * 1e9).round() as u64))
            };
            Box::new((0..).zip(talkers).map_while(due))
        }
        Pacing::Poisson => {
            let share = all as f64 / (own.end - own.start) as f64;
            let seed = seed ^ own.start.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            Box::new(talkers.zip(Arrivals::poisson(curve, share, seed)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(pacing: Pacing, own: Range<u64>, all: u64) -> Vec<(u64, u64)> {
        let curve = RateCurve::constant(1_000.0, Duration::from_secs(10)).unwrap();
        talker_arrivals(curve, pacing, 7, own, all).collect()
    }

    #[test]
    fn workers_together_are_as_even_as_one() {
        let alone = arrivals(Pacing::Constant, 0..7, 7);
        assert_eq!(alone.len(), 10_000);
        assert_eq!(alone[8], (1, 8_000_000));
        let mut together = arrivals(Pacing::Constant, 0..5, 7);
        together.extend(arrivals(Pacing::Constant, 5..7, 7));
        together.sort_by_key(|(_, due_ns)| *due_ns);
        assert_eq!(together, alone);
        assert_eq!(arrivals(Pacing::Constant, 3..3, 7), []);
    }

    #[test]
    fn random_arrivals_come_to_each_talker_as_often_as_to_another() {
        for (own, wanted) in [(0..5, 5.0 / 7.0), (5..7, 2.0 / 7.0)] {
            let drawn = arrivals(Pacing::Poisson, own.clone(), 7);
            let share = drawn.len() as f64 / 10_000.0;
            assert!((share / wanted - 1.0).abs() < 0.05, "{own:?}: {share}");
            let of = |talker| drawn.iter().filter(|(of, _)| *of == talker).count();
            assert!(of(own.start).abs_diff(of(own.end - 1)) <= 1);
        }
        let (one, other) = (
            arrivals(Pacing::Poisson, 0..1, 2),
            arrivals(Pacing::Poisson, 1..2, 2),
        );
        assert_ne!(one[0].1, other[0].1, "each worker draws for itself");
    }
}
