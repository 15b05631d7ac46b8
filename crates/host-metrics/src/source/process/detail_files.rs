//! Files of one process for its expensive figures, with the figures last read.

use std::fs::File;

use super::{ProcessDetail, ProcessFields, SchedulerWait};
use crate::source::ReadSpan;

/// Files of one process for its expensive figures. An entry is `None` while its file is closed.
#[derive(Debug)]
pub(super) struct DetailFiles {
    pub(super) pid: u32,
    pub(super) io: Option<File>,
    pub(super) status: Option<File>,
    pub(super) smaps: Option<File>,
    pub(super) schedule: Option<File>,
    pub(super) descriptors: Option<File>,
    /// Scheduler counters of each thread at the last reading, by thread id in ascending order.
    threads: Vec<(u32, SchedulerWait)>,
    was_read: bool,
    waited: SchedulerWait,
    pub(super) last: Option<(ProcessFields, ProcessDetail)>,
    /// Figures that were ever requested of this process; those of them that could not be read
    /// follow in `unread`.
    pub(super) asked: ProcessFields,
    pub(super) unread: ProcessFields,
}

impl DetailFiles {
    pub(super) fn new(pid: u32) -> Self {
        Self {
            pid,
            io: None,
            status: None,
            smaps: None,
            schedule: None,
            descriptors: None,
            threads: Vec::new(),
            was_read: false,
            waited: SchedulerWait::default(),
            last: None,
            asked: ProcessFields::default(),
            unread: ProcessFields::default(),
        }
    }

    /// Returns the last figures again, with `still` as the time of their read, for a process that
    /// has slept since. `None` if nothing was read yet, if other figures are requested, or if swap
    /// or PSS is among them, which may change while the process sleeps.
    pub(super) fn reuse(
        &mut self,
        fields: ProcessFields,
        still: ReadSpan,
    ) -> Option<ProcessDetail> {
        let (asked, last) = self.last.as_mut()?;
        if *asked != fields || fields.swap || fields.pss {
            return None;
        }
        let io = last.io.as_mut().map(|io| &mut io.span);
        let scheduler = last.scheduler.as_mut().map(|waiting| &mut waiting.span);
        for span in io.into_iter().chain(scheduler) {
            *span = still;
        }
        Some(last.clone())
    }

    pub(super) fn handles(&self) -> usize {
        let kept = [
            &self.io,
            &self.status,
            &self.smaps,
            &self.schedule,
            &self.descriptors,
        ];
        kept.into_iter().filter(|file| file.is_some()).count()
    }

    /// Adds the time that each thread waited for a CPU since the last call, and its switches, to a
    /// sum, and returns the sum since the first call. The sum is kept because a thread's counters
    /// vanish when it ends. A thread that is new since the last call counts in full; in the first
    /// call nothing counts.
    pub(super) fn add_waits(&mut self, threads: &[(u32, SchedulerWait)]) -> SchedulerWait {
        for (thread, now) in threads {
            let before = self
                .threads
                .binary_search_by_key(thread, |(known, _)| *known);
            let before = match before {
                Ok(index) => self.threads[index].1,
                Err(_) if self.was_read => SchedulerWait::default(),
                Err(_) => *now,
            };
            self.waited.waited_ns += now.waited_ns.saturating_sub(before.waited_ns);
            self.waited.switches += now.switches.saturating_sub(before.switches);
        }
        self.threads.clear();
        self.threads.extend_from_slice(threads);
        self.was_read = true;
        self.waited
    }
}
