//! Readings with the time at which they were taken.

use crate::clock::monotonic_ns;

/// Beginning and end of a read on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadSpan {
    /// Time before the read, in nanoseconds.
    pub begin_ns: u64,
    /// Time after the read, in nanoseconds.
    pub end_ns: u64,
}

impl ReadSpan {
    /// Returns the best estimate of the instant at which the kernel took the figures, in
    /// nanoseconds.
    pub fn midpoint_ns(&self) -> u64 {
        u64::midpoint(self.begin_ns, self.end_ns)
    }

    /// Returns the largest distance of that instant from the midpoint, in nanoseconds.
    pub fn slack_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.begin_ns).div_ceil(2)
    }
}

/// Value with the time of its read.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed<T> {
    /// Time of the read.
    pub span: ReadSpan,
    /// Value that was read.
    pub value: T,
}

impl<T> Timed<T> {
    /// Calls `read`, and notes the time before and after.
    ///
    /// # Errors
    /// Fails as `read` does.
    pub(crate) fn around<E>(read: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        let begin_ns = monotonic_ns();
        let value = read()?;
        let end_ns = monotonic_ns();
        Ok(Self {
            span: ReadSpan { begin_ns, end_ns },
            value,
        })
    }

    /// Converts the value and keeps the time.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Timed<U> {
        Timed {
            span: self.span,
            value: change(self.value),
        }
    }
}
