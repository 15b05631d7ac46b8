//! Recorder of the history of a followed process.

use host_metrics::rate_window::FigureValue;

/// Recorder of the figures of one process, tick by tick.
pub(crate) trait ProcessRecorder: Default {
    /// Sets a label of the process: `pid`, `name`, `command` (masked) or `follow` (its target).
    /// Name and command change if the process executes another program.
    fn label(&mut self, key: &'static str, value: &str);

    /// Adds a figure of the tick that ended at `at_ns`; `reading` is `None` if it could not be read
    /// or derived.
    fn put(&mut self, at_ns: u64, name: &'static str, reading: Option<FigureValue>);
}

/// Recorder that keeps nothing.
impl ProcessRecorder for () {
    fn label(&mut self, _key: &'static str, _value: &str) {}

    fn put(&mut self, _at_ns: u64, _name: &'static str, _reading: Option<FigureValue>) {}
}
