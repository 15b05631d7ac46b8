//! Shares of a load that several workers make together.

/// Name of a step's figure: the number of arrivals that workers should have made and did not,
/// because they were lost, late or received no orders.
pub const ARRIVALS_NOT_MADE: &str = "arrivals_not_made";

/// Returns the part of `whole` that worker `index`, from 0, of `count` makes. The parts differ by
/// at most one and add up to `whole`. Panics if `count` is 0.
pub fn share_of(whole: u64, index: u64, count: u64) -> u64 {
    whole / count + u64::from(index < whole % count)
}
