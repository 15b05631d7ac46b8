//! Setting of a step: what its repeats have in common.

use crate::clients::ClientKind;

/// Setting of a step: what its repeats have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Way to connect.
    pub(crate) client: ClientKind,
    /// Index of the workload's variant.
    pub(crate) variant: usize,
}
