//! Shares of a load that several workers make together.

/// Name of a step's figure: arrivals that workers were to make and did not, as they were lost, late or
/// told nothing.
pub const ARRIVALS_NOT_MADE: &str = "arrivals_not_made";

/// Returns the part of `whole` that worker `index` of `count` makes: parts differ by at most one and add
/// up. `count` is 1 or more.
pub fn share_of(whole: u64, index: u64, count: u64) -> u64 {
    whole / count + u64::from(index < whole % count)
}
