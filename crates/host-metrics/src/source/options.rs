//! Options of a source.

use crate::Masking;

/// Readings beyond those that every sample has.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Reads every process, and masks secrets in what it says of itself by this.
    pub processes: Option<Masking>,
    /// Control groups besides that of this program, as paths below the root of their hierarchy.
    pub cgroups: Vec<String>,
    /// True to count TCP sockets by state, which takes time in proportion to their number.
    pub socket_states: bool,
    /// Age, in nanoseconds, at which readings that change slowly are read again: load averages, open
    /// files, sensors, limits of control groups.
    pub slow_max_age_ns: u64,
}

/// Age for a reading once a second, with room for samples that come a little early.
pub const SLOW_MAX_AGE_NS: u64 = 900_000_000;
