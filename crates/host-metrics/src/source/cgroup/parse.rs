//! Parsers of a group's files, for both versions.

use super::sample::{CgroupCpu, CgroupIo, MemoryEvents, Throttling};
use crate::source::text::number;

/// Number from which a value means no limit: version 1 writes the largest number of pages.
const UNLIMITED_FROM: u64 = 1 << 62;

/// Parses the line `usage_usec N` of `cpu.stat`.
pub(super) fn cpu_stat(text: &str) -> Option<CgroupCpu> {
    let used_ns = number(text, "usage_usec")?.checked_mul(1000)?;
    Some(CgroupCpu { used_ns })
}

/// Parses `cpuacct.usage`, a single number of nanoseconds.
pub(super) fn cpuacct(text: &str) -> Option<CgroupCpu> {
    amount(text).map(|used_ns| CgroupCpu { used_ns })
}

/// Parses the throttling counters of `cpu.stat`. Its time is in nanoseconds in version 1, in
/// microseconds in version 2.
pub(super) fn throttling(text: &str) -> Option<Throttling> {
    let microseconds = number(text, "throttled_usec").and_then(|us| us.checked_mul(1000));
    Some(Throttling {
        periods: number(text, "nr_periods")?,
        throttled_periods: number(text, "nr_throttled")?,
        throttled_ns: microseconds.or_else(|| number(text, "throttled_time"))?,
    })
}

/// Content of a file that sets a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LimitValue<T> {
    /// No limit.
    Unlimited,
    /// Limit at this value.
    At(T),
}

impl<T> LimitValue<T> {
    /// Returns the value, if there is a limit.
    pub(super) fn at(self) -> Option<T> {
        match self {
            Self::Unlimited => None,
            Self::At(limit) => Some(limit),
        }
    }
}

/// Parses `cpu.max`, such as `max 100000` or `150000 100000`, as a number of cores.
pub(super) fn cpu_max(text: &str) -> Option<LimitValue<f64>> {
    let (quota, period) = text.trim().split_once(' ')?;
    let period: f64 = period.parse().ok().filter(|p| *p > 0.0)?;
    if quota == "max" {
        return Some(LimitValue::Unlimited);
    }
    let quota: u64 = quota.parse().ok().filter(|quota| *quota > 0)?;
    Some(LimitValue::At(quota as f64 / period))
}

/// Parses a limit of one number; `max`, `-1` and the largest numbers mean no limit.
pub(super) fn limit(text: &str) -> Option<LimitValue<u64>> {
    match text.trim() {
        "max" | "-1" => Some(LimitValue::Unlimited),
        number => match number.parse().ok()? {
            UNLIMITED_FROM.. => Some(LimitValue::Unlimited),
            limit => Some(LimitValue::At(limit)),
        },
    }
}

/// Parses a file with a single number.
pub(super) fn amount(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Parses the bytes of inactive cached files in `memory.stat`. Version 1 has a separate line that
/// includes the group's children.
pub(super) fn inactive_files(text: &str, v2: bool) -> Option<u64> {
    let key = if v2 {
        "inactive_file"
    } else {
        "total_inactive_file"
    };
    number(text, key)
}

/// Parses `memory.events`.
pub(super) fn memory_events(text: &str) -> Option<MemoryEvents> {
    let events = MemoryEvents {
        limit_hits: number(text, "max"),
        oom_kills: number(text, "oom_kill"),
    };
    (events != MemoryEvents::default()).then_some(events)
}

/// Parses `memory.oom_control` of version 1, which counts kills since Linux 4.13.
pub(super) fn oom_control(text: &str) -> Option<MemoryEvents> {
    Some(MemoryEvents {
        limit_hits: None,
        oom_kills: Some(number(text, "oom_kill")?),
    })
}

/// Parses `io.stat`, with a line `8:0 rbytes=1 wbytes=2 …` for each disk. It is empty for a group
/// without transfers.
pub(super) fn io_stat(text: &str) -> Option<CgroupIo> {
    let mut io = CgroupIo::default();
    for word in text.split_ascii_whitespace() {
        let (total, number) = match word.split_once('=') {
            Some(("rbytes", number)) => (&mut io.read_bytes, number),
            Some(("wbytes", number)) => (&mut io.written_bytes, number),
            _ => continue,
        };
        *total = total.checked_add(number.parse().ok()?)?;
    }
    Some(io)
}

/// Parses the files of version 1, with lines such as `8:0 Read 1` and `8:0 Write 2`.
pub(super) fn blkio(text: &str) -> Option<CgroupIo> {
    let mut io = CgroupIo::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (kind, number) = (words.next(), words.next());
        let (total, number) = match (kind, number) {
            (Some("Read"), Some(number)) => (&mut io.read_bytes, number),
            (Some("Write"), Some(number)) => (&mut io.written_bytes, number),
            _ => continue,
        };
        *total = total.checked_add(number.parse().ok()?)?;
    }
    Some(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_and_limits_are_read_and_none_is_not_a_huge_one() {
        assert_eq!(cpu_max("150000 100000\n"), Some(LimitValue::At(1.5)));
        assert_eq!(cpu_max("max 100000\n"), Some(LimitValue::Unlimited));
        assert_eq!(limit("1073741824\n"), Some(LimitValue::At(1 << 30)));
        for none in ["max\n", "-1\n", "9223372036854771712\n"] {
            assert_eq!(limit(none), Some(LimitValue::Unlimited), "{none}");
        }
        for odd in ["", "x", "1", "1 0", "0 100000", "-5 100000", "nan nan"] {
            assert_eq!(cpu_max(odd), None, "{odd}");
        }
    }

    #[test]
    fn time_is_told_in_each_versions_unit() {
        let two = "usage_usec 5\nnr_periods 3\nnr_throttled 2\nthrottled_usec 7\n";
        assert_eq!(cpu_stat(two).unwrap().used_ns, 5000);
        assert_eq!(throttling(two).unwrap().throttled_ns, 7000);
        let one = "nr_periods 3\nnr_throttled 2\nthrottled_time 7\n";
        assert_eq!(throttling(one).unwrap().throttled_ns, 7);
        assert_eq!(throttling("usage_usec 5\n"), None);
        assert_eq!(cpu_stat("usage_usec 18446744073709551615\n"), None);
    }

    #[test]
    fn transfers_are_added_up_over_disks() {
        let two = "8:0 rbytes=1 wbytes=2 rios=9\n8:16 rbytes=10 wbytes=20\n";
        let one = "8:0 Read 1\n8:0 Write 2\n8:0 Sync 9\n8:16 Read 10\n8:16 Write 20\nTotal 33\n";
        for io in [io_stat(two), blkio(one)] {
            let io = io.unwrap();
            assert_eq!((io.read_bytes, io.written_bytes), (11, 22));
        }
        assert_eq!(io_stat("").unwrap(), CgroupIo::default());
        assert_eq!(io_stat("8:0 rbytes=x"), None);
    }

    #[test]
    fn events_are_found_by_name() {
        let events = memory_events("low 0\nhigh 1\nmax 4\noom 2\noom_kill 3\n").unwrap();
        assert_eq!((events.limit_hits, events.oom_kills), (Some(4), Some(3)));
        let events = oom_control("oom_kill_disable 0\nunder_oom 0\noom_kill 6\n").unwrap();
        assert_eq!(events.oom_kills, Some(6));
        assert_eq!(memory_events(""), None);
        assert_eq!(oom_control("oom_kill_disable 0\n"), None);
    }
}
