//! Clock of a client: the host's, plus the client's own error; and what is known of the server's.

use std::time::Duration;

use load_engine::WallTime;

/// Clock of one client, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientClock {
    /// Time by which this client's clock is ahead.
    ahead_us: u64,
    /// Time by which the server's clock is ahead of this host's, as far as it is known.
    server_ahead_us: i64,
    /// Shortest time of an answer that told the server's clock, in microseconds; the shorter, the
    /// more exact. `None` before the first.
    shortest: Option<u64>,
}

impl ClientClock {
    /// Creates the clock of a client that is `ahead` of the host's. The server's clock is supposed
    /// to be the host's until an answer tells it.
    pub(crate) fn new(ahead: Duration) -> Self {
        Self {
            ahead_us: ahead.as_micros() as u64,
            server_ahead_us: 0,
            shortest: None,
        }
    }

    /// Reads the host's clock.
    pub(crate) fn host_us() -> u64 {
        WallTime::now().as_nanos() / 1_000
    }

    /// Returns the time that this client's clock shows at `host_us` on the host's.
    pub(crate) fn shown_us(&self, host_us: u64) -> u64 {
        host_us + self.ahead_us
    }

    /// Returns the time that the server's clock shows at `host_us` on the host's.
    pub(crate) fn server_us(&self, host_us: u64) -> u64 {
        host_us.saturating_add_signed(self.server_ahead_us)
    }

    /// Learns the server's clock from an answer: it showed `server_us` at some instant within
    /// `took_us` after `sent_us` on the host's.
    pub(crate) fn learn(&mut self, server_us: u64, sent_us: u64, took_us: u64) {
        if self.shortest.is_none_or(|shortest| took_us <= shortest) {
            self.shortest = Some(took_us);
            self.server_ahead_us = server_us.cast_signed() - (sent_us + took_us / 2).cast_signed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_answer_tells_the_servers_clock() {
        let mut clock = ClientClock::new(Duration::from_millis(5));
        assert_eq!(clock.server_us(100), 100);
        clock.learn(5_000, 1_000, 100);
        assert_eq!(clock.server_us(2_000), 2_000 + 3_950);
        clock.learn(9_000, 1_000, 4_000);
        assert_eq!(
            clock.server_us(2_000),
            2_000 + 3_950,
            "slower, so less exact"
        );
        clock.learn(1_000, 2_000, 10);
        assert_eq!(clock.server_us(2_000), 995);
        assert_eq!(clock.shown_us(2_000), 7_000);
    }
}
