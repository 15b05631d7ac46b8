//! Bursts of requests around the edges of a limiter's windows.

use std::time::Duration;

/// Part of a window before and after an edge in which requests are sent: a tenth.
const PART_OF_WINDOW: u64 = 10;

/// Times at which clients send requests: around every second edge of the windows. Around every
/// edge, the requests after one edge would use up the window before the next one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EdgeBursts {
    window_us: u64,
}

impl EdgeBursts {
    /// Creates the bursts at the edges of windows of this length, which are at whole multiples of
    /// it.
    pub(crate) fn new(window_us: u64) -> Self {
        Self { window_us }
    }

    /// Returns the time from `now_us`, in microseconds since 1970, to the next burst; `None` within
    /// one.
    pub(crate) fn pause(self, now_us: u64) -> Option<Duration> {
        let (period, part) = (2 * self.window_us, self.window_us / PART_OF_WINDOW);
        let since_edge = now_us % period;
        let is_within = since_edge <= part || since_edge + part >= period;
        (!is_within).then(|| Duration::from_micros(period - part - since_edge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_lies_around_every_second_edge() {
        let bursts = EdgeBursts::new(1_000);
        let cases = [
            (0, None),
            (100, None),
            (101, Some(1_799)),
            (1_000, Some(900)),
            (1_899, Some(1)),
            (1_900, None),
            (1_999, None),
            (8_000_000, None),
        ];
        for (now_us, pause_us) in cases {
            let pause = bursts.pause(now_us);
            assert_eq!(pause, pause_us.map(Duration::from_micros), "{now_us}");
        }
    }
}
