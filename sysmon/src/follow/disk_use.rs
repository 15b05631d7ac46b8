//! Bytes that every process reads from disks and writes to them during a recording.

use std::collections::BTreeMap;

use host_metrics::source::process::{ProcessFields, ProcessId, ProcessSample};

use super::lookup::ProcessLookup;
use super::selection::StartTracker;

/// Shortest time from one look at all processes to the next, in nanoseconds. A look opens a file of each
/// process that ran since the last one.
const EVERY_NS: u64 = 2_000_000_000;

/// Tracker of the bytes that each process has moved between memory and disks during the recording so far. It
/// looks at all processes every two seconds, because a program that copies files may use hardly any CPU time.
/// The bytes of a child count for its parent once that has waited for its end.
#[derive(Debug, Default)]
pub(super) struct DiskUse {
    processes: BTreeMap<ProcessId, MovedBytes>,
    starts: StartTracker,
    due_ns: u64,
}

#[derive(Debug, Clone, Copy)]
struct MovedBytes {
    /// Counter of the kernel at the last look.
    counter: u64,
    /// Number of bytes since the beginning of the recording.
    moved: u64,
}

impl DiskUse {
    /// Looks at the processes of the sample that ended at `at_ns`, in nanoseconds of the monotonic clock, if
    /// the last look was two seconds ago or more.
    pub(super) fn look(
        &mut self,
        at_ns: u64,
        samples: &[ProcessSample],
        lookup: &mut dyn ProcessLookup,
    ) {
        if at_ns < self.due_ns {
            return;
        }
        self.due_ns = at_ns + EVERY_NS;
        let fields = ProcessFields {
            io: true,
            ..ProcessFields::default()
        };
        let mut processes = BTreeMap::new();
        // A kernel thread has no memory of its own, and transfers nothing in its own name.
        for sample in samples.iter().filter(|sample| sample.rss_bytes > 0) {
            let Some(io) = lookup.detail(sample.id, fields).io else {
                continue;
            };
            let bytes = io.value;
            let counter = bytes
                .disk_read_bytes
                .saturating_add(bytes.disk_written_bytes);
            let moved = match self.processes.get(&sample.id) {
                Some(last) => last
                    .moved
                    .saturating_add(counter.saturating_sub(last.counter)),
                None if self.starts.is_new(sample.id) => counter,
                None => 0,
            };
            processes.insert(sample.id, MovedBytes { counter, moved });
        }
        self.processes = processes;
        self.starts.finish_sample(samples);
    }

    /// Returns the number of bytes that the process has moved since the beginning of the recording, as of the
    /// last look; 0 if it was not seen or its counters could not be read.
    pub(super) fn moved_bytes(&self, id: ProcessId) -> u64 {
        self.processes.get(&id).map_or(0, |process| process.moved)
    }
}
