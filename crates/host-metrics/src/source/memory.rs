//! `/proc/meminfo` and `/proc/vmstat`: memory and swap in use now, and paging since boot.

use std::path::Path;

use super::SourceError;
use super::kept_file::KeptFile;
use super::text::pairs;

/// Memory and swap of the host at one instant, in bytes. A figure that the kernel does not report
/// is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemorySample {
    /// Total memory of the host that the kernel manages, in bytes.
    pub total_bytes: u64,
    /// Memory that programs can still get without swapping, in bytes, as the kernel estimates it
    /// (since Linux 3.14). `None` if it does not, or if the estimate exceeds the total.
    pub available_bytes: Option<u64>,
    /// Memory that caches the content of files and block devices (`Cached` and `Buffers`), in
    /// bytes; `None` if the kernel does not report both.
    pub cached_bytes: Option<u64>,
    /// Cached content that is not yet on disk (`Dirty` and `Writeback`), in bytes; `None` if the
    /// kernel does not report both.
    pub dirty_bytes: Option<u64>,
    /// Memory for objects of the kernel itself (slab), in bytes, reclaimable or not; `None` if the
    /// kernel does not report it.
    pub slab_bytes: Option<u64>,
    /// Memory of programs that no file backs (`AnonPages`), in bytes; `None` if the kernel does not
    /// report it.
    pub anonymous_bytes: Option<u64>,
    /// Memory that programs share and files of memory disks (`Shmem`), in bytes, which is part of
    /// `cached_bytes`; `None` if the kernel does not report it.
    pub shared_bytes: Option<u64>,
    /// Part of the slab that the kernel can reclaim, in bytes; `None` if the kernel does not
    /// report it.
    pub slab_reclaimable_bytes: Option<u64>,
    /// Anonymous memory of programs in transparent huge pages, in bytes; `None` if the kernel does
    /// not report it.
    pub huge_anonymous_bytes: Option<u64>,
    /// Memory reserved as huge pages, in bytes, used or free; `None` if the kernel does not report
    /// it.
    pub huge_total_bytes: Option<u64>,
    /// Part of the reserved huge pages that is not in use, in bytes; `None` if the kernel does not
    /// report it.
    pub huge_free_bytes: Option<u64>,
    /// Swap in use, in bytes; `None` if the kernel does not report it.
    pub swap_used_bytes: Option<u64>,
}

/// Counters of paging since boot. A counter that the kernel does not report is `None`, such as
/// those of swap in a kernel without swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PagingSample {
    /// Number of bytes read back from swap since boot; `None` in a kernel without swap.
    pub swapped_in_bytes: Option<u64>,
    /// Number of bytes written to swap since boot; `None` in a kernel without swap.
    pub swapped_out_bytes: Option<u64>,
    /// Number of page faults since boot that waited for a disk; `None` if the kernel does not
    /// report it.
    pub major_faults: Option<u64>,
    /// Bytes that programs looked through since boot to find memory that can be freed, while they
    /// waited for it (direct reclaim); `None` if the kernel does not report it as one number (before
    /// Linux 4.8).
    pub scanned_direct_bytes: Option<u64>,
    /// Bytes that the kernel's own thread (`kswapd`) looked through since boot to find memory that
    /// can be freed; `None` if the kernel does not report it as one number.
    pub scanned_background_bytes: Option<u64>,
    /// Number of pages since boot that were needed again soon after they were dropped; `None`
    /// before Linux 3.15.
    pub refaults: Option<u64>,
    /// Number of processes that the kernel killed for lack of memory since boot; `None` if the
    /// kernel does not report it.
    pub oom_kills: Option<u64>,
}

/// Reads the file `meminfo` in the directory `proc`, such as `/proc`, once.
///
/// # Errors
/// Fails if the file cannot be read or has no total memory.
pub fn read_memory(proc: &Path) -> Result<MemorySample, SourceError> {
    let mut meminfo = KeptFile::new(proc.join("meminfo"));
    let read = meminfo.read("MemTotal", parse_meminfo)?;
    Ok(read.value)
}

/// Parses `/proc/meminfo`; `None` if the total memory is missing, malformed or zero.
pub(crate) fn parse_meminfo(text: &str) -> Option<MemorySample> {
    let mut memory = MemorySample::default();
    let (mut swap_total, mut swap_free) = (None, None);
    let (mut cached, mut buffers) = (None, None);
    let (mut dirty, mut written_back) = (None, None);
    let (mut huge_pages, mut huge_free, mut huge_size) = (None, None, None);
    for (key, value) in pairs(text) {
        match key {
            "MemTotal:" => memory.total_bytes = bytes(value)?,
            "MemAvailable:" => memory.available_bytes = bytes(value),
            "Cached:" => cached = bytes(value),
            "Buffers:" => buffers = bytes(value),
            "Dirty:" => dirty = bytes(value),
            "Writeback:" => written_back = bytes(value),
            "Slab:" => memory.slab_bytes = bytes(value),
            "SReclaimable:" => memory.slab_reclaimable_bytes = bytes(value),
            "AnonPages:" => memory.anonymous_bytes = bytes(value),
            "Shmem:" => memory.shared_bytes = bytes(value),
            "AnonHugePages:" => memory.huge_anonymous_bytes = bytes(value),
            "HugePages_Total:" => huge_pages = value.parse::<u64>().ok(),
            "HugePages_Free:" => huge_free = value.parse::<u64>().ok(),
            "Hugepagesize:" => huge_size = bytes(value),
            "SwapTotal:" => swap_total = bytes(value),
            "SwapFree:" => swap_free = bytes(value),
            _ => {}
        }
    }
    let total_bytes = Some(memory.total_bytes).filter(|total| *total > 0)?;
    let both = |a: Option<u64>, b: Option<u64>| a?.checked_add(b?);
    let times = |a: Option<u64>, b: Option<u64>| a?.checked_mul(b?);
    Some(MemorySample {
        available_bytes: memory.available_bytes.filter(|a| *a <= total_bytes),
        cached_bytes: both(cached, buffers),
        dirty_bytes: both(dirty, written_back),
        huge_total_bytes: times(huge_pages, huge_size),
        huge_free_bytes: times(huge_free, huge_size),
        swap_used_bytes: swap_total.and_then(|total: u64| total.checked_sub(swap_free?)),
        ..memory
    })
}

/// Parses `/proc/vmstat`. `page_bytes` is the size of a memory page, in which the kernel counts
/// swap. `None` if none of the wanted counters is present.
pub(crate) fn parse_vmstat(text: &str, page_bytes: u64) -> Option<PagingSample> {
    let mut paging = PagingSample::default();
    // Since Linux 5.9 they are counted by kind of page.
    let mut refaults: (Option<u64>, Option<u64>) = (None, None);
    let bytes_of = |pages: Option<u64>| pages?.checked_mul(page_bytes);
    for (key, value) in pairs(text) {
        let count = || value.parse::<u64>().ok();
        match key {
            "pswpin" => paging.swapped_in_bytes = count().and_then(|n| n.checked_mul(page_bytes)),
            "pswpout" => paging.swapped_out_bytes = count().and_then(|n| n.checked_mul(page_bytes)),
            "pgmajfault" => paging.major_faults = count(),
            "oom_kill" => paging.oom_kills = count(),
            "pgscan_direct" => paging.scanned_direct_bytes = bytes_of(count()),
            "pgscan_kswapd" => paging.scanned_background_bytes = bytes_of(count()),
            "workingset_refault" => paging.refaults = count(),
            "workingset_refault_anon" => refaults.0 = count(),
            "workingset_refault_file" => refaults.1 = count(),
            _ => {}
        }
    }
    if let (Some(anonymous), Some(of_files)) = refaults {
        paging.refaults = anonymous.checked_add(of_files);
    }
    (paging != PagingSample::default()).then_some(paging)
}

/// Memory of the ARC, the cache of ZFS, which the kernel counts as used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArcSample {
    /// Size of the ARC in bytes.
    pub size_bytes: u64,
    /// Size in bytes to which ZFS shrinks the ARC if programs need memory; `None` if ZFS does not
    /// report it.
    pub min_bytes: Option<u64>,
}

/// Parses `/proc/spl/kstat/zfs/arcstats`, lines of `name type value`; `None` without a size.
pub(crate) fn parse_arcstats(text: &str) -> Option<ArcSample> {
    let value = |wanted: &str| -> Option<u64> {
        let (_, value) = pairs(text).find(|(name, _)| *name == wanted)?;
        value.rsplit(' ').next()?.parse().ok()
    };
    Some(ArcSample {
        size_bytes: value("size")?,
        min_bytes: value("c_min"),
    })
}

/// Parses a value in kibibytes, such as `12 kB`, and returns bytes. `None` for another unit or an
/// overflow.
fn bytes(value: &str) -> Option<u64> {
    let kibibytes: u64 = value.strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:   1000 kB\nMemFree: 1 kB\nMemAvailable:    250 kB\n\
                    Buffers: 3 kB\nCached: 7 kB\nSwapCached: 9 kB\nSwapTotal: 100 kB\n\
                    SwapFree: 60 kB\nDirty: 2 kB\nWriteback: 1 kB\nSlab: 30 kB\n\
                    SReclaimable: 20 kB\nAnonHugePages: 2048 kB\nHugePages_Total: 3\n\
                    HugePages_Free: 1\nHugepagesize: 2048 kB\n";
        let memory = parse_meminfo(text).unwrap();
        let kib = |n: u64| Some(n * 1024);
        assert_eq!(memory.total_bytes, 1_024_000);
        assert_eq!(memory.available_bytes, kib(250));
        assert_eq!(memory.cached_bytes, kib(10));
        assert_eq!(memory.dirty_bytes, kib(3));
        assert_eq!(memory.slab_bytes, kib(30));
        assert_eq!(memory.slab_reclaimable_bytes, kib(20));
        assert_eq!(memory.huge_anonymous_bytes, kib(2048));
        assert_eq!(memory.huge_total_bytes, kib(3 * 2048));
        assert_eq!(memory.huge_free_bytes, kib(2048));
        assert_eq!(memory.swap_used_bytes, kib(40));
    }

    #[test]
    fn what_is_missing_or_impossible_is_absent() {
        assert_eq!(parse_meminfo(""), None);
        assert_eq!(parse_meminfo("MemTotal: 0 kB"), None);
        assert_eq!(parse_meminfo("MemTotal: 12"), None);
        let odd = "MemTotal: 10 kB\nMemAvailable: 11 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n\
                   Cached: 1 kB\nHugePages_Total: 18446744073709551615\nHugepagesize: 2 kB\n";
        let memory = parse_meminfo(odd).unwrap();
        let only_the_total = MemorySample {
            total_bytes: 10_240,
            ..MemorySample::default()
        };
        assert_eq!(memory, only_the_total);
    }

    #[test]
    fn reclaim_is_read_in_bytes_and_refaults_over_both_kinds_of_pages() {
        let text = "pgscan_direct 3\npgscan_kswapd 5\npgscan_direct_throttle 99\n\
                    workingset_refault_anon 4\nworkingset_refault_file 6\n";
        let paging = parse_vmstat(text, 4096).unwrap();
        assert_eq!(paging.scanned_direct_bytes, Some(3 * 4096));
        assert_eq!(paging.scanned_background_bytes, Some(5 * 4096));
        assert_eq!(paging.refaults, Some(10));
        let refaults = |text| parse_vmstat(text, 4096).unwrap().refaults;
        assert_eq!(refaults("workingset_refault 10\n"), Some(10));
        let half = "pgmajfault 5\nworkingset_refault_anon 4\n";
        assert_eq!(refaults(half), None, "a part is not the whole");
        let huge = "pgscan_direct 18446744073709551615\npgmajfault 1\n";
        assert_eq!(parse_vmstat(huge, 4096).unwrap().scanned_direct_bytes, None);
    }

    #[test]
    fn the_cache_of_zfs_is_read() {
        let text = "13 1 0x01 96 4608 1 2\nname type data\nhits 4 9\nc_min 4 1000\n\
                    size                            4    25000\ncompressed_size 4 7\n";
        let arc = parse_arcstats(text).unwrap();
        assert_eq!((arc.size_bytes, arc.min_bytes), (25_000, Some(1000)));
        assert_eq!(parse_arcstats("hits 4 9\n"), None);
    }

    #[test]
    fn swapped_pages_become_bytes() {
        let text = "pswpinx 9\npswpin 2\npswpout 3\npgmajfault 5\noom_kill 1\n";
        let paging = parse_vmstat(text, 4096).unwrap();
        assert_eq!(paging.swapped_in_bytes, Some(8192));
        assert_eq!(paging.swapped_out_bytes, Some(12_288));
        assert_eq!((paging.major_faults, paging.oom_kills), (Some(5), Some(1)));
        let without_swap = parse_vmstat("pgmajfault 5\n", 4096).unwrap();
        assert_eq!(without_swap.swapped_in_bytes, None);
        assert_eq!(
            parse_vmstat("pswpin 99999999999999999\npswpout x\n", 4096),
            None
        );
    }
}
