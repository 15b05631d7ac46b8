//! Beginning of the hot key's value: when it expires, and how long the back-end took for it.

use std::io::Write as _;

use bench_report::clock::monotonic_ns;
use rand::RngExt as _;
use rand::rngs::SmallRng;

/// Length of the stamp in bytes, which is that of the shortest value.
pub(super) const STAMP_BYTES: usize = 32;
/// Length of the instant at the beginning of the stamp.
const INSTANT_BYTES: usize = 20;

/// Instant at which a value expires and time that its computation took, as its first bytes tell. The
/// instant is on this host's monotonic clock, because one process makes the whole load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HotKeyStamp {
    pub(super) expires_us: u64,
    pub(super) computed_us: u64,
}

impl HotKeyStamp {
    /// Returns the present on the clock of stamps, in microseconds.
    pub(super) fn now_us() -> u64 {
        monotonic_ns() / 1_000
    }

    /// Writes the stamp over the beginning of `value`.
    pub(super) fn write(self, value: &mut [u8]) {
        let (instant, width) = (self.expires_us, STAMP_BYTES - INSTANT_BYTES);
        let mut begin = value;
        // A value is at least as long as a stamp.
        let _ = write!(begin, "{instant:020}{:0width$}", self.computed_us);
    }

    /// Reads the stamp of `value`; `None` if it has none.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse().ok();
        Some(Self {
            expires_us: number(value.get(..INSTANT_BYTES)?)?,
            computed_us: number(value.get(INSTANT_BYTES..STAMP_BYTES)?)?,
        })
    }

    /// Draws whether a request at `now_us` computes the value early, with the probability
    /// e^(−(expiry − now) ÷ δ) where δ is the time of the last computation: `XFetch` with β = 1
    /// (Vattani, Chierichetti and Lowenstein, VLDB 2015).
    pub(super) fn is_early(self, now_us: u64, random: &mut SmallRng) -> bool {
        let left_us = self.expires_us.saturating_sub(now_us) as f64;
        // From here on the probability is below 10⁻¹³, and most requests need no draw.
        if left_us > 30.0 * self.computed_us as f64 {
            return false;
        }
        let ahead_us = -(self.computed_us as f64) * (1.0 - random.random::<f64>()).ln();
        ahead_us >= left_us
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_stamp_reads_as_it_was_written() {
        let stamp = HotKeyStamp {
            expires_us: 1_234_567_890_123,
            computed_us: 50_321,
        };
        let mut value = vec![b'x'; 40];
        stamp.write(&mut value);
        assert_eq!(HotKeyStamp::read(&value), Some(stamp));
        assert_eq!(&value[STAMP_BYTES..], b"xxxxxxxx");
        assert_eq!(HotKeyStamp::read(b"short"), None);
        assert_eq!(HotKeyStamp::read(&[b'x'; 40]), None);
    }

    #[test]
    fn early_computations_become_likelier_towards_the_expiry() {
        let stamp = HotKeyStamp {
            expires_us: 10_000_000,
            computed_us: 100_000,
        };
        let mut random = SmallRng::seed_from_u64(5);
        for (left_us, wanted) in [
            (0, 1.0),
            (100_000, 0.367_9),
            (300_000, 0.049_8),
            (4_000_000, 0.0),
        ] {
            let now_us = stamp.expires_us - left_us;
            let early = (0..100_000).filter(|_| stamp.is_early(now_us, &mut random));
            let share = early.count() as f64 / 1e5;
            assert!((share - wanted).abs() < 0.006, "{left_us}: {share}");
        }
    }
}
