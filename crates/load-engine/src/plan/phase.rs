//! Phases of a run.

/// Phase of a run, shown as progress and when a user interrupts the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The run reads flags, creates the output, and finds or starts servers.
    Start,
    /// A step opens its sessions.
    Connect,
    /// The run creates schema and data.
    Prepare,
    /// A step waits for the instant at which all hosts start.
    Wait,
    /// A step makes load that is not measured.
    WarmUp,
    /// A step makes load that is measured.
    Measure,
    /// A step waits for the last answers.
    Drain,
    /// The run writes the report and removes the data that it created.
    Save,
}

impl Phase {
    /// Returns the phase's name, as shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Connect => "connect",
            Self::Prepare => "prepare",
            Self::Wait => "wait",
            Self::WarmUp => "warm-up",
            Self::Measure => "measure",
            Self::Drain => "drain",
            Self::Save => "save",
        }
    }
}
