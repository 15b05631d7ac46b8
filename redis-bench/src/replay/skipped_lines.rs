//! Lines of a trace that a replay leaves out, counted with the first of them.

use super::trace_error::{TraceFault, TracePlace};

/// Lines of a trace that a replay leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SkippedLines {
    /// Number of lines that are no request in the format of the trace.
    pub(crate) faulty: u64,
    /// Place and fault of the first of them.
    pub(crate) first_faulty: Option<String>,
    /// Number of commands that are no reads, writes or removals of string keys.
    pub(crate) commands: u64,
    /// Place of the first of them.
    pub(crate) first_command: Option<TracePlace>,
}

impl SkippedLines {
    /// Counts a line at `place` that has this fault.
    pub(super) fn count_faulty(&mut self, place: TracePlace, fault: &TraceFault) {
        self.faulty += 1;
        self.first_faulty
            .get_or_insert_with(|| format!("{place}: {fault}"));
    }

    /// Counts a command at `place` that is not replayed.
    pub(super) fn count_command(&mut self, place: TracePlace) {
        self.commands += 1;
        self.first_command.get_or_insert(place);
    }

    /// Adds the lines of a later reading of the same trace.
    pub(super) fn add(&mut self, later: &Self) {
        self.faulty += later.faulty;
        self.commands += later.commands;
        if self.first_faulty.is_none() {
            self.first_faulty.clone_from(&later.first_faulty);
        }
        self.first_command = self.first_command.or(later.first_command);
    }
}
