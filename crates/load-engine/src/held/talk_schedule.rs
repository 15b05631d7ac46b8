//! Schedules of the messages that one connection sends.

use std::iter;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;

use super::held_step::HeldStep;
use crate::plan::arrivals::Arrivals;
use crate::plan::think_time::Pauses;
use crate::record::in_flight_request::{Arrival, InFlightRequest, RequestStart};

/// Schedule by which one connection sends its messages in a step.
#[derive(Debug)]
pub(crate) enum TalkSchedule {
    /// Closed loop: a message after each answer and a pause. The first message is sent `offset`
    /// after the start of the step.
    Paused { pauses: Pauses, offset: Duration },
    /// Open loop: a message for each arrival in the queue.
    Arrivals(TalkerQueue),
}

/// Queue of the arrivals for which one connection must send a message. When the queue is dropped,
/// the arrivals still in it are recorded as censored.
#[derive(Debug)]
pub(crate) struct TalkerQueue {
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    step: Arc<HeldStep>,
}

impl TalkerQueue {
    /// Creates an empty queue for a connection in `step`; returns its sender and the queue.
    pub(crate) fn new(step: &Arc<HeldStep>) -> (mpsc::UnboundedSender<Arrival>, Self) {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let queue = Self {
            arrivals,
            step: Arc::clone(step),
        };
        (sender, queue)
    }

    /// Polls for the next arrival in the queue; `None` once all senders are dropped and the queue is
    /// empty.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Arrival>> {
        self.arrivals.poll_recv(context)
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

/// Progress of one connection through its messages in a step.
#[derive(Debug)]
pub(super) enum TalkProgress<'a> {
    /// A single message, until it has been sent.
    Once(Option<&'a HeldStep>),
    /// Closed loop.
    Paused {
        step: &'a HeldStep,
        pauses: &'a mut Pauses,
        /// Instant before which no message is sent, in nanoseconds on `CLOCK_MONOTONIC`.
        next_ns: u64,
        /// Instant from which no message is sent, in nanoseconds on `CLOCK_MONOTONIC`.
        end_ns: u64,
        has_ended: bool,
    },
    /// Open loop.
    Arrivals {
        queue: &'a mut TalkerQueue,
        /// Instant since which there has been room for a message, in nanoseconds on
        /// `CLOCK_MONOTONIC`; 0 if there always was.
        free_since_ns: u64,
        has_ended: bool,
    },
}

impl<'a> TalkProgress<'a> {
    /// Begins `schedule` in `step`. `None` if the segments of the step are not set.
    pub(super) fn begin(step: &'a HeldStep, schedule: &'a mut TalkSchedule) -> Option<Self> {
        Some(match schedule {
            TalkSchedule::Paused { pauses, offset } => {
                let segments = step.segments()?;
                Self::Paused {
                    step,
                    pauses,
                    next_ns: segments.start_ns() + offset.as_nanos() as u64,
                    end_ns: segments.measure_end_ns(),
                    has_ended: false,
                }
            }
            TalkSchedule::Arrivals(queue) => Self::Arrivals {
                queue,
                free_since_ns: 0,
                has_ended: false,
            },
        })
    }

    /// Returns the start of the next message if it is to be sent at `now_ns`, the present on
    /// `CLOCK_MONOTONIC`. Otherwise returns `None`; the task is then woken by the next arrival, or
    /// must wake at [`next_ns`](Self::next_ns).
    pub(super) fn next(&mut self, context: &mut Context<'_>, now_ns: u64) -> Option<RequestStart> {
        match self {
            Self::Once(step) => {
                step.take()?.checks.recorder.begin(now_ns);
                Some(RequestStart::of_user(now_ns))
            }
            Self::Paused {
                step,
                next_ns,
                end_ns,
                has_ended,
                ..
            } => {
                *has_ended |= now_ns >= *end_ns || step.is_halted();
                if *has_ended || now_ns < *next_ns {
                    return None;
                }
                step.messages.recorder.begin(now_ns);
                Some(RequestStart::of_user(now_ns))
            }
            Self::Arrivals {
                queue,
                free_since_ns,
                has_ended,
            } => {
                let Poll::Ready(arrival) = queue.poll_next(context) else {
                    return None;
                };
                *has_ended = arrival.is_none();
                let arrival = arrival?;
                if arrival.released_ns < *free_since_ns {
                    queue.step.delayed.fetch_add(1, Ordering::Relaxed);
                }
                Some(RequestStart::of_arrival(arrival, now_ns))
            }
        }
    }

    /// Notes that a message ended at `now_ns`, before which no room was left for another one if
    /// `was_full`.
    pub(super) fn message_ended(&mut self, now_ns: u64, was_full: bool) {
        match self {
            Self::Paused {
                pauses, next_ns, ..
            } if !pauses.are_none() => {
                let pause = pauses.next_pause();
                *next_ns = pause.map_or(0, |pause| now_ns + pause.as_nanos() as u64);
            }
            Self::Arrivals { free_since_ns, .. } if was_full => *free_since_ns = now_ns,
            _ => {}
        }
    }

    /// Returns true once no further message will be sent.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Once(step) => step.is_none(),
            Self::Paused { has_ended, .. } | Self::Arrivals { has_ended, .. } => *has_ended,
        }
    }

    /// Returns the instant at which the next message is to be sent, or none any more, in nanoseconds
    /// on `CLOCK_MONOTONIC`; `None` if the task is woken by other means.
    pub(super) fn next_ns(&self) -> Option<u64> {
        match self {
            Self::Paused {
                next_ns,
                end_ns,
                has_ended: false,
                ..
            } => Some(*next_ns.min(end_ns)).filter(|at_ns| *at_ns > 0),
            _ => None,
        }
    }
}

/// Selects from `arrivals` those of the connections `own`, where the connections that send messages
/// are numbered from 0 to `all`, exclusive. Arrival n belongs to connection n modulo `all`, however
/// connections are shared among workers. Yields the number of the connection and the instant at
/// which the arrival is due, in nanoseconds since the start of the step.
pub(crate) fn talker_arrivals(
    mut arrivals: Arrivals,
    own: Range<u64>,
    all: u64,
) -> impl Iterator<Item = (u64, u64)> {
    let others = (all - (own.end - own.start)) as usize;
    let (mut passed_over, end) = (own.start as usize, own.end);
    let talkers = iter::repeat(own).flatten();
    talkers.map_while(move |talker| {
        let due_ns = arrivals.nth(passed_over)?;
        passed_over = if talker + 1 == end { others } else { 0 };
        Some((talker, due_ns))
    })
}

/// Sends an arrival to the queue at position `turn` modulo their number, or to another one if its
/// connection is lost, and removes queues of lost connections. If none is left, records the arrival
/// as censored.
pub(super) fn deliver(
    step: &HeldStep,
    queues: &mut Vec<mpsc::UnboundedSender<Arrival>>,
    turn: usize,
    arrival: Arrival,
) {
    while !queues.is_empty() {
        let index = turn % queues.len();
        if queues[index].send(arrival).is_ok() {
            return;
        }
        queues.swap_remove(index);
    }
    drop(InFlightRequest::never_started(&step.messages, arrival));
}

#[cfg(test)]
mod tests {
    use bench_report::Pacing;

    use super::*;
    use crate::plan::curve_sequence::CurveSequence;
    use crate::plan::rate_curve::RateCurve;
    use crate::plan::worker_share::WorkerShare;

    fn arrivals(pacing: Pacing, own: Range<u64>, all: u64) -> Vec<(u64, u64)> {
        let curve = RateCurve::constant(1_000.0, Duration::from_secs(10)).unwrap();
        let curves = CurveSequence::after(Duration::ZERO, curve);
        let arrivals = Arrivals::new(curves, pacing, WorkerShare::ALONE, 7);
        talker_arrivals(arrivals, own, all).collect()
    }

    #[test]
    fn workers_together_release_what_one_alone_would() {
        for pacing in [Pacing::Constant, Pacing::Poisson] {
            let alone = arrivals(pacing, 0..7, 7);
            let turns: Vec<u64> = alone.iter().take(9).map(|(talker, _)| *talker).collect();
            assert_eq!(turns, [0, 1, 2, 3, 4, 5, 6, 0, 1]);
            let mut together = arrivals(pacing, 0..5, 7);
            together.extend(arrivals(pacing, 5..7, 7));
            together.sort_by_key(|(_, due_ns)| *due_ns);
            assert_eq!(together, alone, "{pacing:?}");
        }
        assert_eq!(arrivals(Pacing::Constant, 0..7, 7)[8], (1, 8_000_000));
    }
}
