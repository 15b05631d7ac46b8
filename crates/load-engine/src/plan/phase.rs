//! Phases of a run.

/// Phase of a run, for progress and for people who interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Flags are read, outputs claimed, servers found or started.
    Start,
    /// Sessions are opened.
    Connect,
    /// Schema and data are made.
    Prepare,
    /// The instant at which all hosts start is waited for.
    Wait,
    /// Load that is not measured.
    WarmUp,
    /// Load that is measured.
    Measure,
    /// Answers are waited for.
    Drain,
    /// The report is written and what was made is removed.
    Save,
}

impl Phase {
    /// Its name, as shown.
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
