//! Rounding of allocations by the memory allocator of a server. `MEMORY USAGE` counts some structures
//! with their own size, but the allocator takes more for them.

/// Memory allocator of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allocator {
    /// jemalloc: sizes are multiples of `quantum` bytes, and from 4 × `quantum` on there are four
    /// sizes for each doubling. Builds of Redis with its own jemalloc have a quantum of 8, builds
    /// with that of the system mostly 16.
    Jemalloc {
        /// Distance between the smallest sizes, in bytes.
        quantum: u64,
    },
    /// `malloc` of the GNU C library: blocks are multiples of 16 bytes, 8 of which it needs itself.
    Glibc,
}

impl Allocator {
    /// Returns the bytes that the allocator takes for a structure of `bytes` bytes, as the server
    /// counts them. Source: `malloc_usable_size`, jemalloc's table of size classes.
    pub(crate) fn taken(self, bytes: u64) -> u64 {
        match self {
            Self::Jemalloc { .. } if bytes <= 8 => 8,
            Self::Jemalloc { quantum } => {
                let doubling = 1 << (bytes - 1).ilog2();
                bytes.next_multiple_of(quantum.max(doubling / 4))
            }
            Self::Glibc => (bytes + 8).next_multiple_of(16).max(32) - 8,
        }
    }

    /// Returns the bytes that the allocator takes beyond the `bytes` bytes of a structure.
    pub(crate) fn rounding(self, bytes: u64) -> u64 {
        self.taken(bytes) - bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_as_the_allocator_does() {
        let (fine, coarse) = (
            Allocator::Jemalloc { quantum: 8 },
            Allocator::Jemalloc { quantum: 16 },
        );
        for (bytes, by_8, by_16, glibc) in [
            (1, 8, 8, 24),
            (8, 8, 8, 24),
            (16, 16, 16, 24),
            (24, 24, 32, 24),
            (25, 32, 32, 40),
            (40, 40, 48, 40),
            (56, 56, 64, 56),
            (64, 64, 64, 72),
            (65, 80, 80, 72),
            (129, 160, 160, 136),
            (257, 320, 320, 264),
            (1_025, 1_280, 1_280, 1_032),
        ] {
            assert_eq!(fine.taken(bytes), by_8, "{bytes}");
            assert_eq!(coarse.taken(bytes), by_16, "{bytes}");
            assert_eq!(Allocator::Glibc.taken(bytes), glibc, "{bytes}");
        }
        assert_eq!(coarse.rounding(24), 8);
        assert_eq!(fine.rounding(24), 0);
    }
}
