//! Bound from which avoidable time matters.

/// Share of the mean response time or of the capacity, from 0 to 1. From this share on, avoidable
/// time is a problem.
pub(super) const MATTERS: f64 = 0.10;
