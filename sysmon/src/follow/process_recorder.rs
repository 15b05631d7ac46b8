//! Recorder of the history of a followed process.

use host_metrics::rate_window::FigureValue;

/// Recorder of the figures of one process over time, sample by sample.
pub(crate) trait ProcessRecorder: Default {
    /// Sets a label of the process: `pid`, `name`, `command` (with secrets masked) or `follow` (its
    /// target), replacing an earlier value. Name and command change if the process executes another
    /// program.
    fn label(&mut self, key: &'static str, value: &str);

    /// Adds the value of the figure `name` in the sample that ended at `at_ns`, in nanoseconds of
    /// the monotonic clock. `reading` is `None` if the figure could not be read or derived.
    fn put(&mut self, at_ns: u64, name: &'static str, reading: Option<FigureValue>);
}

/// Recorder that stores nothing, for views without a history.
impl ProcessRecorder for () {
    fn label(&mut self, _key: &'static str, _value: &str) {}

    fn put(&mut self, _at_ns: u64, _name: &'static str, _reading: Option<FigureValue>) {}
}
