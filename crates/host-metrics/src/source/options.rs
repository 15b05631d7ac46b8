//! Options of a source.

use crate::Masking;

/// Options for readings that not every sample has.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Masking of names and command lines, if all processes are to be read; absent if none are.
    pub processes: Option<Masking>,
    /// Control groups to read in addition to that of this program, as paths below the root of their
    /// hierarchy.
    pub cgroups: Vec<String>,
    /// True to count TCP sockets by state, which takes time in proportion to their number.
    pub socket_states: bool,
    /// Age in nanoseconds at which slowly changing readings are renewed: load averages, open files,
    /// sensors, limits of control groups.
    pub slow_max_age_ns: u64,
}

/// Value of `slow_max_age_ns` for a reading once a second, slightly shorter because samples may be
/// early.
pub const SLOW_MAX_AGE_NS: u64 = 900_000_000;
