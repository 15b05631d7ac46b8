//! Parsers of the files of a control group, for both versions of the interface. Each returns
//! `None` for a text of another form.

use super::sample::{CgroupCpu, CgroupIo, MemoryEvents, Throttling};
use crate::source::text::number;

/// Number from which a limit in a file means no limit: version 1 writes the largest number of
/// pages.
const UNLIMITED_FROM: u64 = 1 << 62;

/// Parses the used CPU time from the line `usage_usec N` of `cpu.stat`, N in microseconds; `None`
/// without such a line.
pub(super) fn cpu_stat(text: &str) -> Option<CgroupCpu> {
    let used_ns = number(text, "usage_usec")?.checked_mul(1000)?;
    Some(CgroupCpu { used_ns })
}

/// Parses the used CPU time from `cpuacct.usage`, a single number of nanoseconds; `None` for other
/// texts.
pub(super) fn cpuacct(text: &str) -> Option<CgroupCpu> {
    amount(text).map(|used_ns| CgroupCpu { used_ns })
}

/// Parses the throttling counters of `cpu.stat`. Their time is in nanoseconds in version 1, in
/// microseconds in version 2; `None` if a counter is missing.
pub(super) fn throttling(text: &str) -> Option<Throttling> {
    let microseconds = number(text, "throttled_usec").and_then(|us| us.checked_mul(1000));
    Some(Throttling {
        periods: number(text, "nr_periods")?,
        throttled_periods: number(text, "nr_throttled")?,
        throttled_ns: microseconds.or_else(|| number(text, "throttled_time"))?,
    })
}

/// Content of a file that sets a limit on a control group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LimitValue<T> {
    /// There is no limit.
    Unlimited,
    /// There is a limit of this value.
    At(T),
}

impl<T> LimitValue<T> {
    /// Returns the value of the limit; `None` if there is no limit.
    pub(super) fn at(self) -> Option<T> {
        match self {
            Self::Unlimited => None,
            Self::At(limit) => Some(limit),
        }
    }
}

/// Parses `cpu.max`, such as `max 100000` or `150000 100000`, as a quota in cores: quota ÷ period.
/// `None` for other forms and a quota or period of 0.
pub(super) fn cpu_max(text: &str) -> Option<LimitValue<f64>> {
    let (quota, period) = text.trim().split_once(' ')?;
    let period: f64 = period.parse().ok().filter(|p| *p > 0.0)?;
    if quota == "max" {
        return Some(LimitValue::Unlimited);
    }
    let quota: u64 = quota.parse().ok().filter(|quota| *quota > 0)?;
    Some(LimitValue::At(quota as f64 / period))
}

/// Parses a limit of one number; `max`, `-1` and numbers from 2^62 on mean no limit. `None` for
/// other texts.
pub(super) fn limit(text: &str) -> Option<LimitValue<u64>> {
    match text.trim() {
        "max" | "-1" => Some(LimitValue::Unlimited),
        number => match number.parse().ok()? {
            UNLIMITED_FROM.. => Some(LimitValue::Unlimited),
            limit => Some(LimitValue::At(limit)),
        },
    }
}

/// Parses a file with a single number; `None` for other texts.
pub(super) fn amount(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Parses the size of inactive cached files, in bytes, from `memory.stat`. In version 1 it is a
/// line of its own that includes the group's children. `None` if the line is missing.
pub(super) fn inactive_files(text: &str, v2: bool) -> Option<u64> {
    let key = if v2 {
        "inactive_file"
    } else {
        "total_inactive_file"
    };
    number(text, key)
}

/// Parses `memory.events` of version 2; `None` if it has none of the counters.
pub(super) fn memory_events(text: &str) -> Option<MemoryEvents> {
    let events = MemoryEvents {
        limit_hits: number(text, "max"),
        high_hits: number(text, "high"),
        oom_kills: number(text, "oom_kill"),
    };
    (events != MemoryEvents::default()).then_some(events)
}

/// Parses the number of killed processes from `memory.oom_control` of version 1; `None` before
/// Linux 4.13, which has no such number.
pub(super) fn oom_control(text: &str) -> Option<MemoryEvents> {
    Some(MemoryEvents {
        limit_hits: None,
        high_hits: None,
        oom_kills: Some(number(text, "oom_kill")?),
    })
}

/// Parses `io.stat` of version 2, with a line `8:0 rbytes=1 wbytes=2 …` for each disk, and adds up
/// the bytes over all disks. The file is empty for a group without transfers, which gives zeros.
/// `None` if a number is malformed.
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

/// Parses the transferred bytes in version 1, from lines such as `8:0 Read 1` and `8:0 Write 2`,
/// and adds them up over all disks. `None` if a number is malformed.
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
        assert_eq!(events.high_hits, Some(1));
        let events = oom_control("oom_kill_disable 0\nunder_oom 0\noom_kill 6\n").unwrap();
        assert_eq!(events.oom_kills, Some(6));
        assert_eq!(memory_events(""), None);
        assert_eq!(oom_control("oom_kill_disable 0\n"), None);
    }
}
