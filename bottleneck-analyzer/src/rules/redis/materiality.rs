//! Bound of what matters.

/// Share of the mean response time or of the capacity. From this share on, avoidable time is a problem.
pub(super) const MATTERS: f64 = 0.10;
