//! Metrics of memory and swap.

use host_metrics::source::memory::{ArcSample, MemorySample, PagingSample};

use super::definition::metrics;

metrics! {
    /// Metrics of the machine's memory, swap excepted.
    IN_USE: MemorySample {
        TOTAL = level("memory.total_bytes", Some("sysmon_memory_total_bytes"),
            "Memory that the kernel manages.", |m| Some(m.total_bytes));
        AVAILABLE = level("memory.available_bytes", Some("sysmon_memory_available_bytes"),
            "Memory available without swapping.", |m| m.available_bytes);
        USED = level("memory.used_bytes", None,
            "Memory that is not available without swapping.", used).should_level_off();
        USED_RATIO = gauge("memory.used_ratio", None,
            "Share of memory that is not available without swapping.",
            used_ratio).titled("memory used");
        CACHED = level("memory.cached_bytes", Some("sysmon_memory_cached_bytes"),
            "Page cache, buffers included.", |m| m.cached_bytes);
        ANONYMOUS = level("memory.anonymous_bytes", Some("sysmon_memory_anonymous_bytes"),
            "Memory of programs that no file backs.", |m| m.anonymous_bytes).should_level_off();
        SHARED = level("memory.shared_bytes", Some("sysmon_memory_shared_bytes"),
            "Memory that programs share, and files of memory disks; part of the page cache.",
            |m| m.shared_bytes);
        DIRTY = level("memory.dirty_bytes", Some("sysmon_memory_dirty_bytes"),
            "Memory changed and not yet written to disk, or being written.",
            |m| m.dirty_bytes).titled("memory dirty");
        SLAB = level("memory.slab_bytes", Some("sysmon_memory_slab_bytes"),
            "Memory of the kernel's own objects.", |m| m.slab_bytes).titled("memory slab");
        SLAB_RECLAIMABLE = level(
            "memory.slab_reclaimable_bytes", Some("sysmon_memory_slab_reclaimable_bytes"),
            "Memory of the kernel's own objects that it can reclaim.", |m| m.slab_reclaimable_bytes);
        HUGE_ANONYMOUS = level(
            "memory.huge_anonymous_bytes", Some("sysmon_memory_huge_anonymous_bytes"),
            "Memory of programs in transparent huge pages.", |m| m.huge_anonymous_bytes);
        HUGE_TOTAL = level("memory.huge_total_bytes", Some("sysmon_memory_huge_total_bytes"),
            "Memory set aside as huge pages.", |m| m.huge_total_bytes);
        HUGE_FREE = level("memory.huge_free_bytes", Some("sysmon_memory_huge_free_bytes"),
            "Memory of huge pages that are not in use.", |m| m.huge_free_bytes);
    }
}

fn used(memory: &MemorySample) -> Option<u64> {
    memory
        .available_bytes
        .map(|available| memory.total_bytes - available)
}

fn used_ratio(memory: &MemorySample) -> Option<f64> {
    let share = |available: u64| 1.0 - available as f64 / memory.total_bytes as f64;
    memory.available_bytes.map(share)
}

metrics! {
    /// Metrics of major page faults, and of processes killed because memory ran out. Kills are too
    /// rare for a rate, so they are recorded as counts.
    FAULTS: PagingSample {
        MAJOR_FAULTS = rate("memory.major_faults_per_s", Some("sysmon_major_faults"),
            "Page faults that waited for a disk.",
            |p| p.major_faults).titled("major faults/s").hidden_if_zero();
        OOM_KILLS = growth("memory.oom_kills", Some("sysmon_oom_kills"),
            "Processes killed because memory ran out.",
            |p| p.oom_kills).titled("OOM kills").hidden_if_zero();
    }
}

metrics! {
    /// Metrics of reclaim: the search for memory that can be freed. Programs that search themselves
    /// wait meanwhile.
    RECLAIM: PagingSample {
        SCANNED_DIRECT = rate(
            "memory.scanned_direct_bytes_per_s", Some("sysmon_memory_scanned_direct_bytes"),
            "Memory that waiting programs looked through to free some.",
            |p| p.scanned_direct_bytes).titled("memory scanned, waiting").hidden_if_zero();
        SCANNED_BACKGROUND = rate(
            "memory.scanned_background_bytes_per_s", Some("sysmon_memory_scanned_background_bytes"),
            "Memory that the kernel looked through to free some.", |p| p.scanned_background_bytes);
        REFAULTS = rate("memory.refaults_per_s", Some("sysmon_memory_refaults"),
            "Pages that were needed again soon after they were dropped.",
            |p| p.refaults).titled("refaults/s").hidden_if_zero();
    }
}

metrics! {
    /// Metrics of the cache of ZFS, which counts as used memory although most of it can be freed.
    ARC: ArcSample {
        ARC_SIZE = level("memory.arc_bytes", Some("sysmon_memory_arc_bytes"),
            "Size of the cache of ZFS (ARC).", |a| Some(a.size_bytes)).titled("memory ZFS ARC");
        ARC_MIN = level("memory.arc_min_bytes", Some("sysmon_memory_arc_min_bytes"),
            "Size to which ZFS shrinks its cache if programs need memory.", |a| a.min_bytes);
    }
}

metrics! {
    /// Metric of the swap in use on the machine.
    SWAP: MemorySample {
        SWAP_USED = level("swap.used_bytes", Some("sysmon_swap_used_bytes"),
            "Swap in use.", |m| m.swap_used_bytes).titled("swap used").hidden_if_zero();
    }
}

metrics! {
    /// Metrics of the transfers from and to swap, in bytes per second.
    SWAPPING: PagingSample {
        SWAPPED_IN = rate("swap.in_bytes_per_s", Some("sysmon_swap_in_bytes"),
            "Bytes read back from swap.", |p| p.swapped_in_bytes).titled("swap in").hidden_if_zero();
        SWAPPED_OUT = rate("swap.out_bytes_per_s", Some("sysmon_swap_out_bytes"),
            "Bytes written to swap.", |p| p.swapped_out_bytes).titled("swap out").hidden_if_zero();
    }
}
