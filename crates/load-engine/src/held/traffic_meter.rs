//! Meter of the traffic of one connection in the measured part of a step.

use super::message_counts::{MessageCounts, Traffic};
use crate::plan::segments::Segments;

/// Meter that reads the traffic of one connection at the first message after the beginning of the
/// measured part and at the first one after its end, and adds the difference to the step's counts.
#[derive(Debug)]
pub(super) struct TrafficMeter<'a> {
    counts: &'a MessageCounts,
    start_ns: u64,
    end_ns: u64,
    begin: Option<Traffic>,
}

impl<'a> TrafficMeter<'a> {
    /// Creates a meter for the measured part of `segments`.
    pub(super) fn new(counts: &'a MessageCounts, segments: &Segments) -> Self {
        let window = segments.window();
        Self {
            counts,
            start_ns: window.measure_start_ns,
            end_ns: window.measure_end_ns,
            begin: None,
        }
    }

    /// Reads the traffic, which `traffic` returns, if the measured part has begun or ended by
    /// `now_ns`. Call this before the messages of that instant are counted.
    pub(super) fn pass(&mut self, now_ns: u64, traffic: impl FnOnce() -> Traffic) {
        if now_ns < self.start_ns {
            return;
        }
        let traffic = traffic();
        if let Some(begin) = self.begin.replace(traffic) {
            self.counts.add_traffic(begin, traffic);
        }
        self.start_ns = if now_ns < self.end_ns {
            self.end_ns
        } else {
            u64::MAX
        };
    }

    /// Ends the metering early, because the connection was lost or its command abandoned. `traffic`
    /// is the present reading.
    pub(super) fn end(&mut self, traffic: Traffic) {
        if let Some(begin) = self.begin.filter(|_| self.start_ns != u64::MAX) {
            self.counts.add_traffic(begin, traffic);
        }
        self.start_ns = u64::MAX;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bench_report::names::steps;

    use super::*;

    fn traffic(sent: u64) -> Traffic {
        Traffic {
            sent,
            sent_bytes: 20 * sent,
            received: sent - 1,
            received_bytes: 20 * (sent - 1),
        }
    }

    fn segments() -> Segments {
        Segments::new(
            1_000,
            Duration::from_nanos(500),
            Duration::from_nanos(2_000),
            &[],
        )
    }

    #[test]
    fn the_measured_part_counts_alone() {
        let counts = MessageCounts::default();
        let mut meter = TrafficMeter::new(&counts, &segments());
        for (now_ns, sent) in [(1_000, 1), (1_600, 5), (2_000, 7), (3_600, 12), (4_000, 20)] {
            meter.pass(now_ns, || traffic(sent));
        }
        meter.end(traffic(21));
        let tallies = counts.tallies();
        let tally = |name: bench_report::names::FigureName| tallies[name.as_str()];
        assert_eq!(tally(steps::MESSAGES_SENT), 7);
        assert_eq!(tally(steps::BYTES_SENT), 140);
        assert_eq!(tally(steps::MESSAGES_RECEIVED), 7);
    }

    #[test]
    fn a_connection_that_is_lost_counts_up_to_then() {
        let counts = MessageCounts::default();
        let mut meter = TrafficMeter::new(&counts, &segments());
        meter.pass(1_600, || traffic(5));
        meter.end(traffic(9));
        assert_eq!(counts.tallies()[steps::MESSAGES_SENT.as_str()], 4);
    }
}
