//! Times at which a replay sends the requests of a trace.

use std::path::{Path, PathBuf};

use super::spread::{Spread, TimedEvent};
use super::trace_error::TraceError;
use super::trace_reader::{TraceFormat, TraceReader};

/// Events of a trace with the times at which they are due, counted from the start of the replay.
/// After an error there are no more.
#[derive(Debug)]
pub(crate) struct ReplaySchedule {
    file: PathBuf,
    format: TraceFormat,
    speed: f64,
    loops_left: u32,
    /// Events of the running loop; `None` after the last.
    events: Option<Spread>,
    /// Time in the trace at which the running loop begins, in nanoseconds.
    begin_ns: u64,
    skipped: u64,
    out_of_order: u64,
}

impl ReplaySchedule {
    /// Opens `file` to be replayed `loops` times, `speed` times as fast as its own times say. A loop
    /// begins where the last second of the loop before ends. The file is read anew for each.
    ///
    /// # Errors
    /// Fails if the file cannot be opened, or has no header where the format needs one.
    pub(crate) fn open(
        file: &Path,
        format: TraceFormat,
        speed: f64,
        loops: u32,
    ) -> Result<Self, TraceError> {
        let events = TraceReader::open(file, format)?;
        Ok(Self {
            file: file.to_owned(),
            format,
            speed,
            loops_left: loops.saturating_sub(1),
            events: (loops > 0).then(|| Spread::new(events)),
            begin_ns: 0,
            skipped: 0,
            out_of_order: 0,
        })
    }

    /// Returns the number of commands of all loops so far that were skipped, because a replay does
    /// not send such.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped + self.events.as_ref().map_or(0, Spread::skipped)
    }

    /// Returns the number of events of all loops so far that had a time before that of the one ahead
    /// of them.
    pub(crate) fn out_of_order(&self) -> u64 {
        self.out_of_order + self.events.as_ref().map_or(0, Spread::out_of_order)
    }

    /// Ends the running loop, and begins the next if one is left. A loop without a length would be
    /// followed by others at the same time, so it is the last.
    fn next_loop(&mut self) -> Result<(), TraceError> {
        (self.skipped, self.out_of_order) = (self.skipped(), self.out_of_order());
        let length_ns = self.events.take().map_or(0, |events| events.length_ns());
        if self.loops_left == 0 || length_ns == 0 {
            return Ok(());
        }
        self.loops_left -= 1;
        self.begin_ns = self.begin_ns.saturating_add(length_ns);
        self.events = Some(Spread::new(TraceReader::open(&self.file, self.format)?));
        Ok(())
    }
}

impl Iterator for ReplaySchedule {
    type Item = Result<TimedEvent, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.events.as_mut()?.next() {
                Some(Ok(TimedEvent { at_ns, event })) => {
                    let trace_ns = self.begin_ns.saturating_add(at_ns);
                    return Some(Ok(TimedEvent {
                        at_ns: (trace_ns as f64 / self.speed) as u64,
                        event,
                    }));
                }
                Some(Err(error)) => {
                    self.loops_left = 0;
                    return Some(Err(error));
                }
                None => {
                    if let Err(error) = self.next_loop() {
                        return Some(Err(error));
                    }
                }
            }
        }
    }
}
