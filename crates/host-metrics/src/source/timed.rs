//! Values that were read, with the time of the read.

use crate::clock::monotonic_ns;

/// Times before and after a read, on the monotonic clock (`CLOCK_MONOTONIC`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadSpan {
    /// Time before the read, in nanoseconds on the monotonic clock.
    pub begin_ns: u64,
    /// Time after the read, in nanoseconds on the monotonic clock.
    pub end_ns: u64,
}

impl ReadSpan {
    /// Returns the middle of the read, in nanoseconds on the monotonic clock: the best estimate of
    /// the instant at which the kernel took the figures.
    pub fn midpoint_ns(&self) -> u64 {
        u64::midpoint(self.begin_ns, self.end_ns)
    }

    /// Returns half of the length of the read, rounded up, in nanoseconds: the largest error of the
    /// midpoint as that instant.
    pub fn slack_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.begin_ns).div_ceil(2)
    }
}

/// Value that was read, with the time of the read.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed<T> {
    /// Times before and after the read.
    pub span: ReadSpan,
    /// Value that was read in that time.
    pub value: T,
}

impl<T> Timed<T> {
    /// Calls `read` and returns its value with the times before and after the call.
    ///
    /// # Errors
    /// Returns the error of `read`.
    pub(crate) fn around<E>(read: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        let begin_ns = monotonic_ns();
        let value = read()?;
        let end_ns = monotonic_ns();
        Ok(Self {
            span: ReadSpan { begin_ns, end_ns },
            value,
        })
    }

    /// Converts the value with `change` and keeps the time.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Timed<U> {
        Timed {
            span: self.span,
            value: change(self.value),
        }
    }
}
