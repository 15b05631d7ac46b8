//! Phases of a run.

/// Phase of a run, shown as progress and when a user interrupts the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reads flags, creates the output, finds or starts servers.
    Start,
    /// Opens sessions.
    Connect,
    /// Creates schema and data.
    Prepare,
    /// Waits for the instant at which all hosts start.
    Wait,
    /// Makes load that is not measured.
    WarmUp,
    /// Makes load that is measured.
    Measure,
    /// Waits for the last answers.
    Drain,
    /// Writes the report and removes the data that the run created.
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
