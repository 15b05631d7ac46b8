//! Shares of a load that several workers make together.

/// Returns the part of `whole` that worker `index`, from 0, of `count` makes. The parts differ by
/// at most one and add up to `whole`. Panics if `count` is 0.
pub fn share_of(whole: u64, index: u64, count: u64) -> u64 {
    whole / count + u64::from(index < whole % count)
}
