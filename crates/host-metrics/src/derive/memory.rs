//! Memory in use, and what becomes of pages.

use super::RateWindow;
use crate::figure::Figures;
use crate::source::memory::{MemorySample, PagingSample};

pub(super) fn gauges(memory: &MemorySample, out: &mut Figures) {
    let used_ratio = |available: u64| 1.0 - available as f64 / memory.total_bytes as f64;
    out.put("memory.total_bytes", Some(memory.total_bytes));
    out.put("memory.available_bytes", memory.available_bytes);
    let used = memory.available_bytes.map(|a| memory.total_bytes - a);
    out.put("memory.used_bytes", used);
    out.put("memory.used_ratio", memory.available_bytes.map(used_ratio));
    out.put("memory.cached_bytes", memory.cached_bytes);
    out.put("memory.dirty_bytes", memory.dirty_bytes);
    out.put("memory.slab_bytes", memory.slab_bytes);
    let reclaimable = memory.slab_reclaimable_bytes;
    out.put("memory.slab_reclaimable_bytes", reclaimable);
    out.put("memory.huge_anonymous_bytes", memory.huge_anonymous_bytes);
    out.put("memory.huge_total_bytes", memory.huge_total_bytes);
    out.put("memory.huge_free_bytes", memory.huge_free_bytes);
    out.put("swap.used_bytes", memory.swap_used_bytes);
}

pub(super) fn rates(old: &PagingSample, new: &PagingSample, window: RateWindow, out: &mut Figures) {
    let read = window.per_s(old.swapped_in_bytes, new.swapped_in_bytes);
    out.put("swap.in_bytes_per_s", read);
    let written = window.per_s(old.swapped_out_bytes, new.swapped_out_bytes);
    out.put("swap.out_bytes_per_s", written);
    let faults = window.per_s(old.major_faults, new.major_faults);
    out.put("memory.major_faults_per_s", faults);
    // A kill is too rare for a rate: what counts is that there was one.
    let kills = new.oom_kills.zip(old.oom_kills);
    let kills = kills.and_then(|(new, old)| new.checked_sub(old));
    out.put("memory.oom_kills", kills);
}
