//! `/proc/meminfo` and `/proc/vmstat`: memory and swap in use, and pages swapped.

/// Memory and swap, in bytes. What the kernel does not tell is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemorySample {
    /// Memory of the machine that the kernel manages.
    pub total_bytes: u64,
    /// What could be had without swapping (the kernel's own estimate, since 3.14).
    pub available_bytes: Option<u64>,
    /// Swap in use.
    pub swap_used_bytes: Option<u64>,
}

/// Bytes moved between memory and swap since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PagingSample {
    /// Read back from swap.
    pub swapped_in_bytes: u64,
    /// Written to swap.
    pub swapped_out_bytes: u64,
}

/// Parses `/proc/meminfo`; `None` without a total.
pub fn parse_meminfo(text: &str) -> Option<MemorySample> {
    let bytes = |wanted: &str| -> Option<u64> {
        let mut words = after(text, wanted, ':')?.split_ascii_whitespace();
        let kibibytes: u64 = words.next()?.parse().ok()?;
        (words.next()? == "kB").then(|| kibibytes.checked_mul(1024))?
    };
    let total_bytes = bytes("MemTotal").filter(|total| *total > 0)?;
    let swap = bytes("SwapTotal").zip(bytes("SwapFree"));
    Some(MemorySample {
        total_bytes,
        available_bytes: bytes("MemAvailable").filter(|available| *available <= total_bytes),
        swap_used_bytes: swap.and_then(|(total, free)| total.checked_sub(free)),
    })
}

/// Parses `/proc/vmstat`; `None` in a kernel without swap.
pub fn parse_vmstat(text: &str, page_bytes: u64) -> Option<PagingSample> {
    let bytes = |wanted: &str| -> Option<u64> {
        let line = after(text, wanted, ' ')?;
        line.trim().parse::<u64>().ok()?.checked_mul(page_bytes)
    };
    Some(PagingSample {
        swapped_in_bytes: bytes("pswpin")?,
        swapped_out_bytes: bytes("pswpout")?,
    })
}

/// What follows `key` and `divider` on the line that starts with them.
fn after<'a>(text: &'a str, key: &str, divider: char) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(divider))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:   1000 kB\nMemFree: 1 kB\nMemAvailable:    250 kB\n\
                    SwapCached: 9 kB\nSwapTotal: 100 kB\nSwapFree: 60 kB\n";
        let memory = parse_meminfo(text).unwrap();
        assert_eq!(memory.total_bytes, 1_024_000);
        assert_eq!(memory.available_bytes, Some(256_000));
        assert_eq!(memory.swap_used_bytes, Some(40_960));
    }

    #[test]
    fn what_is_missing_or_impossible_is_absent() {
        assert_eq!(parse_meminfo(""), None);
        assert_eq!(parse_meminfo("MemTotal: 0 kB"), None);
        assert_eq!(parse_meminfo("MemTotal: 12"), None);
        let odd = "MemTotal: 10 kB\nMemAvailable: 11 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n";
        let memory = parse_meminfo(odd).unwrap();
        assert_eq!(
            (memory.available_bytes, memory.swap_used_bytes),
            (None, None)
        );
    }

    #[test]
    fn swapped_pages_become_bytes() {
        let paging = parse_vmstat("pswpinx 9\npswpin 2\npswpout 3\n", 4096).unwrap();
        assert_eq!(paging.swapped_in_bytes, 8192);
        assert_eq!(paging.swapped_out_bytes, 12_288);
        assert_eq!(parse_vmstat("pswpin 2\n", 4096), None);
        assert_eq!(
            parse_vmstat("pswpin 99999999999999999\npswpout 1", 4096),
            None
        );
    }
}
