//! Times of events within their second. Most formats have whole seconds only; sent as they are, all
//! requests of a second would come at once.

use std::collections::VecDeque;

use super::skipped_lines::SkippedLines;
use super::trace_error::{TraceError, TraceFault};
use super::trace_event::TraceEvent;
use super::trace_reader::TraceReader;

/// Largest number of events that may have the same second, all of which are in memory at once
/// (256 MB).
const MOST_IN_A_SECOND: usize = 4_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// Event and the time at which it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimedEvent {
    /// Time since the beginning of the first second of the trace, in nanoseconds; since the first
    /// event if the trace has finer times.
    pub(crate) at_ns: u64,
    /// Request to send at that time.
    pub(crate) event: TraceEvent,
}

/// Events with their times, which never go back. The k-th of the n events of a second, counted from
/// 0, happens at (k + ½) ÷ n of it. An event whose time lies before the one ahead of it belongs to
/// the second of that one.
#[derive(Debug)]
pub(crate) struct Spread {
    events: TraceReader,
    /// Events of the running second that were not returned yet.
    second: VecDeque<TraceEvent>,
    /// Number of the events of the running second.
    events_in_second: u64,
    /// First event of the next second.
    ahead: Option<TraceEvent>,
    first_us: Option<u64>,
    now_us: u64,
    returned: u64,
    out_of_order: u64,
    /// Error that ends the trace after the events that were read before it.
    error: Option<TraceError>,
    /// True if nothing more is read.
    ended: bool,
}

impl Spread {
    /// Spreads `events`.
    pub(crate) fn new(events: TraceReader) -> Self {
        Self {
            events,
            second: VecDeque::new(),
            events_in_second: 0,
            ahead: None,
            first_us: None,
            now_us: 0,
            returned: 0,
            out_of_order: 0,
            error: None,
            ended: false,
        }
    }

    /// Replaces the times of the events by those of a constant rate, before anything is read.
    pub(crate) fn at_rate(mut self, rate_per_s: Option<f64>) -> Self {
        self.events = self.events.at_rate(rate_per_s);
        self
    }

    /// Returns the length of what was returned so far, in nanoseconds: all seconds from the first
    /// to the last. With finer times it is the time up to the last event and once more the mean
    /// time between two.
    pub(crate) fn length_ns(&self) -> u64 {
        let passed_us = self.now_us - self.first_us.unwrap_or(self.now_us);
        if self.events.counts_seconds() {
            return if self.first_us.is_some() {
                passed_us * 1_000 + SECOND_NS
            } else {
                0
            };
        }
        let gaps = self.returned.saturating_sub(1).max(1);
        passed_us * 1_000 + passed_us * 1_000 / gaps
    }

    /// Returns the number of events that had a time before that of the one ahead of them.
    pub(crate) fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// Returns the lines that were left out so far.
    pub(crate) fn skipped(&self) -> &SkippedLines {
        self.events.skipped()
    }

    /// Returns the next event and its time in microseconds, which never goes back.
    fn next_event(&mut self) -> Option<Result<(u64, TraceEvent), TraceError>> {
        if self.ended {
            return None;
        }
        let next = self.events.next();
        self.ended = !matches!(next, Some(Ok(_)));
        let event = match next? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        let Some(at_us) = event.at_us else {
            self.ended = true;
            return Some(Err(self.events.error(TraceFault::NoTime)));
        };
        if self.first_us.is_some() && at_us < self.now_us {
            self.out_of_order += 1;
        }
        Some(Ok((at_us.max(self.now_us), event)))
    }

    /// Reads all events of the next second. Errors are kept for the end of those before.
    fn read_second(&mut self) {
        if let Some(event) = self.ahead.take() {
            self.now_us = event.at_us.unwrap_or(self.now_us);
            self.second.push_back(event);
        }
        loop {
            match self.next_event() {
                None => break,
                Some(Err(error)) => {
                    self.error = Some(error);
                    break;
                }
                Some(Ok((at_us, event))) => {
                    if !self.second.is_empty() && at_us > self.now_us {
                        self.ahead = Some(event);
                        break;
                    }
                    if self.second.len() == MOST_IN_A_SECOND {
                        let fault = TraceFault::CrowdedSecond(MOST_IN_A_SECOND);
                        self.ended = true;
                        self.error = Some(self.events.error(fault));
                        break;
                    }
                    self.now_us = at_us;
                    self.first_us.get_or_insert(at_us);
                    self.second.push_back(event);
                }
            }
        }
        self.events_in_second = self.second.len() as u64;
    }

    fn next_in_second(&mut self) -> Option<TimedEvent> {
        if self.second.is_empty() && self.error.is_none() {
            self.read_second();
        }
        let place = self.events_in_second - self.second.len() as u64;
        let event = self.second.pop_front()?;
        let begin_ns = (self.now_us - self.first_us.unwrap_or(self.now_us)) * 1_000;
        let within_ns = (2 * place + 1) * SECOND_NS / (2 * self.events_in_second);
        Some(TimedEvent {
            at_ns: begin_ns + within_ns,
            event,
        })
    }
}

impl Iterator for Spread {
    type Item = Result<TimedEvent, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.events.counts_seconds() {
            return match self.next_in_second() {
                Some(event) => {
                    self.returned += 1;
                    Some(Ok(event))
                }
                None => self.error.take().map(Err),
            };
        }
        let (at_us, event) = match self.next_event()? {
            Ok(timed) => timed,
            Err(error) => return Some(Err(error)),
        };
        self.now_us = at_us;
        self.returned += 1;
        let first_us = *self.first_us.get_or_insert(at_us);
        Some(Ok(TimedEvent {
            at_ns: (at_us - first_us) * 1_000,
            event,
        }))
    }
}
