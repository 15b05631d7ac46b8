//! The files that tell more of one process, and what they told last.

use std::fs::File;

use super::{ProcessDetail, ProcessFields, SchedulerWait};
use crate::source::ReadSpan;

/// The files of one process, some of them kept open.
#[derive(Debug)]
pub(super) struct DetailFiles {
    pub(super) pid: u32,
    pub(super) io: Option<File>,
    pub(super) status: Option<File>,
    pub(super) smaps: Option<File>,
    pub(super) schedule: Option<File>,
    pub(super) descriptors: Option<File>,
    /// What each thread had waited at the last look, in order of their numbers.
    threads: Vec<(u32, SchedulerWait)>,
    looked: bool,
    waited: SchedulerWait,
    pub(super) last: Option<(ProcessFields, ProcessDetail)>,
    /// What it was ever asked for, and what of that could not be read: each is counted once.
    pub(super) asked: ProcessFields,
    pub(super) unread: ProcessFields,
}

impl DetailFiles {
    pub(super) fn of(pid: u32) -> Self {
        Self {
            pid,
            io: None,
            status: None,
            smaps: None,
            schedule: None,
            descriptors: None,
            threads: Vec::new(),
            looked: false,
            waited: SchedulerWait::default(),
            last: None,
            asked: ProcessFields::default(),
            unread: ProcessFields::default(),
        }
    }

    /// What was read last, which still stood at `still`, if it is what is asked for and a process
    /// that sleeps cannot lose any of it.
    pub(super) fn still(
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

    /// Adds what each thread waited since the last look. A thread that ended takes its counters
    /// with it, so they are added up here; one that was born meanwhile has waited all it shows.
    pub(super) fn wait(&mut self, threads: &[(u32, SchedulerWait)]) -> SchedulerWait {
        for (thread, now) in threads {
            let before = self
                .threads
                .binary_search_by_key(thread, |(known, _)| *known);
            let before = match before {
                Ok(place) => self.threads[place].1,
                Err(_) if self.looked => SchedulerWait::default(),
                Err(_) => *now,
            };
            self.waited.waited_ns += now.waited_ns.saturating_sub(before.waited_ns);
            self.waited.switches += now.switches.saturating_sub(before.switches);
        }
        self.threads.clear();
        self.threads.extend_from_slice(threads);
        self.looked = true;
        self.waited
    }
}
