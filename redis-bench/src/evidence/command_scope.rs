//! Whose commands are the load of a step.

/// Clients whose commands are the load of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CommandScope {
    /// Clients of this program, which send the commands with these names, in lower case. Other
    /// commands are of a pool or of other clients.
    Load(&'static [&'static str]),
    /// All clients: this program makes no load, and only reads.
    Everyone,
}
