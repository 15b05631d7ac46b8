//! Selection of the processes that use the most CPU time, memory or disk.

use std::cmp::Reverse;

use host_metrics::source::process::{ProcessId, ProcessSample};

/// Smallest number of bytes by which a process is selected: a program that logs a line now and then is none of
/// those that keep a disk busy.
const LEAST_DISK_BYTES: u64 = 1 << 20;

/// CPU time, memory and disk transfers of one process, by which processes are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessUse {
    /// Process id and start time of the process.
    pub id: ProcessId,
    /// CPU time in nanoseconds, over a period that the caller chooses.
    pub cpu_ns: u64,
    /// Resident memory of the process, in bytes.
    pub rss_bytes: u64,
    /// Bytes read from disks and written to them, over the same period; 0 if they are not read.
    pub disk_bytes: u64,
}

/// Selects the first `most` of `all` by CPU time, leaving out processes without any, the first `most`
/// by memory, and the first `most` by disk transfers, leaving out those below 1 MiB. Among equal ones
/// the earlier is preferred. The result is true at the index of each selected process.
pub(crate) fn select_top(all: &[ProcessUse], most: usize) -> Vec<bool> {
    let mut selected = vec![false; all.len()];
    let mut indices: Vec<usize> = (0..all.len()).collect();
    for index in greatest(&mut indices, most, |index| all[index].cpu_ns) {
        selected[*index] |= all[*index].cpu_ns > 0;
    }
    for index in greatest(&mut indices, most, |index| all[index].rss_bytes) {
        selected[*index] = true;
    }
    for index in greatest(&mut indices, most, |index| all[index].disk_bytes) {
        selected[*index] |= all[*index].disk_bytes >= LEAST_DISK_BYTES;
    }
    selected
}

/// Returns the `most` indices with the largest values, or all if there are fewer, in no particular
/// order. Among equal values the smaller index is preferred. `indices` is reordered.
fn greatest(indices: &mut [usize], most: usize, value: impl Fn(usize) -> u64) -> &[usize] {
    if (1..indices.len()).contains(&most) {
        indices.select_nth_unstable_by_key(most - 1, |index| (Reverse(value(*index)), *index));
    }
    &indices[..most.min(indices.len())]
}

/// Detector of processes that started after the last sample. All their CPU time was used since
/// then, unlike that of older processes that are seen for the first time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StartTracker {
    latest_start: Option<u64>,
}

impl StartTracker {
    /// Returns true if a process that was not in the last sample started after that sample. A
    /// process as young as the youngest one seen so far counts as started later. Returns false
    /// before the end of the first sample.
    pub(crate) fn is_new(self, id: ProcessId) -> bool {
        self.latest_start.is_some_and(|latest| id.started >= latest)
    }

    /// Ends the sample `samples`, after [`StartTracker::is_new`] was called for all of its
    /// processes.
    pub(crate) fn finish_sample(&mut self, samples: &[ProcessSample]) {
        let latest = samples.iter().map(|sample| sample.id.started).max();
        self.latest_start = latest.max(self.latest_start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(uses: &[(u64, u64)]) -> Vec<ProcessUse> {
        let uses = uses.iter().zip(1..);
        let one = |((cpu_ns, rss_bytes), pid): (&(u64, u64), u32)| ProcessUse {
            id: ProcessId { pid, started: 0 },
            cpu_ns: *cpu_ns,
            rss_bytes: *rss_bytes,
            disk_bytes: 0,
        };
        uses.map(one).collect()
    }

    #[test]
    fn the_first_by_cpu_time_and_the_first_by_memory_are_selected() {
        let all = all(&[(5, 10), (9, 20), (0, 40), (7, 30)]);
        assert_eq!(select_top(&all, 0), [false; 4]);
        assert_eq!(select_top(&all, 1), [false, true, true, false]);
        assert_eq!(select_top(&all, 2), [false, true, true, true]);
        assert_eq!(select_top(&all, 9), [true; 4]);
    }

    #[test]
    fn who_used_no_cpu_time_is_not_selected_by_it_and_of_equals_the_earlier_is() {
        let idle = all(&[(0, 1), (0, 2), (0, 2)]);
        assert_eq!(select_top(&idle, 1), [false, true, false]);
    }

    #[test]
    fn who_moves_the_most_bytes_to_and_from_disks_is_selected_from_a_mebibyte_on() {
        let mut all = all(&[(0, 10), (0, 20), (0, 5), (0, 5)]);
        (all[0].disk_bytes, all[2].disk_bytes) = (LEAST_DISK_BYTES, LEAST_DISK_BYTES + 1);
        assert_eq!(select_top(&all, 1), [false, true, true, false]);
        assert_eq!(select_top(&all, 2), [true, true, true, false]);
        all[2].disk_bytes = LEAST_DISK_BYTES - 1;
        all[0].disk_bytes = 0;
        assert_eq!(select_top(&all, 1), [false, true, false, false]);
    }

    #[test]
    fn a_process_is_new_if_it_started_after_the_sample_before() {
        let id = |started| ProcessId { pid: 7, started };
        let mut starts = StartTracker::default();
        assert!(!starts.is_new(id(5)));
        starts.latest_start = Some(5);
        assert!(starts.is_new(id(6)) && !starts.is_new(id(4)));
        starts.finish_sample(&[]);
        assert!(starts.is_new(id(5)));
    }
}
