//! Throughput, operations, waiting, queue and utilisation of disks.

use super::RateWindow;
use crate::figure::{FigureValue, Figures};
use crate::source::disk::{DiskCounters, DiskSample, TIME_QUANTUM_NS};

pub(super) fn rates(old: &DiskSample, new: &DiskSample, window: RateWindow, out: &mut Figures) {
    for (device, new) in new {
        if let Some(old) = old.get(device) {
            of_disk(device, old, new, window, out);
        }
    }
}

fn of_disk(device: &str, old: &DiskCounters, new: &DiskCounters, w: RateWindow, out: &mut Figures) {
    let mut put = |name, value: Option<FigureValue>| {
        out.put_labelled(name, &[("device", device)], value);
    };
    let read = w.per_s(Some(old.read_bytes), Some(new.read_bytes));
    let written = w.per_s(Some(old.written_bytes), Some(new.written_bytes));
    put("disk.read_bytes_per_s", read);
    put("disk.write_bytes_per_s", written);
    put("disk.reads_per_s", w.per_s(old.reads, new.reads));
    put("disk.writes_per_s", w.per_s(old.writes, new.writes));
    let read = await_ns(w, (old.reads, new.reads), (old.read_ns, new.read_ns));
    put("disk.read_await_ns", read);
    let written = await_ns(w, (old.writes, new.writes), (old.write_ns, new.write_ns));
    put("disk.write_await_ns", written);
    let queue = w.mean(old.queued_ns, new.queued_ns, TIME_QUANTUM_NS);
    put("disk.queue_length", queue);
    let busy = w.share(old.busy_ns, new.busy_ns, TIME_QUANTUM_NS);
    put("disk.busy_ratio", busy);
}

/// From a request's issue to its end, on average over those that ended in the window; `None`
/// when none did.
fn await_ns(
    window: RateWindow,
    (old_count, new_count): (Option<u64>, Option<u64>),
    (old_ns, new_ns): (Option<u64>, Option<u64>),
) -> Option<FigureValue> {
    let ended = new_count?.checked_sub(old_count?)? as f64;
    let spent_ns = new_ns?.checked_sub(old_ns?)? as f64;
    (ended > 0.0).then(|| FigureValue {
        value: spent_ns / ended,
        error: TIME_QUANTUM_NS as f64 / ended,
        over: Some(window.period),
    })
}
