//! Shares of a load that several workers make together.

/// One worker out of several that share the load of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerShare {
    /// From 0.
    pub index: u64,
    /// Number of them.
    pub count: u64,
}

impl WorkerShare {
    /// The only one.
    pub const ALONE: Self = Self { index: 0, count: 1 };

    /// This worker's part of `whole`: parts differ by at most one and add up.
    pub fn share_of(self, whole: u64) -> u64 {
        whole / self.count + u64::from(self.index < whole % self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        for whole in [0, 1, 2, 7, 100] {
            let parts = (0..3).map(|index| WorkerShare { index, count: 3 }.share_of(whole));
            assert_eq!(parts.sum::<u64>(), whole);
        }
    }
}
