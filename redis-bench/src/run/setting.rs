//! Setting of a step: what its repeats have in common.

use crate::clients::ClientKind;

/// Setting of a step: what its repeats have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setting {
    /// Way to connect.
    pub(crate) client: ClientKind,
    /// Number of connections; `None` if each user or request has one.
    pub(crate) connections: Option<u64>,
    /// Index of the workload's variant.
    pub(crate) variant: usize,
}
