//! `/proc/pressure`: time in which tasks waited for CPU, memory or I/O (pressure stall information,
//! PSI).

use super::Timed;

/// Time since boot in which tasks were stalled for one resource, in nanoseconds with a resolution
/// of one microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PressureStall {
    /// Time since boot in which at least one task waited for the resource, in nanoseconds.
    pub some_ns: u64,
    /// Time since boot in which all tasks that were not idle waited for the resource, in
    /// nanoseconds; `None` if the kernel does not report it.
    pub full_ns: Option<u64>,
}

/// Stalled time of each resource since boot; `None` where it could not be read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PressureSample {
    /// Time since boot in which tasks waited for a CPU; `None` if it could not be read.
    pub cpu: Option<Timed<PressureStall>>,
    /// Time since boot in which tasks waited for memory (reclaim, refaults, swap); `None` if it
    /// could not be read.
    pub memory: Option<Timed<PressureStall>>,
    /// Time since boot in which tasks waited for I/O; `None` if it could not be read.
    pub io: Option<Timed<PressureStall>>,
}

/// Parses one file of `/proc/pressure`; `None` if its line `some` is missing or has no valid total.
pub(crate) fn parse(text: &str) -> Option<PressureStall> {
    let total_ns = |kind: &str| -> Option<u64> {
        let line = text.lines().find_map(|l| l.strip_prefix(kind))?;
        let total = line
            .split(' ')
            .find_map(|word| word.strip_prefix("total="))?;
        total.trim().parse::<u64>().ok()?.checked_mul(1000)
    };
    Some(PressureStall {
        some_ns: total_ns("some ")?,
        full_ns: total_ns("full "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_and_averages_left_alone() {
        let text = "some avg10=1.00 avg60=0.50 avg300=0.10 total=42\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        let stall = parse(text).unwrap();
        assert_eq!((stall.some_ns, stall.full_ns), (42_000, Some(7000)));
        let cpu_of_old_kernels = parse("some avg10=0.00 total=42\n").unwrap();
        assert_eq!(cpu_of_old_kernels.full_ns, None);
    }

    #[test]
    fn odd_files_give_nothing() {
        for text in [
            "",
            "some",
            "some avg10=0.00",
            "some total=x",
            "full total=1",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
