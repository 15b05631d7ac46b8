//! `/proc/net/softnet_stat`: queues in which each CPU takes packets from the network interfaces.

use std::collections::BTreeMap;

/// Counters of one CPU's queue of received packets since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SoftnetCounters {
    /// Number of packets that the CPU has processed since boot.
    pub processed: u64,
    /// Number of packets that were dropped since boot because the queue was full.
    pub dropped: u64,
    /// Number of times since boot that the CPU had to stop with packets left, because its share of
    /// time or packets was used up.
    pub squeezed: u64,
}

/// Counters of each CPU, by its number.
pub(crate) type SoftnetSample = BTreeMap<u32, SoftnetCounters>;

/// Parses the file, a line of hexadecimal numbers `processed dropped squeezed …` for each CPU. The
/// thirteenth is the number of the CPU since Linux 5.10; before, lines count the CPUs that are
/// online. The counters have 32 bits. `None` if no line has three numbers.
pub(crate) fn parse_softnet(text: &str) -> Option<SoftnetSample> {
    let hex = |word: &str| u64::from_str_radix(word, 16).ok();
    let cpu = |(index, line): (usize, &str)| {
        let mut words = line.split_ascii_whitespace();
        let counters = SoftnetCounters {
            processed: hex(words.next()?)?,
            dropped: hex(words.next()?)?,
            squeezed: hex(words.next()?)?,
        };
        let number = words.nth(9).and_then(hex).unwrap_or(index as u64);
        Some((u32::try_from(number).ok()?, counters))
    };
    let all: SoftnetSample = text.lines().enumerate().filter_map(cpu).collect();
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cpu_has_its_line() {
        let text = "0000000a 00000001 00000002 0 0 0 0 0 0 0 0 0 00000003 0 0\n\
                    0000000b 00000000 00000000 0 0 0 0 0 0 0 0 0 00000001 0 0\nx\n";
        let softnet = parse_softnet(text).unwrap();
        assert_eq!(softnet.keys().collect::<Vec<_>>(), [&1, &3]);
        let three = softnet[&3];
        assert_eq!((three.processed, three.dropped, three.squeezed), (10, 1, 2));
        let old = parse_softnet("1 2 3\n4 5 6\n").unwrap();
        assert_eq!(old[&1].processed, 4);
        assert_eq!(parse_softnet("1 2\n"), None);
    }
}
